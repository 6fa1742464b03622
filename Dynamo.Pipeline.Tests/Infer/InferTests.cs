using System.Text;
using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>What is proposed for small files of many kinds, and what is said to be open.</summary>
[TestFixture]
internal sealed class InferTests
{
    [Test]
    public void A_date_that_may_be_either_is_never_guessed_silently()
    {
        Proposal proposal = Infer("date,flow\n01/02/2026 00:00,1\n02/02/2026 00:00,2\n03/02/2026 00:00,3\n");

        Assert.That(proposal.Format.TimestampFormats, Is.EqualTo(new[] { "dd/MM/yyyy HH:mm" }), "the order of the lines tells");
        Assert.That(
            proposal.Decide,
            Has.Some.Contains("'01/02/2026 00:00' may be day/month or month/day").And.Some.Contains("Taken as day before month"));
    }

    [Test]
    public void A_date_that_nothing_tells_says_so() =>
        Assert.That(
            Infer("date,flow\n01/02/2026 00:00,1\n01/02/2026 00:15,2\n").Decide, Has.Some.Contains("nothing in the samples tells which"));

    [TestCase("L0042_20260102.csv", "dd/MM/yyyy HH:mm", null)]
    [TestCase("L0042_20260201T001500.csv", "dd/MM/yyyy HH:mm", "day before month")]
    [TestCase("202602010015_L0042.csv", "dd/MM/yyyy HH:mm", "day before month")]
    [TestCase("2026-01-02 L0042.csv", "MM/dd/yyyy HH:mm", "month before day")]
    [TestCase("L0042_2026_01_03.csv", "MM/dd/yyyy HH:mm", "month before day")]
    [TestCase("L0042_20260401.csv", null, null)]
    [TestCase("L0042_20261301.csv", null, null)]
    [TestCase("L20260102001.csv", null, null)]
    public void A_date_in_the_name_of_a_file_tells_the_order_where_it_decides(string name, string? format, string? told)
    {
        // The first case has both days in its lines: the name fits either order.
        string more = told is null && format is not null ? "02/01/2026 00:00,3\n" : "";

        Proposal proposal = Infer("date,flow\n01/02/2026 00:00,1\n01/02/2026 00:15,2\n" + more, name);

        if (format is not null && told is not null) Assert.That(proposal.Format.TimestampFormats, Is.EqualTo(new[] { format }));
        bool asks = proposal.Decide.Any(one => one.Contains("may be day/month or month/day", StringComparison.Ordinal));
        Assert.That(asks, Is.EqualTo(told is null));
        Assert.That(proposal.Sure.Where(one => one.StartsWith("dates have the", StringComparison.Ordinal)), told is null ? Is.Empty
            : Is.EqualTo(new[] { $"dates have the {told}, because only then '{name}' has readings of the date in its name" }));
    }

    [TestCase("\u0E5126")]
    [TestCase("\u0E51\u0E52\u0E53\u0E54-01-01 00:00")]
    [TestCase("\u0661,5")]
    public void Digits_of_other_scripts_are_text(string text) =>
        Assert.That(() => Infer($"timestamp,flow\n{string.Concat(Enumerable.Repeat("1767225600,1\n", 30))}{text},1\n"), Throws.Nothing);

