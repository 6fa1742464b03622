using Dynamo.Pipeline.Readings;

namespace Dynamo.Pipeline;

/// <summary>
/// Describes where the readings are in a CSV file, and how their times, values and channels are written: change it with <c>with</c>
/// and give it to a <see cref="CsvFormat{TRow}"/>, which may use it from any thread because it is immutable.
/// </summary>
/// <remarks>
/// Columns are found by name or by number, in any order. Case does not matter. In a long file, columns that are not named here
/// are ignored. A wrong setting is refused when it is set; settings that exclude each other are refused when the format is created.
/// </remarks>
public sealed record ReadingFormat : ICsvShape<Reading>
{
    /// <summary>A key for <see cref="Channels"/>: all channels that have no entry of their own.</summary>
    public const string AnyChannel = "*";

    /// <summary>
    /// The header <c>logger,channel,timestamp,value</c>, ISO 8601 timestamps with an offset or <c>Z</c>, and decimal points.
    /// </summary>
    public static ReadingFormat Default { get; } = new();

    /// <summary>
    /// A column <c>timestamp</c>; all other columns are channels; the logger is the file's name.
    /// Set <see cref="Zone"/> if the timestamps are local.
    /// </summary>
    public static ReadingFormat WideByChannel { get; } = new() { Layout = ReadingLayout.WideByChannel, Logger = FieldSource.FileName };

    /// <summary>
    /// How the text is written: separator, quote, encoding, lines above and below the table. Default <see cref="CsvText.Default"/>.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public CsvText Text { get; init => field = value ?? throw new ArgumentNullException(nameof(Text)); } = CsvText.Default;

