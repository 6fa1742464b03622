namespace Dynamo.Pipeline.Host;

/// <summary>A format that is being put together from settings, and the files it is for.</summary>
internal sealed record FormatChoice
{
    public static FormatChoice Default { get; } = new();

    /// <summary>The files it is for; <see langword="null"/> for all.</summary>
    public string? Files { get; init; }

    public ReadingFormat Format { get; init; } = ReadingFormat.Default;

    /// <summary>Whether a setting says where the logger's name is.</summary>
    public bool HasLogger { get; init; }

    public ElapsedUnit? ElapsedUnit { get; init; }

    public FieldSource? ElapsedStart { get; init; }

    public string? QualityColumn { get; init; }

    public IReadOnlyList<string>? QualityAccepted { get; init; }

    public DoubtfulReading? QualityOtherwise { get; init; }

    /// <summary>The channel that the setting which is being applied is for.</summary>
    public string CurrentChannel { get; init; } = "";

    public FormatChoice WithChannel(Func<ChannelFormat, ChannelFormat> change)
    {
        var channels = new Dictionary<string, ChannelFormat>(Format.Channels, StringComparer.OrdinalIgnoreCase);
        channels[CurrentChannel] = change(channels.GetValueOrDefault(CurrentChannel) ?? new ChannelFormat());
        return this with { Format = Format with { Channels = channels }, CurrentChannel = "" };
    }

    /// <summary>Puts the parts together.</summary>
    /// <exception cref="ArgumentException">A part is missing, or settings exclude each other.</exception>
    public FormatChoice Completed()
    {
        ReadingFormat format = Format;
        // In a wide file the logger is the file's name unless a setting says otherwise.
        if (format.Layout is ReadingLayout.WideByChannel or ReadingLayout.WideByTime && !HasLogger)
            format = format with { Logger = FieldSource.FileName };
        format = format with { Elapsed = CompletedElapsed() ?? format.Elapsed, Quality = CompletedQuality() ?? format.Quality };
        format.Check();
        return this with { Format = format };
    }

    private ElapsedTime? CompletedElapsed() => (ElapsedUnit, ElapsedStart) switch
    {
        ({ } unit, { } start) => new ElapsedTime(unit, start),
        ({ }, null) => throw new ArgumentException(
            "elapsed needs elapsedStart: where the start of the times is, such as \"elapsedStart\": { \"preamble\": \"Start\" }."),
        (null, { }) => throw new ArgumentException("elapsedStart needs elapsed: what is counted, such as \"elapsed\": \"s\"."),
        _ => null,
    };

    private QualityColumn? CompletedQuality()
    {
        if (QualityColumn is null && QualityAccepted is null && QualityOtherwise is null) return null;
        if (QualityColumn is null || QualityAccepted is null)
            throw new ArgumentException(
                "quality needs a column and the accepted codes: \"quality\": { \"column\": \"Q\", \"accepted\": [\"0\"] }.");
        return new QualityColumn(QualityColumn, QualityAccepted) { Otherwise = QualityOtherwise ?? DoubtfulReading.Reject };
    }
}