    [TestCase("13/02/2026 00:00", "02/03/2026 00:00", "dd/MM/yyyy HH:mm")]
    [TestCase("02/13/2026 00:00", "03/02/2026 00:00", "MM/dd/yyyy HH:mm")]
    [TestCase("3.4.26 5:06:07", "13.4.26 15:06:07", "d.M.yy H:mm:ss")]
    [TestCase("2026/01/31 05:06", "2026/02/01 05:06", "yyyy/MM/dd HH:mm")]
    [TestCase("1/31/2026 5:06:07 PM", "2/1/2026 5:06:07 AM", "M/d/yyyy h:mm:ss tt")]
    [TestCase("31-Jan-2026 05:06", "01-Feb-2026 05:06", "d-MMM-yyyy H:mm")]
    [TestCase("20260131050607", "20260201050607", "yyyyMMddHHmmss")]
    [TestCase("1767225600", "1767225660", "epoch")]
    [TestCase("1767225600000", "1767225660000", "epochMs")]
    [TestCase("46053.5", "46053.75", "excel")]
    public void The_format_of_timestamps_is_found(string first, string second, string format)
    {
        Proposal proposal = Infer($"timestamp,flow\n{first},1\n{second},2\n");

        Assert.That(proposal.Format.TimestampFormats, Is.EqualTo(new[] { format }));
        Assert.That(proposal.Decide, Has.None.Contains("may be day/month"));
        Assert.That(Read(proposal, $"timestamp,flow\n{first},1\n{second},2\n").Rows, Has.Count.EqualTo(2));
    }

    [Test]
    public void Everything_around_a_table_is_found()
    {
        const string Text = "Export of logger\nLogger ID: 4711\nInterval 15 min; UTC+1\n\nDate;Time;Flow;Pressure;Quality\n;;[l/s];[bar];\n"
            + "31.01.2026;00:00;1.234,5;2,5;ok\n31.01.2026;00:15;;2,6;ok\n31.01.2026;00:30;1,5;-9999;ok\n31.01.2026;00:45;1,5;2,5;ok\n"
            + "Total: 4 rows\n";

        Proposal proposal = Infer(Text);
        Outcome<Reading> read = Read(proposal, Text);

        Assert.That(read.BadFile, Is.Null);
        Assert.That(read.Rejects, Is.Empty);
        Assert.That(read.Rows.Select(r => (r.Logger, r.Channel, r.Value)), Is.EqualTo(new[]
        {
            ("4711", "Flow", 1234.5), ("4711", "Pressure", 2.5), ("4711", "Pressure", 2.6), ("4711", "Flow", 1.5), ("4711", "Flow", 1.5),
            ("4711", "Pressure", 2.5),
        }));
        Assert.That(read.Skipped, Is.EqualTo(2));
        Assert.That(read.Rows[0].TimestampUtc, Is.EqualTo(new DateTime(2026, 1, 31)));
        Assert.That(proposal.Decide, Has.Some.Contains("-9999 looks like 'no value'").And.Some.Contains("UTC is assumed"));
        Assert.That(proposal.Format.Text.HasUnits);
    }

    [Test]
    public void Other_encodings_are_found([Values("utf-8", "utf-16", "utf-16BE", "windows-1252")] string name, [Values] bool marked)
    {
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(name) ?? Encoding.GetEncoding(name);
        byte[] bytes = encoding.GetBytes("timestamp,Débit\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n");
        if (marked) bytes = [.. encoding.GetPreamble(), .. bytes];

        (IReadOnlyList<Proposal> proposals, _) = FormatGuess.OfAsync([Sample.Of("/x/a.csv", bytes, true)], null).GetAwaiter().GetResult();

        Assert.That(CsvReading.Read(bytes, proposals.Single().Format).Rows.Select(r => r.Channel), Is.EqualTo(new[] { "Débit", "Débit" }));
    }

    [Test]
    public void A_file_that_is_not_understood_says_why() => Assert.Multiple(() =>
    {
        Assert.That(
            Others("one word a line\nand nothing else.\n"), Does.Contain("no table was found").Or.Contains("no column with timestamps"));
        Assert.That(Others("a,b\n1,2\n3,4\n"), Does.StartWith("no column with timestamps was found"));
        Assert.That(Others(""), Does.StartWith("no table was found"));
    });

