using Dynamo.Pipeline.Readings;

namespace Dynamo.Pipeline;

/// <summary>
/// How readings are found in a CSV file: a description, changed by <c>with</c>. For <see cref="CsvFormat{TRow}"/>.
/// Columns are found by name, without case, in any order, or by number; in a long file, columns that are not named here are ignored.
/// What is wrong with a single setting is refused when it is set, settings that exclude each other when the format is made.
/// </summary>
public sealed record ReadingFormat : ICsvShape<Reading>
{
    /// <summary>In <see cref="Channels"/>: all channels that are not named there.</summary>
    public const string AnyChannel = "*";

    /// <summary><c>logger,channel,timestamp,value</c> with ISO 8601 timestamps that carry an offset or <c>Z</c>, and decimal points.</summary>
    public static ReadingFormat Default { get; } = new();

    /// <summary>A column <c>timestamp</c>, all others channels, the logger from the file's name. Set <see cref="Zone"/> when timestamps are local.</summary>
    public static ReadingFormat WideByChannel { get; } = new() { Layout = ReadingLayout.WideByChannel, Logger = FieldSource.FileName };

    /// <summary>How the text is written: separator, quote, encoding, what stands around the table. Default <see cref="CsvText.Default"/>.</summary>
    public CsvText Text { get; init => field = value ?? throw new ArgumentNullException(nameof(Text)); } = CsvText.Default;

