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
public sealed record ReadingFormat : ICsvShape<Reading>, IBlockShape
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
            : throw new ArgumentOutOfRangeException(nameof(Layout), value, "Layout is Long, WideByChannel, WideByLogger or WideByTime.");
    }

    /// <summary>
    /// Where the logger's name is. Default: column <c>logger</c>. Not used for files
    /// that are wide by logger: their header names the loggers.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A pattern has several groups and none is called <c>logger</c>.</exception>
    public FieldSource Logger { get; init => field = Source(value, "logger"); } = FieldSource.Column("logger");

    /// <summary>
    /// Where the channel's name is. Default: column <c>channel</c>. In files that are wide by channel, the header names the channels, and
    /// only a <see cref="FieldSource.HeaderPattern"/> is used: it takes a part of a column's name; a name that does not match is the
    /// channel.
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
    /// A file without one of these columns is quarantined. A name with <c>*</c> (any text) stands for all columns that match, which may
    /// be none: <c>Host Connected*</c>.
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
    /// Words that stand for a number, such as <c>ON</c> for 1. Case does not matter. Default none: a word is rejected.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">A word is there twice, or its number is not finite.</exception>
    public IReadOnlyDictionary<string, double> Words
    {
        get;
        init => field = ByWord(value);
    } = new Dictionary<string, double>();

    /// <summary>
    /// The meaning of a value with <c>&lt;</c> or <c>&gt;</c> before it: below or above what the device can measure.
    /// Default <see cref="BeyondLimit.Reject"/>.
    /// </summary>
    public BeyondLimit BeyondLimit { get; init; }

    /// <summary>
    /// Whether a unit may follow a value in its field, such as <c>12.5 l/s</c> or <c>7%</c>, or the sign of a currency stand before it
    /// (<c>$0.12</c>). It is dropped, not converted.
    /// Default <see langword="false"/>: such a value is rejected.
    /// </summary>
    public bool ValuesHaveUnits { get; init; }

    /// <summary>
    /// How timestamps are written; the formats are tried in this order. Default none, which is the same as <c>iso</c>.
    /// A timestamp in no format of the list is rejected; the order of day and month is never guessed.
    /// </summary>
    /// <remarks>
    /// A format is a pattern as in <see cref="DateTime.ParseExact(string, string, IFormatProvider)"/> or one of these words:
    /// <c>iso</c> (ISO 8601 with <c>T</c> or a space; seconds, up to nine decimals, of which seven count, and the offset,
    /// which may be the word <c>UTC</c> or <c>GMT</c>, are optional),
    /// <c>epoch</c>, <c>epochMs</c>, <c>epochUs</c>, <c>epochNs</c> (seconds, milliseconds, microseconds, nanoseconds since 1970, UTC)
    /// and <c>excel</c> (a spreadsheet's days since 1899-12-30).
    /// Besides, <c>D</c> and <c>DDD</c> are the day of the year, and <c>Hmm</c> is hour and minute in one number with or without leading
    /// zeros (<c>5</c>, <c>815</c>, <c>1815</c>).
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
    /// Where the offset of timestamps is that have none of their own, if it is one for the whole file: in a line above the table, a
    /// column's name, the path, or a constant. It is <c>Z</c>, <c>UTC</c>, <c>GMT</c>, <c>+01:00</c>, <c>-5</c>, <c>UTC+1</c> and the
    /// like. Default <see langword="null"/>. Not with <see cref="Zone"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The value is a column, or a pattern has several groups and none is called
    /// <c>offset</c>.</exception>
    public FieldSource? Offset
    {
        get;
        init => field = value is null or { Kind: not (FieldSourceKind.Column or FieldSourceKind.Columns or FieldSourceKind.FileName) }
            ? value?.For("offset")
            : throw new ArgumentException("Offset is one for the whole file: no column and no file's name.", nameof(Offset));
    }

    /// <summary>
    /// Whether <c>24:00</c> is the midnight that ends the day. Default <see langword="false"/>: such a timestamp is rejected.
    /// </summary>
    public bool Hour24 { get; init; }

    /// <summary>
    /// Whether an empty date is that of the line above, for loggers that write the date only where it changes.
    /// Default <see langword="false"/>: the line is rejected. The date in <see cref="Timestamp"/>, with <see cref="TimeOfDay"/>.
    /// </summary>
    public bool RepeatsDate { get; init; }

    /// <summary>
    /// Which instant counts if a timestamp is an interval: two times with <c>-</c>, <c>–</c>, <c>/</c> or <c>to</c> between them.
    /// An end without a date is the first one after the start.
    /// Default <see cref="IntervalTime.None"/>: it is none.
    /// </summary>
    public IntervalTime Interval { get; init; }

    /// <summary>
    /// For <see cref="ReadingLayout.WideByTime"/> without names of columns that say the times: how far they are apart, in whole minutes
    /// that divide a day. The first column is 00:00, or one step later if <see cref="Interval"/> is <see cref="IntervalTime.End"/>; a line
    /// must have columns for the whole day. <see cref="TimestampFormats"/> are then a date and <c>HH:mm</c>. Default <see
    /// langword="null"/>: the columns' names are the times.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is no part of a day in whole minutes.</exception>
    public TimeSpan? DayStep
    {
        get;
        init => field = value is null || (value > TimeSpan.Zero && value.Value.Ticks % TimeSpan.TicksPerMinute == 0
            && TimeSpan.TicksPerDay % value.Value.Ticks == 0)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DayStep), value, "DayStep is whole minutes that divide a day, such as 30 min.");
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
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.ThousandsSeparator))} and {OptionName.Of(nameof(ReadingFormat.DecimalSeparator))} "
                + $"are both '{DecimalSeparator}': they must differ.");
        if (ThousandsSeparator == ' ' && Text.Separator == ' ')
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.ThousandsSeparator))} and {OptionName.Of(nameof(CsvText.Separator))} "
                + "are both a space: they must differ.");
        if (Zone is not null && Offset is not null)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.Zone))} and {OptionName.Of(nameof(ReadingFormat.Offset))} are both set: "
                + "one of them says how far local time is from UTC.");
        if (Layout == ReadingLayout.WideByTime && (TimeOfDay is not null || Elapsed is not null))
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.Layout))} is wideByTime: the times of the day are in the header, "
                + $"so no {OptionName.Of(nameof(ReadingFormat.TimeOfDay))} and no {OptionName.Of(nameof(ReadingFormat.Elapsed))}.");
        if (DayStep is not null && Layout != ReadingLayout.WideByTime)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.DayStep))} is for files with a day in each line: "
                + $"{OptionName.Of(nameof(ReadingFormat.Layout))} must be wideByTime.");
        foreach ((FieldSource? source, string name) in ((FieldSource?, string)[])
            [(Logger, "Logger"), (Channel, "Channel"), (Value, "Value"), (TimeOfDay, "TimeOfDay"), (Elapsed?.Start, "Elapsed")])
            if (source?.Kind == FieldSourceKind.Columns)
                throw new ArgumentException($"{name} has several columns: only Timestamp can have them.");
        bool isAbove = Logger.Kind == FieldSourceKind.HeaderLine;
        if (isAbove && (Layout != ReadingLayout.WideByChannel || Logger.HeaderLineIndex >= Text.HeaderLines))
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.Logger))} is in {Logger}: {OptionName.Of(nameof(ReadingFormat.Layout))} must be "
                + $"wide by channel, and {OptionName.Of(nameof(CsvText.HeaderLines))} as many at least.");
        foreach ((FieldSource? source, string name) in ((FieldSource?, string)[])
            [(Channel, "Channel"), (Value, "Value"), (Timestamp, "Timestamp"), (TimeOfDay, "TimeOfDay"), (Elapsed?.Start, "Elapsed"),
                (Offset, "Offset")])
            if (source?.Kind == FieldSourceKind.HeaderLine)
                throw new ArgumentException($"{name} is in a line of the header: only Logger can be there.");
        if (Elapsed is not null && TimeOfDay is not null)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.Elapsed))} and {OptionName.Of(nameof(ReadingFormat.TimeOfDay))} are both set: "
                + "a time either counts from a start or is a time of day.");
        if (Layout == ReadingLayout.Long && IgnoredColumns.Count > 0)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(ReadingFormat.IgnoredColumns))} is for wide files; "
                + "in a long one, columns that are not named are ignored.");
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

    bool IBlockShape.HasBlocks => Logger.Kind is FieldSourceKind.Preamble or FieldSourceKind.PreamblePattern;

    string? IBlockShape.Label => Logger.Kind == FieldSourceKind.Preamble ? Logger.Text : null;

    bool IBlockShape.StartsBlock(string line, char separator) => Logger.IsIn(line, separator, "logger");

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

    private static Dictionary<string, double> ByWord(IReadOnlyDictionary<string, double> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        var byWord = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);
        foreach ((string word, double value) in words)
        {
            if (!double.IsFinite(value) || !byWord.TryAdd(word.Trim(), value))
                throw new ArgumentException($"Words: '{word}' is there twice, or its number is not finite.", nameof(words));
        }
        return byWord;
    }

    private static ArgumentException UnknownZone(string zone, string name) =>
        new($"Zone '{zone}' is not known on this machine: an IANA id such as Europe/Brussels or UTC is expected.", name);

    private static string[] Formats(IReadOnlyList<string> formats)
    {
        ArgumentNullException.ThrowIfNull(formats);
        return [.. formats.Select(TimestampFormat.Checked)];
    }
}
