using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Files in the manner of one maker: lines above, a header and a template for each line. The same template says which readings are in them.
/// Tokens: <c>{t:…}</c> time, <c>{u:…}</c> the time one step later, <c>{e}</c> <c>{ems}</c> <c>{ens}</c> epoch, <c>{doy}</c> day of the
/// year,
/// <c>{hmm}</c> hour and minute as a number, <c>{h24}</c> hour 1 to 24, <c>{xl}</c> a spreadsheet's date, <c>{el}</c> seconds since the
/// start,
/// <c>{n}</c> the line's number, <c>{L}</c> the logger, <c>{0}</c> a value, <c>{0?}</c> a value that is sometimes missing,
/// <c>{q}</c> a status that is mostly OK.
/// </summary>
/// <param name="Name">The maker, with what is special about this file.</param>
/// <param name="File">The file's name.</param>
/// <param name="Head">All lines above the data.</param>
/// <param name="Row">The template of a time's lines.</param>
/// <param name="Channels">The channels of the values 0, 1, ….</param>
internal sealed partial record Maker(string Name, string File, string Head, string Row, params string[] Channels)
{
    /// <summary>The logger that is expected; <c>{L}</c> is the generated name. Default: the file's name.</summary>
    public string? Logger { get; init; }

    public char Decimal { get; init; } = '.';

    public int Minutes { get; init; } = 15;

    /// <summary>How far local time is ahead of UTC, if the file says so.</summary>
    public double OffsetHours { get; init; }

    public string Tail { get; init; } = "";

    public string Missing { get; init; } = "";

    /// <summary>Whether the file does not tell something, so that a question is right.</summary>
    public bool LeavesOpen { get; init; }

    /// <summary>The file and its readings.</summary>
    public (string File, string Text, List<Reading> Readings) Write(int seed, int lines = 120)
    {
        var random = new Random((seed * 7_919) + (Name.Length * 31));
        string logger = $"{(char)('A' + random.Next(26))}{(char)('A' + random.Next(26))}{random.Next(1000, 9999)}";
        DateTime time = new DateTime(2024 + random.Next(2), 1, 1).AddDays(random.Next(300)).AddHours(random.Next(24));
        DateTime start = time;
        string expected = (Logger ?? Path.GetFileNameWithoutExtension(File)).Replace("{L}", logger, StringComparison.Ordinal);
        var readings = new List<Reading>();
        var text = new StringBuilder(Filled(Head));
        double[] values = [.. Enumerable.Range(0, 10).Select(k => (10 * k) + random.Next(3, 9) + 0.0)];
        for (int n = 1; n <= lines; n++, time = time.AddMinutes(Minutes))
        {
            for (int k = 0; k < values.Length; k++) values[k] = Math.Round(values[k] + ((random.NextDouble() - 0.5) / 2), 2);
            text.Append(Token().Replace(Filled(Row), Put)).Append('\n');

            string Put(Match match) => match.Groups["name"].Value switch
            {
                "t" => time.ToString(match.Groups["format"].Value, CultureInfo.InvariantCulture),
                "u" => time.AddMinutes(Minutes).ToString(match.Groups["format"].Value, CultureInfo.InvariantCulture),
                "e" => Epoch(1).ToString(CultureInfo.InvariantCulture),
                "ems" => Epoch(1000).ToString(CultureInfo.InvariantCulture),
                "ens" => Epoch(1_000_000_000).ToString(CultureInfo.InvariantCulture),
                "doy" => time.DayOfYear.ToString(CultureInfo.InvariantCulture),
                "hmm" => ((time.Hour * 100) + time.Minute).ToString(CultureInfo.InvariantCulture),
                "xl" => (time - new DateTime(1899, 12, 30)).TotalDays.ToString("F9", CultureInfo.InvariantCulture).Replace('.', Decimal),
                "el" => (time - start).TotalSeconds.ToString("F3", CultureInfo.InvariantCulture).Replace('.', Decimal),
                "n" => n.ToString(CultureInfo.InvariantCulture),
                "q" => random.Next(8) == 0 ? "Error" : "OK",
                var index => Value(int.Parse(index, CultureInfo.InvariantCulture), match.Groups["maybe"].Success),
            };
        }
        return (File.Replace("{L}", logger, StringComparison.Ordinal), text + Filled(Tail), readings);

        string Filled(string template) => template.Replace("{L}", logger, StringComparison.Ordinal);

        long Epoch(long factor) => (long)(time - DateTime.UnixEpoch).TotalSeconds * factor;

        string Value(int index, bool maybe)
        {
            if (maybe && random.Next(10) == 0) return Missing;
            var utc = new DateTime(time.AddHours(-OffsetHours).Ticks, DateTimeKind.Utc);
            readings.Add(new Reading(expected, Channels[index], utc, values[index]));
            return values[index].ToString("F2", CultureInfo.InvariantCulture).Replace('.', Decimal);
        }
    }

    public override string ToString() => Name;

    [GeneratedRegex(@"\{(?<name>t|u|e|ems|ens|doy|hmm|xl|el|n|q|[0-9])(:(?<format>[^}]+))?(?<maybe>\?)?\}")]
    private static partial Regex Token();
}
