using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>How the columns of a file hold readings.</summary>
public enum ReadingLayout
{
    /// <summary>A line holds one reading; the value has a column of its own.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "Long and wide are the field's words for the two shapes of a table.")]
    Long,

    /// <summary>A line holds one timestamp; every column that is not used otherwise is a channel, named by the header.</summary>
    WideByChannel,
}

/// <summary>
/// How readings are found in a CSV file: a description, changed by <c>with</c>. For <see cref="CsvFormat{TRow}"/>.
/// Columns are found by name, without case, in any order; in a long file, columns that are not named here are ignored.
/// </summary>
public sealed record ReadingFormat : ICsvShape<Reading>
{
    /// <summary><c>logger,channel,timestamp,value</c> with ISO 8601 timestamps that carry an offset or <c>Z</c>, and decimal points.</summary>
    public static ReadingFormat Default { get; } = new();

    /// <summary>A column <c>timestamp</c>, all others channels, the logger from the file's name. Set <see cref="Zone"/> when timestamps are local.</summary>
    public static ReadingFormat WideByChannel { get; } = new() { Layout = ReadingLayout.WideByChannel, Logger = FieldSource.FileName };

    /// <summary>Separator, quote and longest line. Default <see cref="CsvText.Default"/>.</summary>
    public CsvText Text { get; init => field = value ?? throw new ArgumentNullException(nameof(Text)); } = CsvText.Default;

    /// <summary>One reading a line, or one timestamp a line. Default <see cref="ReadingLayout.Long"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not one of the layouts.</exception>
    public ReadingLayout Layout
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Layout), value, "Layout is Long or WideByChannel.");
    }

    /// <summary>Where the logger's name is. Default: column <c>logger</c>.</summary>
    public FieldSource Logger { get; init => field = value ?? throw new ArgumentNullException(nameof(Logger)); } = FieldSource.Column("logger");

    /// <summary>Where the channel's name is. Default: column <c>channel</c>. Not used in a wide file, whose header names the channels.</summary>
    public FieldSource Channel { get; init => field = value ?? throw new ArgumentNullException(nameof(Channel)); } = FieldSource.Column("channel");

    /// <summary>The timestamp's column. Default <c>timestamp</c>.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string TimestampColumn { get; init => field = Name(value, nameof(TimestampColumn)); } = "timestamp";

    /// <summary>The value's column. Default <c>value</c>. Not used in a wide file.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string ValueColumn { get; init => field = Name(value, nameof(ValueColumn)); } = "value";

    /// <summary>The character before the decimals. Default <c>.</c>; the other choice is <c>,</c>. Thousands separators are never accepted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither of the two.</exception>
    public char DecimalSeparator
    {
        get;
        init => field = value is '.' or ','
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DecimalSeparator), value, "DecimalSeparator is '.' or ','.");
    } = '.';

    /// <summary>
    /// Exact formats of timestamps as in <see cref="DateTime.ParseExact(string, string, IFormatProvider)"/>, tried in order; those with an offset
    /// (<c>zzz</c>) after those without. Default none: ISO 8601, with <c>T</c> or a space, seconds and up to seven decimals optional.
    /// A timestamp in another format is rejected.
    /// </summary>
    /// <exception cref="ArgumentException">A format lacks year, month, day or hour, or holds <c>K</c>, which stands for the machine's zone.</exception>
    public IReadOnlyList<string> TimestampFormats { get; init => field = Formats(value); } = [];

    /// <summary>
    /// The zone of timestamps without an offset, as an IANA id: <c>Europe/Brussels</c>, <c>UTC</c>. Default none: a timestamp without an offset is
    /// rejected. Of an hour that exists twice the first is meant; a time that does not exist is rejected.
    /// </summary>
    /// <exception cref="ArgumentException">This machine knows no such zone.</exception>
    public string? Zone { get; init => field = value is null || TimeZoneInfo.TryFindSystemTimeZoneById(value, out _) ? value : throw UnknownZone(value, nameof(Zone)); }

    /// <inheritdoc/>
    public ICsvTable<Reading> Bind(CsvHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        return Layout == ReadingLayout.Long ? new LongReadings(this, header) : new WideReadings(this, header);
    }

    internal TimestampText Timestamps() => new(TimestampFormats, Zone is null ? null : TimeZoneInfo.FindSystemTimeZoneById(Zone));

    private static string Name(string value, string name) =>
        string.IsNullOrWhiteSpace(value) ? throw new ArgumentException($"{name} is a column's name, not empty.", name) : value.Trim();

    private static ArgumentException UnknownZone(string zone, string name) =>
        new($"Zone '{zone}' is not known on this machine: an IANA id such as Europe/Brussels or UTC is expected.", name);

    private static string[] Formats(IReadOnlyList<string> formats)
    {
        ArgumentNullException.ThrowIfNull(formats);
        foreach (string format in formats)
        {
            if (!"yMd".All(format.Contains) || !format.Contains('H', StringComparison.OrdinalIgnoreCase) || format.Contains('K'))
                throw new ArgumentException($"TimestampFormats: '{format}' needs year, month, day and hour (y, M, d, H) and no K; an offset is zzz.", nameof(formats));
        }
        return [.. formats];
    }
}
