namespace Dynamo.Pipeline.Host;

/// <summary>How files are written.</summary>
internal static class FormatSettings
{
    private const string ColumnAllowed = "a column's name, as in the header";
    private const string PatternAllowed = "a regular expression with one named group, such as (?<logger>[^/]+)/[^/]+$, without look-around";

    private static readonly (string, ReadingLayout)[] s_shapes = [("long", ReadingLayout.Long), ("wide", ReadingLayout.WideByChannel)];
    private static readonly (string, char)[] s_separators = [(",", ','), (";", ';'), ("|", '|'), ("tab", '\t'), ("comma", ','), ("semicolon", ';')];
    private static readonly (string, char)[] s_decimals = [("point", '.'), ("comma", ','), (".", '.'), (",", ',')];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Choice("format:shape", s_shapes, (s, shape) => s with { Format = s.Format with { Layout = shape } }),
        Setting.One("format:separator", "one character such as , or ; or | or the word tab", (s, text) => s with { Format = s.Format with { Text = s.Format.Text with { Separator = Separator(text) } } }),
        Setting.One("format:quote", "one character, usually \"", (s, text) => s with { Format = s.Format with { Text = s.Format.Text with { Quote = Single(text) } } }),
        Setting.One("format:longestLine", "a number of bytes, 1024 to 1GiB", (s, text) => s with { Format = s.Format with { Text = s.Format.Text with { LongestLine = checked((int)SettingText.Size(text)) } } }),
        Setting.Choice("format:decimal", s_decimals, (s, sign) => s with { Format = s.Format with { DecimalSeparator = sign } }),
        Setting.One("format:timestampColumn", ColumnAllowed, (s, text) => s with { Format = s.Format with { TimestampColumn = text } }),
        Setting.One("format:valueColumn", ColumnAllowed, (s, text) => s with { Format = s.Format with { ValueColumn = text } }),
        new("format:timestampFormats", "a list of formats with year, month, day and hour and no K, such as dd.MM.yyyy HH:mm:ss", (s, texts) => s with { Format = s.Format with { TimestampFormats = texts } }) { IsList = true },
        Setting.One("format:zone", "an IANA zone such as Europe/Brussels or UTC", (s, text) => s with { Format = s.Format with { Zone = text } }),
        .. Field("logger", (s, field) => s with { Format = s.Format with { Logger = field }, HasLogger = true }),
        .. Field("channel", (s, field) => s with { Format = s.Format with { Channel = field } }),
    ];

    /// <summary>In a wide file the logger is the file's name unless somebody said otherwise.</summary>
    public static ReadingFormat Completed(HostSettings settings) =>
        settings.Format.Layout == ReadingLayout.WideByChannel && !settings.HasLogger
            ? settings.Format with { Logger = FieldSource.FileName }
            : settings.Format;

    private static Setting[] Field(string name, Func<HostSettings, FieldSource, HostSettings> apply) =>
    [
        Setting.One($"format:{name}:column", ColumnAllowed, (s, text) => apply(s, FieldSource.Column(text))),
        Setting.One($"format:{name}:fileName", "true", (s, text) => SettingText.Flag(text) ? apply(s, FieldSource.FileName) : throw new FormatException()),
        Setting.One($"format:{name}:constant", $"the {name}'s name", (s, text) => apply(s, FieldSource.Constant(text))),
        Setting.One($"format:{name}:pathPattern", PatternAllowed, (s, text) => apply(s, FieldSource.PathPattern(text))),
    ];

    private static char Separator(string text) => text.Length == 1 ? text[0] : SettingText.Choice(text, s_separators);

    private static char Single(string text) => text.Length == 1 ? text[0] : throw new FormatException();
}