    [Test]
    public void A_format_that_is_printed_is_the_format_that_is_read([Range(0, 400, 1)] int seed)
    {
        ReadingFormat format = new AnyFormat(seed).Format with
        {
            Channels = seed % 3 == 0
                ? new Dictionary<string, ChannelFormat>
                {
                    ["a:b"] = new() { Unit = "l/s", ToUnit = "m3/h", Min = -1, Max = 2.5, Outside = DoubtfulReading.Flag, Scale = 0.5 },
                    ["*"] = new() { Offset = 1 },
                }
                : new Dictionary<string, ChannelFormat>(),
            Gap = (ClockChange)(seed % 3), Fold = (ClockChange)(seed / 3 % 3),
        };
        string json = JsonText.Of(writer => WriteFormat(writer, format));

        string again = JsonText.Of(writer => WriteFormat(writer, Parse(json)));

        Assert.That(again, Is.EqualTo(json));
    }

    [Test]
    public void Settings_of_several_formats_are_checked_with_their_paths()
    {
        var problems = new List<SettingProblem>();
        HostSettings settings = Settings("""
            { "formats": [
                { "files": "a*.csv", "separator": "semi", "channels": { "flow": { "unit": "l/x", "minimum": 3 } } },
                { "quality": { "column": "Q" }, "zoen": "UTC", "thousands": "point" } ] }
            """, problems);
        FormatSettings.Completed(settings, problems);

        Assert.That(problems.Select(problem => problem.ToString()), Is.EqualTo(new[]
        {
            "dynamo.json: formats:0:separator: found 'semi', allowed is one character such as , or ; or |, or one of the words tab, "
                + "space and detect.",
            $"dynamo.json: formats:0:channels:flow:unit: found 'l/x', allowed is one of {UnitOfMeasure.AllNames}.",
            "dynamo.json: formats:0:channels:flow:minimum: there is no such setting. Did you mean dynamo.json: "
                + "formats:0:channels:flow:min?",
            "dynamo.json: formats:1:zoen: there is no such setting. Did you mean dynamo.json: formats:1:zone?",
            "formats:1:files: it is missing, allowed is a pattern of names such as *.csv, or of paths such as north/**.",
            "formats:1: quality needs a column and the accepted codes: \"quality\": { \"column\": \"Q\", \"accepted\": [\"0\"] }.",
        }));
    }

    [Test]
    public void One_format_and_several_exclude_each_other()
    {
        var problems = new List<SettingProblem>();

        FormatSettings.Completed(Settings("""{ "format": { "separator": ";" }, "formats": [ { "files": "*" } ] }""", problems), problems);

        Assert.That(problems.Single().ToString(), Does.StartWith("format: found both format and formats"));
    }

    private static Proposal Infer(string text, string name = "L0042.csv")
    {
        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) = FormatGuess.OfAsync(
            [Sample.Of("/x/" + name, Encoding.UTF8.GetBytes(text), true)], null).GetAwaiter().GetResult();
        Assert.That(others, Is.Empty);
        return proposals.Single();
    }

    private static string Others(string text) =>
        FormatGuess.OfAsync([Sample.Of("/x/a.csv", Encoding.UTF8.GetBytes(text), true)], null).GetAwaiter().GetResult().Others.Single().Why;

    private static Outcome<Reading> Read(Proposal proposal, string text) => CsvReading.Read(text, proposal.Format);

    private static void WriteFormat(Utf8JsonWriter json, ReadingFormat format)
    {
        json.WriteStartObject("format");
        FormatJson.WriteMembers(json, format);
        json.WriteEndObject();
    }

    private static ReadingFormat Parse(string json)
    {
        var problems = new List<SettingProblem>();
        HostSettings settings = FormatSettings.Completed(Settings(json, problems), problems);
        Assert.That(problems, Is.Empty, json);
        return settings.Format.Format;
    }

    private static HostSettings Settings(string json, List<SettingProblem> problems)
    {
        using var folder = new ScratchFolder();
        string path = folder["dynamo.json"];
        File.WriteAllText(path, json);
        return SettingLayer.FromFile(path).Apply(HostSettings.Default, problems);
    }
}