    /// <summary>Whether a line has one reading, or one timestamp with many readings. Default <see cref="ReadingLayout.Long"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the layouts.</exception>
    public ReadingLayout Layout
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Layout), value, "Layout is Long, WideByChannel or WideByLogger.");
    }

    /// <summary>
    /// Where the logger's name is. Default: column <c>logger</c>. Not used for files
    /// that are wide by logger: their header names the loggers.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>logger</c>.</exception>
    public FieldSource Logger { get; init => field = Source(value, "logger"); } = FieldSource.Column("logger");

    /// <summary>
    /// Where the channel's name is. Default: column <c>channel</c>. Not used for files
    /// that are wide by channel: their header names the channels.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>channel</c>.</exception>
    public FieldSource Channel { get; init => field = Source(value, "channel"); } = FieldSource.Column("channel");

    /// <summary>Where the timestamp is, or only its date if <see cref="TimeOfDay"/> is set. Default: column <c>timestamp</c>.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>timestamp</c>.</exception>
    public FieldSource Timestamp { get; init => field = Source(value, "timestamp"); } = FieldSource.Column("timestamp");

    /// <summary>
    /// Where the time of day is, if it is separate from the date. Default <see langword="null"/>: it is not separate.
    /// The two texts are read as one with a space between them, so <see cref="TimestampFormats"/> look like <c>dd.MM.yyyy HH:mm</c>.
    /// </summary>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>timeOfDay</c>.</exception>
    public FieldSource? TimeOfDay { get; init => field = value?.For("timeOfDay"); }

    /// <summary>Where the value is. Default: column <c>value</c>. Not used for wide files.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>value</c>.</exception>
    public FieldSource Value { get; init => field = Source(value, "value"); } = FieldSource.Column("value");

    /// <summary>
    /// Columns of a wide file that are neither channels nor loggers, such as remarks, serial numbers or battery. Default none.
    /// A file without one of these columns is quarantined.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public IReadOnlyList<string> IgnoredColumns { get; init => field = Names(value, nameof(IgnoredColumns)); } = [];

    /// <summary>The character before the decimals, <c>.</c> or <c>,</c>. Default <c>.</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is neither of the two.</exception>
    public char DecimalSeparator
    {
        get;
        init => field = value is '.' or ','
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DecimalSeparator), value, "DecimalSeparator is '.' or ','.");
    } = '.';

    /// <summary>
    /// The character between groups of thousands: <c>,</c>, <c>.</c>, <c>'</c> or a space; a space also stands for no-break spaces.
    /// Default <see langword="null"/>: a number with such a character is rejected. If it is set, numbers with and without it are accepted,
    /// and all groups but the first must have three digits.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is none of these.</exception>
    public char? ThousandsSeparator
    {
        get;
        init => field = value is null or ',' or '.' or '\'' or ' '
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(ThousandsSeparator), value, "ThousandsSeparator is ',', '.', ''' or a space.");
    }

    /// <summary>
    /// What the logger writes if it has no value, such as <c>""</c> (an empty field), <c>NaN</c>, <c>---</c> or <c>-9999</c>.
    /// Default none: such a value is rejected. Case does not matter. A token that is a number also matches the same number
    /// in another notation. A reading without a value is skipped and counted, never stored.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public IReadOnlyList<string> NullTokens
    {
        get;
        init => field = [.. value ?? throw new ArgumentNullException(nameof(NullTokens))];
    } = [];

    /// <summary>
    /// How timestamps are written; the formats are tried in this order. Default none, which is the same as <c>iso</c>.
    /// A timestamp in no format of the list is rejected; the order of day and month is never guessed.
    /// </summary>
    /// <remarks>
    /// A format is a pattern as in <see cref="DateTime.ParseExact(string, string, IFormatProvider)"/> or one of these words:
    /// <c>iso</c> (ISO 8601 with <c>T</c> or a space; seconds, up to seven decimals and the offset are optional),
    /// <c>epoch</c>, <c>epochMs</c>, <c>epochUs</c> (seconds, milliseconds, microseconds since 1970, UTC)
    /// and <c>excel</c> (a spreadsheet's days since 1899-12-30).
    /// Names of months and days are English. Years of two digits are 1950 to 2049. A date without a time is its midnight.
    /// </remarks>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">
    /// A pattern has no year, month or day; or it has <c>K</c>, which stands for the machine's zone; or its hours or minutes
    /// are ambiguous (<c>h</c> without <c>tt</c>, <c>m</c> without an hour).
    /// </exception>
    public IReadOnlyList<string> TimestampFormats { get; init => field = Formats(value); } = [];

    /// <summary>
    /// For timestamps that count from a start, which the file gives once. Default <see langword="null"/>: they do not.
    /// </summary>
    public ElapsedTime? Elapsed { get; init; }

    /// <summary>
    /// The zone of timestamps without an offset, as an IANA id such as
    /// <c>Europe/Brussels</c> or <c>UTC</c>. Default <see langword="null"/>:
    /// a timestamp without an offset is rejected. For a logger that never changes its clock, use a zone such as <c>Etc/GMT-1</c>,
    /// which is one hour <i>ahead</i> of UTC.
    /// </summary>
    /// <exception cref="ArgumentException">This machine does not know the zone.</exception>
    public string? Zone
    {
        get;
        init => field = value is null || TimeZoneInfo.TryFindSystemTimeZoneById(value, out _)
            ? value
            : throw UnknownZone(value, nameof(Zone));
    }

    /// <summary>
    /// The meaning of a local time that does not exist because the clocks were put forward. Default <see cref="ClockChange.Reject"/>.
    /// </summary>
    public ClockChange Gap { get; init; } = ClockChange.Reject;

    /// <summary>
    /// The meaning of a local time that exists twice because the clocks were put back, if the file's order does not tell.
    /// Default <see cref="ClockChange.Earlier"/>. If the readings of one logger and channel are in order in a file, forward or backward,
    /// the second pass through the repeated hour is recognised, whatever is set here.
    /// </summary>
    public ClockChange Fold { get; init; } = ClockChange.Earlier;

    /// <summary>
    /// How to treat channels, by their name in the file. Case does not matter. <see cref="AnyChannel"/> stands for all channels
    /// without an entry. Default: channels are loaded as they are.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A channel is there twice.</exception>
    public IReadOnlyDictionary<string, ChannelFormat> Channels
    {
        get;
        init => field = ByName(value);
    } = new Dictionary<string, ChannelFormat>();

    /// <summary>The column with the quality of each reading. Default <see langword="null"/>: all readings are good.</summary>
    public QualityColumn? Quality { get; init; }

    /// <inheritdoc/>
    public ICsvTable<Reading> Bind(CsvHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        return Layout == ReadingLayout.Long ? new LongReadings(this, header) : new WideReadings(this, header);
    }

    /// <summary>Refuses settings that exclude each other. <see cref="CsvFormat{TRow}"/> calls it when it is created.</summary>
    /// <exception cref="ArgumentException">Two settings exclude each other.</exception>
    public void Check()
    {
        Text.Check();
        if (ThousandsSeparator == DecimalSeparator)
            throw new ArgumentException($"ThousandsSeparator and DecimalSeparator are both '{DecimalSeparator}': they must differ.");
        if (ThousandsSeparator == ' ' && Text.Separator == ' ')
            throw new ArgumentException("ThousandsSeparator and Separator are both a space: they must differ.");
        if (Elapsed is not null && TimeOfDay is not null)
            throw new ArgumentException("Elapsed and TimeOfDay are both set: a time either counts from a start or is a time of day.");
        if (Layout == ReadingLayout.Long && IgnoredColumns.Count > 0)
            throw new ArgumentException("IgnoredColumns is for wide files; in a long one, columns that are not named are ignored.");
        foreach ((string channel, ChannelFormat set) in Channels)
            set.Check(channel, Text.HasUnits);
        if (Channels.TryGetValue(AnyChannel, out ChannelFormat? any) && any.Name is not null)
            throw new ArgumentException($"Channels: '{AnyChannel}' has the Name '{any.Name}', so that all channels would become one.");
        string? twice = Channels.Values
            .Select(set => set.Name)
            .OfType<string>()
            .GroupBy(name => name, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
            throw new ArgumentException($"Channels: two channels get the Name '{twice}', and one would overwrite the other.");
    }

    /// <summary>The settings of a channel, or null if there are none.</summary>
    internal ChannelFormat? ChannelOf(string channel) =>
        Channels.GetValueOrDefault(channel) ?? Channels.GetValueOrDefault(AnyChannel);

    private static FieldSource Source(FieldSource value, string name) => (value ?? throw new ArgumentNullException(name)).For(name);

    private static string[] Names(IReadOnlyList<string> names, string property)
    {
        ArgumentNullException.ThrowIfNull(names, property);
        return names.All(name => !string.IsNullOrWhiteSpace(name))
            ? [.. names.Select(name => name.Trim())]
            : throw new ArgumentException($"{property} holds an empty name.", property);
    }

    private static Dictionary<string, ChannelFormat> ByName(IReadOnlyDictionary<string, ChannelFormat> channels)
    {
        ArgumentNullException.ThrowIfNull(channels);
        var byName = new Dictionary<string, ChannelFormat>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, ChannelFormat channel) in channels)
        {
            if (!byName.TryAdd(name.Trim(), channel))
                throw new ArgumentException($"Channels: '{name}' is there twice, as names are compared without case.", nameof(channels));
        }
        return byName;
    }

    private static ArgumentException UnknownZone(string zone, string name) =>
        new($"Zone '{zone}' is not known on this machine: an IANA id such as Europe/Brussels or UTC is expected.", name);

    private static string[] Formats(IReadOnlyList<string> formats)
    {
        ArgumentNullException.ThrowIfNull(formats);
        return [.. formats.Select(TimestampFormat.Checked)];
    }
}
