using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>The same readings in several formats, in memory: what a setting costs for each value.</summary>
internal sealed record FormatCase(string Name, ReadingFormat Format, byte[] Bytes, int Values)
{
    private const int Rows = 10_000;
    private const int Channels = 4;

    private static readonly ReadingFormat s_local = ReadingFormat.WideByChannel with { Zone = "Europe/Brussels" };

    public static IReadOnlyList<FormatCase> All { get; } =
    [
        Long("long (default)", ReadingFormat.Default, ','),
        Long("long, decimal comma", ReadingFormat.Default with { DecimalSeparator = ',', Text = new CsvText { Separator = ';' } }, ';'),
        Long("long, local time", ReadingFormat.Default with { Zone = "Europe/Brussels" }, ',', "yyyy-MM-ddTHH:mm:ss"),
        Long("long, d/M/y pattern", ReadingFormat.Default with { Zone = "Europe/Brussels", TimestampFormats = ["dd/MM/yyyy HH:mm:ss"] },
            ',',
            "dd'/'MM'/'yyyy HH:mm:ss"),
        Long("long, units and range",
            ReadingFormat.Default with
            {
                Channels = new Dictionary<string, ChannelFormat>
                {
                    ["flow"] = new() { Unit = "l/s", ToUnit = "m3/h", Min = 0, Max = 1e6 },
                },
            },
            ','),
        Long("long, nulls", ReadingFormat.Default with { NullTokens = ["", "NaN", "-9999"] }, ','),
        Wide("wide", s_local, '.'),
        Wide("wide, decimal comma", s_local with { DecimalSeparator = ',', Text = new CsvText { Separator = ';' } }, ','),
        Wide("wide, detected separator, nulls",
            s_local with { DecimalSeparator = ',', Text = new CsvText { Separator = CsvText.Detected }, NullTokens = ["", "-9999"] }, ','),
        Wide("wide, one channel, decimal comma", s_local with { DecimalSeparator = ',', Text = new CsvText { Separator = ';' } }, ',', 1),
    ];

    private static FormatCase Long(string name, ReadingFormat format, char separator, string time = "yyyy-MM-ddTHH:mm:ss'Z'")
    {
        var text = new StringBuilder(string.Join(separator, "logger", "channel", "timestamp", "value") + "\n");
        for (int i = 0; i < Rows; i++)
            text.AppendJoin(
                separator, "L00001", "flow", Time(i).ToString(time, CultureInfo.InvariantCulture),
                Value(i, format.DecimalSeparator)).Append('\n');
        return new FormatCase(name, format, Encoding.UTF8.GetBytes(text.ToString()), Rows);
    }

    private static FormatCase Wide(string name, ReadingFormat format, char point, int channels = Channels)
    {
        char separator = point == ',' ? ';' : ',';
        var text = new StringBuilder("timestamp");
        for (int c = 0; c < channels; c++) text.Append(separator).Append('p').Append(c);
        text.Append('\n');
        for (int i = 0; i < Rows / channels; i++)
        {
            text.Append(Time(i).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
            for (int c = 0; c < channels; c++) text.Append(separator).Append(Value(i + c, point));
            text.Append('\n');
        }
        return new FormatCase(name, format, Encoding.UTF8.GetBytes(text.ToString()), Rows);
    }

    private static DateTime Time(int i) => new DateTime(2019, 4, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(15 * i);

    private static string Value(int i, char point) => (i % 977 / 8.0).ToString(CultureInfo.InvariantCulture).Replace('.', point);
}
