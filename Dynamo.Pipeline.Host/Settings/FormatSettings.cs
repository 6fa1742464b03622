using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// How files are written: the settings below <c>format</c>, and the same ones below each element of <c>formats</c>.
/// <see cref="FormatJson"/> writes what is read here.
/// </summary>
internal static class FormatSettings
{
    private const string One = "format:", Many = "formats:", Channels = "format:channels:", Words = "format:words:";
    private const string FilesAllowed = "a pattern of names such as *.csv, or of paths such as north/**";
    private const string CountAllowed = "a whole number, 0 to 1000";
    private const string NumberAllowed = "a number such as 0.5 or -40";
    private const string SourceAllowed = "a column's name as in the header, or its number";
    private const string PatternAllowed =
        "a regular expression with one named group, or with one named like the field, such as (?<logger>[^/]+)/[^/]+$, without look-around";

    private static readonly string s_formats =
        $"a list of patterns with year, month and day and no K, such as dd.MM.yyyy HH:mm:ss, or of the words {FormatWords.TimestampWords}";

    private static readonly string s_units = $"one of {UnitOfMeasure.AllNames}";

    /// <summary>The settings below <c>format</c>, without those of channels, whose names are free.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Choice("shape", FormatWords.Shapes, (f, shape) => f with { Layout = shape }),
        Text("separator", "one character such as , or ; or |, or one of the words tab, space and detect",
            (t, text) => t with { Separator = FormatWords.Separator(text) }),
        Text("quote", "one character, usually \"", (t, text) => t with { Quote = Single(text) }),
        Text("encoding", "an encoding's name such as utf-8, utf-16, windows-1252 or latin1", (t, text) => t with { Encoding = text }),
        Text("header", "true or false", (t, text) => t with { HasHeader = SettingText.Flag(text) }),
        Text("headerLines", "a whole number, 1 to 10", (t, text) => t with { HeaderLines = SettingText.Count(text) }),
        Text("headerSpans", "true or false", (t, text) => t with { HeaderSpans = SettingText.Flag(text) }),
        Text("unitsRow", "true or false", (t, text) => t with { HasUnits = SettingText.Flag(text) }),
        Text("preambleLines", CountAllowed, (t, text) => t with { PreambleLines = SettingText.Count(text) }),
        Text("tableStart", "the text with which the table's first line begins", (t, text) => t with { TableStart = text }),
        Text("comment", "one character such as #", (t, text) => t with { Comment = Single(text) }),
        Text("footer", "the text with which the first line after the table begins", (t, text) => t with { Footer = text }),
        Text("dataStart", "the text with which lines of data begin", (t, text) => t with { DataStart = text }),
        Text("longestLine", "a number of bytes, 1024 to 1GiB", (t, text) => t with { LongestLine = checked((int)SettingText.Size(text)) }),
        Text("linesBelowHeader", "a whole number, 0 to 100", (t, text) => t with { LinesBelowHeader = SettingText.Count(text) }),
        Text("shortLines", "true or false", (t, text) => t with { HasShortLines = SettingText.Flag(text) }),
        Choice("decimal", FormatWords.Decimals, (f, sign) => f with { DecimalSeparator = sign }),
        Choice("thousands", FormatWords.Thousands, (f, sign) => f with { ThousandsSeparator = sign }),
        List("nulls", "a list of texts such as \"\", NaN, --- or -9999", (f, texts) => f with { NullTokens = texts }),
        List("timestampFormats", s_formats, (f, texts) => f with { TimestampFormats = texts }),
        Value("zone", "an IANA zone such as Europe/Brussels or UTC", (f, text) => f with { Zone = text }),
        Value("hour24", "true or false", (f, text) => f with { Hour24 = SettingText.Flag(text) }),
        Value("repeatDate", "true or false", (f, text) => f with { RepeatsDate = SettingText.Flag(text) }),
        Choice("interval", FormatWords.Intervals, (f, which) => f with { Interval = which }),
        Value("dayStep", "a duration that divides a day, such as 30min", (f, text) => f with { DayStep = SettingText.Duration(text) }),
        Choice("beyondLimit", FormatWords.BeyondLimits, (f, what) => f with { BeyondLimit = what }),
        Value("valuesHaveUnits", "true or false", (f, text) => f with { ValuesHaveUnits = SettingText.Flag(text) }),
        Choice("gap", FormatWords.ClockChanges, (f, policy) => f with { Gap = policy }),
        Choice("fold", FormatWords.ClockChanges, (f, policy) => f with { Fold = policy }),
        Choose("elapsed", FormatWords.ElapsedUnits, (c, unit) => c with { ElapsedUnit = unit }),
        List("ignoredColumns", "a list of columns' names, or of numbers such as #3", (f, texts) => f with { IgnoredColumns = texts }),
        .. Field("logger", (c, source) => c with { Format = c.Format with { Logger = source }, HasLogger = true }),
        Any("logger:headerLine", "a line of the header, 1 to 10",
            (c, texts) => c with
            {
                Format = c.Format with { Logger = FieldSource.HeaderLine(SettingText.Count(texts[0])) },
                HasLogger = true,
            }),
        .. Field("channel", (c, source) => c with { Format = c.Format with { Channel = source } }),
        .. Field("timestamp", (c, source) => c with { Format = c.Format with { Timestamp = source } }),
        Any("timestamp:columns", "a list of two to six columns, such as year, month, day",
            (c, texts) => c with { Format = c.Format with { Timestamp = FieldSource.Columns(
                [.. texts.Select(text => FormatWords.Column(text).Text)]) } })
            with { IsList = true },
        .. Field("offset", (c, source) => c with { Format = c.Format with { Offset = source } }).Skip(2),
        .. Field("timeOfDay", (c, source) => c with { Format = c.Format with { TimeOfDay = source } }),
        .. Field("value", (c, source) => c with { Format = c.Format with { Value = source } }),
        // Without a column: a file has one start.
        .. Field("elapsedStart", (c, source) => c with { ElapsedStart = source }).Skip(1),
        Any("quality:column", SourceAllowed, (c, texts) => c with { QualityColumn = FormatWords.Column(texts[0]).Text }),
        Any("quality:accepted", "a list of codes such as 0 or Good", (c, texts) => c with { QualityAccepted = texts }) with
        {
            IsList = true,
        },
        Choose("quality:otherwise", FormatWords.Doubtful, (c, what) => c with { QualityOtherwise = what }),
    ];

    // The settings below a channel's name.
    private static readonly Setting[] s_channel =
    [
        Channel("name", "the channel's name in the database", (c, text) => c with { Name = text }),
        Channel("scale", "a number other than 0", (c, text) => c with { Scale = Number(text) }),
        Channel("offset", NumberAllowed, (c, text) => c with { Offset = Number(text) }),
        Channel("unit", s_units, (c, text) => c with { Unit = text }),
        Channel("to", s_units, (c, text) => c with { ToUnit = text }),
        Channel("min", NumberAllowed, (c, text) => c with { Min = Number(text) }),
        Channel("max", NumberAllowed, (c, text) => c with { Max = Number(text) }),
        Channel("outside", SettingText.Listed(SettingText.Words(FormatWords.Doubtful)),
            (c, text) => c with { Outside = SettingText.Choice(text, FormatWords.Doubtful) }),
    ];

    private static readonly Dictionary<string, Setting> s_byKey =
        All.ToDictionary(setting => setting.Key, StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The setting of any key below <c>format</c> and <c>formats</c>, such as <c>format:channels:flow:unit</c> or
    /// <c>formats:1:separator</c>. There are too many of these to list.
    /// </summary>
    public static Setting? Find(string key)
    {
        if (ElementOf(key, out string rest) is { } index)
            return rest.Equals("files", StringComparison.OrdinalIgnoreCase) ? Files(index) : Find(One + rest)?.In(index);
        if (s_byKey.TryGetValue(key, out Setting? setting)) return setting;
        if (key.StartsWith(Words, StringComparison.OrdinalIgnoreCase) && key.Length > Words.Length) return Word(key[Words.Length..]);
        if (!key.StartsWith(Channels, StringComparison.OrdinalIgnoreCase)) return null;
        int last = key.LastIndexOf(':');
        if (last <= Channels.Length) return null;
        string channel = key[Channels.Length..last];
        return s_channel.FirstOrDefault(one => one.Key.Equals(key[(last + 1)..], StringComparison.OrdinalIgnoreCase))?.Of(channel);
    }

    /// <summary>Known keys that an unknown key may mean, written for the place where it was found.</summary>
    public static IEnumerable<string> Near(string key)
    {
        if (ElementOf(key, out string rest) is { } index)
        {
            IEnumerable<string> near = Near(One + rest).Concat(All.Select(setting => setting.Key));
            return near.Select(one => $"{Many}{index}:{one[One.Length..]}").Append($"{Many}{index}:files");
        }
        if (!key.StartsWith(Channels, StringComparison.OrdinalIgnoreCase)) return [];
        int last = key.LastIndexOf(':');
        string channel = last > Channels.Length ? key[..last] : key;
        return s_channel.Select(setting => $"{channel}:{setting.Key}");
    }

    /// <summary>Puts together what was set in parts, and reports settings that exclude each other.</summary>
    public static HostSettings Completed(HostSettings settings, List<SettingProblem> problems)
    {
        if (settings.Formats.Count == 0) return settings with { Format = Completed(settings.Format, "format", problems) };
        if (settings.Format != FormatChoice.Default)
            problems.Add(new SettingProblem(
                "format",
                "found both format and formats, allowed is one of them: format is for all files, formats are chosen by file pattern."));
        return settings with { Formats = [.. settings.Formats.Select((choice, i) => Completed(choice, $"formats:{i}", problems))] };
    }

    private static FormatChoice Completed(FormatChoice choice, string where, List<SettingProblem> problems)
    {
        try
        {
            if (where != "format" && choice.Files is null)
                problems.Add(new SettingProblem($"{where}:files", $"it is missing, allowed is {FilesAllowed}."));
            return choice.Completed();
        }
        catch (ArgumentException error)
        {
            problems.Add(new SettingProblem(where, error.Message));
            return choice;
        }
    }

    private static int? ElementOf(string key, out string rest)
    {
        rest = "";
        if (!key.StartsWith(Many, StringComparison.OrdinalIgnoreCase)) return null;
        int colon = key.IndexOf(':', Many.Length);
        if (colon < 0) return null;
        rest = key[(colon + 1)..];
        ReadOnlySpan<char> number = key.AsSpan(Many.Length, colon - Many.Length);
        return int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < 1000 ? index : null;
    }

    private static Setting In(this Setting setting, int index) => setting with
    {
        Key = $"{Many}{index}:{setting.Key[One.Length..]}",
        Apply = (s, values) => s.With(index, setting.Apply(s with { Format = s.Element(index) }, values).Format),
    };

    private static Setting Files(int index) => Setting.One($"{Many}{index}:files", FilesAllowed, (s, text) =>
    {
        if (string.IsNullOrWhiteSpace(text)) throw new FormatException();
        return s.With(index, s.Element(index) with { Files = text });
    });

    private static Setting Of(this Setting setting, string channel) => setting with
    {
        Key = $"{Channels}{channel}:{setting.Key}",
        Apply = (s, values) => setting.Apply(s with { Format = s.Format with { CurrentChannel = channel } }, values),
    };

    private static Setting Word(string word) => Value($"words:{word}", "the number that the word stands for", (f, text) =>
        f with { Words = new Dictionary<string, double>(f.Words, StringComparer.OrdinalIgnoreCase) { [word] = Number(text) } });

    private static Setting Channel(string name, string allowed, Func<ChannelFormat, string, ChannelFormat> apply) =>
        new(name, allowed, (s, texts) => s with { Format = s.Format.WithChannel(channel => apply(channel, texts[0])) });

    private static Setting Any(string name, string allowed, Func<FormatChoice, IReadOnlyList<string>, FormatChoice> apply) =>
        new(One + name, allowed, (s, texts) => s with { Format = apply(s.Format, texts) });

    private static Setting List(string name, string allowed, Func<ReadingFormat, IReadOnlyList<string>, ReadingFormat> apply) =>
        Any(name, allowed, (c, texts) => c with { Format = apply(c.Format, texts) }) with { IsList = true };

    private static Setting Value(string name, string allowed, Func<ReadingFormat, string, ReadingFormat> apply) =>
        Any(name, allowed, (c, texts) => c with { Format = apply(c.Format, texts[0]) });

    private static Setting Text(string name, string allowed, Func<CsvText, string, CsvText> apply) =>
        Value(name, allowed, (f, text) => f with { Text = apply(f.Text, text) });

    private static Setting Choose<T>(
        string name, IReadOnlyList<(string Word, T Value)> choices, Func<FormatChoice, T, FormatChoice> apply) =>
        Setting.Choice(One + name, choices, (s, value) => s with { Format = apply(s.Format, value) });

    private static Setting Choice<T>(
        string name, IReadOnlyList<(string Word, T Value)> choices, Func<ReadingFormat, T, ReadingFormat> apply) =>
        Choose(name, choices, (c, value) => c with { Format = apply(c.Format, value) });

    private static Setting[] Field(string name, Func<FormatChoice, FieldSource, FormatChoice> apply) =>
    [
        Any($"{name}:column", SourceAllowed, (c, texts) => apply(c, FormatWords.Column(texts[0]))),
        Any($"{name}:fileName", "true",
            (c, texts) => SettingText.Flag(texts[0]) ? apply(c, FieldSource.FileName) : throw new FormatException()),
        Any($"{name}:constant", "a text that is not empty", (c, texts) => apply(c, FieldSource.Constant(texts[0]))),
        Any($"{name}:pathPattern", PatternAllowed, (c, texts) => apply(c, FieldSource.PathPattern(texts[0]))),
        Any($"{name}:preamble", "the beginning of a line above the table, such as Logger ID",
            (c, texts) => apply(c, FieldSource.Preamble(texts[0]))),
        Any($"{name}:preamblePattern", PatternAllowed, (c, texts) => apply(c, FieldSource.PreamblePattern(texts[0]))),
        Any($"{name}:headerPattern", PatternAllowed, (c, texts) => apply(c, FieldSource.HeaderPattern(texts[0]))),
    ];

    private static char Single(string text) => text.Length == 1 ? text[0] : throw new FormatException();

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