    /// <summary>One reading a line, or one timestamp a line. Default <see cref="ReadingLayout.Long"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not one of the layouts.</exception>
    public ReadingLayout Layout
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Layout), value, "Layout is Long, WideByChannel or WideByLogger.");
    }

    /// <summary>Where the logger's name is. Default: column <c>logger</c>. Not used in a file that is wide by logger, whose header names the loggers.</summary>
    /// <exception cref="ArgumentException">A pattern of several groups without one called <c>logger</c>.</exception>
    public FieldSource Logger { get; init => field = Source(value, "logger"); } = FieldSource.Column("logger");

    /// <summary>Where the channel's name is. Default: column <c>channel</c>. Not used in a file that is wide by channel, whose header names the channels.</summary>
    /// <exception cref="ArgumentException">A pattern of several groups without one called <c>channel</c>.</exception>
    public FieldSource Channel { get; init => field = Source(value, "channel"); } = FieldSource.Column("channel");

    /// <summary>Where the timestamp is, or its date when <see cref="TimeOfDay"/> is set. Default: column <c>timestamp</c>.</summary>
    /// <exception cref="ArgumentException">A pattern of several groups without one called <c>timestamp</c>.</exception>
    public FieldSource Timestamp { get; init => field = Source(value, "timestamp"); } = FieldSource.Column("timestamp");

    /// <summary>
    /// Where the time of day is, when it is apart from the date. Default <see langword="null"/>: it is not. The two texts are read as one, with a space between
    /// them, so <see cref="TimestampFormats"/> are such as <c>dd.MM.yyyy HH:mm</c>.
    /// </summary>
    /// <exception cref="ArgumentException">A pattern of several groups without one called <c>timeOfDay</c>.</exception>
    public FieldSource? TimeOfDay { get; init => field = value?.For("timeOfDay"); }

    /// <summary>Where the value is. Default: column <c>value</c>. Not used in wide files.</summary>
    /// <exception cref="ArgumentException">A pattern of several groups without one called <c>value</c>.</exception>
    public FieldSource Value { get; init => field = Source(value, "value"); } = FieldSource.Column("value");

    /// <summary>Columns of a wide file that are neither channels nor loggers: remarks, serial numbers, battery. Default none. One that is missing condemns the file.</summary>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public IReadOnlyList<string> IgnoredColumns { get; init => field = Names(value, nameof(IgnoredColumns)); } = [];

    /// <summary>The character before the decimals. Default <c>.</c>; the other choice is <c>,</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither of the two.</exception>
    public char DecimalSeparator
    {
        get;
        init => field = value is '.' or ','
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DecimalSeparator), value, "DecimalSeparator is '.' or ','.");
    } = '.';

    /// <summary>
    /// The character between thousands: <c>,</c>, <c>.</c>, <c>'</c> or a space (one that does not break as well). Default <see langword="null"/>: a number with one is
    /// rejected. With it, numbers with and without are accepted; groups must be of three digits.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">None of these.</exception>
    public char? ThousandsSeparator
    {
        get;
        init => field = value is null or ',' or '.' or '\'' or ' '
            ? value
            : throw new ArgumentOutOfRangeException(nameof(ThousandsSeparator), value, "ThousandsSeparator is ',', '.', ''' or a space.");
    }

    /// <summary>
    /// What the logger writes where it has no value: <c>""</c> (an empty field), <c>NaN</c>, <c>---</c>, <c>-9999</c>. Default none: such a value is rejected. Compared without
    /// case; a token that is a number stands for that number however it is written. A reading without a value is skipped and counted, never stored.
    /// </summary>
    public IReadOnlyList<string> NullTokens { get; init => field = [.. value ?? throw new ArgumentNullException(nameof(NullTokens))]; } = [];

    /// <summary>
    /// How timestamps are written, tried in this order: patterns as in <see cref="DateTime.ParseExact(string, string, IFormatProvider)"/>, or the words <c>iso</c> (ISO 8601
    /// with <c>T</c> or a space, seconds and up to seven decimals optional, offset optional), <c>epoch</c>, <c>epochMs</c>, <c>epochUs</c> (since 1970, UTC) and <c>excel</c>
    /// (a spreadsheet's days since 1899-12-30). Default none, which is <c>iso</c>. Months and days by name are English, a year of two digits is 1950 to 2049,
    /// a date alone is its midnight. A timestamp in another format is rejected; the order of day and month is never guessed.
    /// </summary>
    /// <exception cref="ArgumentException">A pattern lacks year, month or day, or holds <c>K</c>, which stands for the machine's zone.</exception>
    public IReadOnlyList<string> TimestampFormats { get; init => field = Formats(value); } = [];

    /// <summary>Times that count from a start, which is stated once for the file. Default <see langword="null"/>: they do not.</summary>
    public ElapsedTime? Elapsed { get; init; }

    /// <summary>
    /// The zone of timestamps without an offset, as an IANA id: <c>Europe/Brussels</c>, <c>UTC</c>. Default none: a timestamp without an offset is
    /// rejected. A logger that does not change its clock has a zone such as <c>Etc/GMT-1</c>, which is an hour <i>ahead</i> of UTC.
    /// </summary>
    /// <exception cref="ArgumentException">This machine knows no such zone.</exception>
    public string? Zone { get; init => field = value is null || TimeZoneInfo.TryFindSystemTimeZoneById(value, out _) ? value : throw UnknownZone(value, nameof(Zone)); }

    /// <summary>What a local time means that does not exist, because the clocks were put forward over it. Default <see cref="ClockChange.Reject"/>.</summary>
    public ClockChange Gap { get; init; } = ClockChange.Reject;

    /// <summary>
    /// What a local time means that exists twice, because the clocks were put back over it, where the file's order does not tell. Default <see cref="ClockChange.Earlier"/>.
    /// Within a file, the readings of one logger and channel that come in order (forward or backward) tell: the second pass through the repeated hour is recognised,
    /// whatever is set here.
    /// </summary>
    public ClockChange Fold { get; init; } = ClockChange.Earlier;

    /// <summary>What is done to channels, by their name in the file, without case; <see cref="AnyChannel"/> stands for those not named. Default: nothing.</summary>
    /// <exception cref="ArgumentException">A channel is named twice.</exception>
    public IReadOnlyDictionary<string, ChannelFormat> Channels { get; init => field = ByName(value); } = new Dictionary<string, ChannelFormat>();

    /// <summary>The column with the quality of each reading. Default <see langword="null"/>: all readings are good.</summary>
    public QualityColumn? Quality { get; init; }

    /// <inheritdoc/>
    public ICsvTable<Reading> Bind(CsvHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        return Layout == ReadingLayout.Long ? new LongReadings(this, header) : new WideReadings(this, header);
    }

    /// <summary>Refuses settings that exclude each other.</summary>
    /// <exception cref="ArgumentException">They do.</exception>
    public void Check()
    {
        Text.Check();
        if (ThousandsSeparator == DecimalSeparator) throw new ArgumentException($"ThousandsSeparator and DecimalSeparator are both '{DecimalSeparator}': they must differ.");
        if (ThousandsSeparator == ' ' && Text.Separator == ' ') throw new ArgumentException("ThousandsSeparator and Separator are both a space: they must differ.");
        if (Elapsed is not null && TimeOfDay is not null) throw new ArgumentException("Elapsed and TimeOfDay are both set: a time either counts from a start or is one of the day.");
        if (Layout == ReadingLayout.Long && IgnoredColumns.Count > 0) throw new ArgumentException("IgnoredColumns is for wide files; in a long one, columns that are not named are ignored.");
        foreach ((string channel, ChannelFormat set) in Channels)
            set.Check(channel, Text.HasUnits);
        if (Channels.TryGetValue(AnyChannel, out ChannelFormat? any) && any.Name is not null)
            throw new ArgumentException($"Channels: '{AnyChannel}' has the Name '{any.Name}', so that all channels would become one.");
        string? twice = Channels.Values.Select(set => set.Name).OfType<string>().GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null) throw new ArgumentException($"Channels: two channels get the Name '{twice}', and one would overwrite the other.");
    }

    /// <summary>What was set for a channel, or null.</summary>
    internal ChannelFormat? ChannelOf(string channel) => Channels.GetValueOrDefault(channel) ?? Channels.GetValueOrDefault(AnyChannel);

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
            if (!byName.TryAdd(name.Trim(), channel)) throw new ArgumentException($"Channels: '{name}' is there twice, as names are compared without case.", nameof(channels));
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
