namespace Dynamo.Pipeline.Analysis;

/// <summary>A channel that an area's inflow is summed up from.</summary>
/// <param name="logger">The logger, as in the readings.</param>
/// <param name="channel">Its channel.</param>
/// <param name="factor">
/// What its values are multiplied by: 1 flows in, −1 flows out, 3.6 makes m³/h of litres a second. Of a tank, its area in m²: what makes
/// the level rise is not used, in m³/h if the level is in metres.
/// </param>
/// <param name="isTankLevel">Whether it is the level of a tank.</param>
public sealed class InflowPart(string logger, string channel, double factor = 1, bool isTankLevel = false)
{
    /// <summary>The logger, as in the readings.</summary>
    public string Logger => logger;

    /// <summary>Its channel.</summary>
    public string Channel => channel;

    /// <summary>What its values are multiplied by; of a tank, its area.</summary>
    public double Factor => factor;

    /// <summary>Whether it is the level of a tank.</summary>
    public bool IsTankLevel => isTankLevel;
}

/// <summary>A pressure logger in an area.</summary>
/// <param name="logger">The logger, as in the readings.</param>
/// <param name="channel">Its channel.</param>
/// <param name="node">The node of the area's pipes that it is at; <see langword="null"/>: the one that is nearest to its
/// coordinates.</param>
/// <param name="x">To the east, or longitude; <see langword="null"/>: that of its node, or not known.</param>
/// <param name="y">To the north, or latitude.</param>
public sealed class PressurePoint(string logger, string channel, string? node = null, double? x = null, double? y = null)
{
    /// <summary>The logger, as in the readings.</summary>
    public string Logger => logger;

    /// <summary>Its channel.</summary>
    public string Channel => channel;

    /// <summary>The node of the area's pipes that it is at; <see langword="null"/>: the one that is nearest to its coordinates.</summary>
    public string? Node => node;

    /// <summary>To the east, or longitude; <see langword="null"/>: that of its node, or not known.</summary>
    public double? X => x;

    /// <summary>To the north, or latitude.</summary>
    public double? Y => y;
}

/// <summary>An area that <see cref="BurstWatch"/> looks after. Immutable.</summary>
/// <param name="Name">Its name, the key of its events: at most 200 characters.</param>
/// <param name="Inflow">What flows in: the sum of one part or more.</param>
public sealed record WatchedArea(string Name, IReadOnlyList<InflowPart> Inflow)
{
    /// <summary>Pressure loggers in it. Default: none. From three on events have an area of interest, if it is known where they
    /// are.</summary>
    public IReadOnlyList<PressurePoint> Pressures { get; init; } = [];

    /// <summary>Its pipes; <see langword="null"/>: not known, areas of interest are as the crow flies.</summary>
    public PipeGraph? Pipes { get; init; }

    /// <summary>How bursts are looked for. The number of pressure loggers is that of <see cref="Pressures"/>.</summary>
    public BurstDetectorOptions Options { get; init; } = new();

    /// <summary>The series it needs: those of the inflow, then the pressures.</summary>
    internal IReadOnlyList<(string Logger, string Channel)> Series { get; } =
        [.. Inflow.Select(part => (part.Logger, part.Channel))];

    internal IReadOnlyList<(string Logger, string Channel)> AllSeries =>
        [.. Series, .. Pressures.Select(point => (point.Logger, point.Channel))];

    internal BurstDetectorOptions DetectorOptions => Options with { PressureLoggers = Pressures.Count };

    /// <summary>Where to look, if the event says what loggers lost and it is known where enough of them are.</summary>
    /// <param name="told">The event.</param>
    /// <returns>The area of interest; <see langword="null"/>: not known.</returns>
    public AreaOfInterest? Locate(BurstEvent told)
    {
        ArgumentNullException.ThrowIfNull(told);
        List<LoggerDrop> drops = [];
        for (int i = 0; i < Math.Min(told.Drops.Count, Pressures.Count); i++)
        {
            if (PlaceOf(Pressures[i]) is { } place)
                drops.Add(new LoggerDrop(place, told.Drops[i], told.Sensitivities[i], Pipes is null ? null : Pressures[i].Node));
        }
        return Pipes is null ? AreaOfInterest.Locate(drops) : AreaOfInterest.Locate(Pipes, drops);
    }

    /// <summary>Where a logger is.</summary>
    internal Place? PlaceOf(PressurePoint point)
    {
        if (point is { X: { } x, Y: { } y }) return new Place(point.Logger, x, y);
        Place? node = point.Node is null ? null : Pipes?.Nodes.FirstOrDefault(one => one.Name == point.Node);
        return node is null ? null : node with { Name = point.Logger };
    }
}
