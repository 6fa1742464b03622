using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Formats from the command line to the database: chosen by pattern, refused before a file is read, and what is skipped and flagged
/// in every report.
/// </summary>
[TestFixture]
internal sealed class FormatsTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task A_file_that_matches_no_format_is_quarantined_with_that_reason(CancellationToken token)
    {
        _folder.PutText("acme-1.csv", "when;flow\n2026-01-01T00:00Z;1,5\n");
        _folder.PutText("other.csv", "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00Z,2.5\n");
        _folder.PutText("strange.csv", "x\n");
        await ConfigureAsync("""
            { "source": "inbox", "sink": "sqlite:readings.db", "formats": [
                { "files": "acme-*", "shape": "wide", "separator": ";", "decimal": "comma", "timestamp": { "column": "when" } },
                { "files": "acme-1.csv" }, { "files": "other*;another*" } ] }
            """, token);

        JsonElement run = DynamoFolder.Json(await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--json"));

        Assert.That(
            Sql.Rows(_folder["readings.db"], "select Logger || ' ' || Channel || ' ' || Value from Reading order by 1"),
            Is.EqualTo(new[] { "L1 flow 2.5", "acme-1 flow 1.5" }));
        JsonElement notable = run.GetProperty("notable")[0];
        Assert.That(notable.GetProperty("file").GetString(), Is.EqualTo("strange.csv"));
        Assert.That(notable.GetProperty("problem").GetString(), Is.EqualTo("no format is for this file"));
        Assert.That(notable.GetProperty("expected").GetString(), Is.EqualTo("a name like acme-*, or acme-1.csv, or other*;another*"));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_mistake_in_a_format_is_reported_before_a_file_is_read(CancellationToken token)
    {
        _folder.PutText("a.csv", "timestamp,flow\n2026-01-01T00:00Z,1\n");
        await ConfigureAsync("""
            { "source": "inbox", "sink": "sqlite:readings.db",
              "format": { "shape": "wide", "channels": { "flow": { "unit": "l/s", "to": "bar" } }, "thousands": "point" } }
            """, token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json");

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.StandardError, Does.Contain("format: format:thousands and format:decimal are both '.'"));
        Assert.That(File.Exists(_folder["readings.db"]), Is.False);
    }

    [Test, CancelAfter(120_000)]
    public async Task Skipped_and_flagged_readings_are_in_every_report([Values("0", "1GiB")] string streamAbove, CancellationToken token)
    {
        _folder.PutText("a.csv", "timestamp,flow,level\n2026-01-01T00:00Z,,1\n2026-01-01T00:05Z,99,\n2026-01-01T00:10Z,x,1\n");
        await ConfigureAsync($$"""
            { "source": "inbox", "sink": "sqlite:readings.db", "streamAbove": "{{streamAbove}}", "bytesInFlight": "1GiB",
              "format": { "shape": "wide", "nulls": [""], "channels": { "flow": { "max": 10, "outside": "flag" } } } }
            """, token);

        JsonElement dry = DynamoFolder.Json(await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--dry-run", "--json"));
        JsonElement run = DynamoFolder.Json(await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--json"));
        DynamoResult status = await _folder.RunAsync(token, "status", "--config", "dynamo.json");

        foreach (JsonElement json in new[] { dry, run })
        {
            JsonElement rows = json.GetProperty("rows"), file = json.GetProperty("notable")[0];
            Assert.That(
                new[] { "read", "inserted", "rejected", "skipped", "flagged" }.Select(name => rows.GetProperty(name).GetInt64()),
                Is.EqualTo(new[] { 4L, 3, 1, 2, 1 }));
            Assert.That(file.GetProperty("flags")[0].GetProperty("problem").GetString(), Is.EqualTo("the value of flow is not plausible"));
        }
        Assert.That(
            Sql.Rows(_folder["readings.db"], "select RowsRead || ' ' || RowsSkipped || ' ' || RowsFlagged from ImportRun"),
            Is.EqualTo(new[] { "4 2 1" }));
        Assert.That(status.StandardOutput, Does.Contain("2 without a value"));
    }

    [Test, CancelAfter(120_000)]
    public async Task A_database_of_the_first_schema_is_brought_up_to_date(CancellationToken token)
    {
        _folder.PutText("a.csv", "timestamp,flow\n2026-01-01T00:00Z,\n2026-01-01T00:05Z,1\n");
        await ConfigureAsync("""{ "source": "inbox", "sink": "sqlite:readings.db", "format": { "shape": "wide", "nulls": [""] } }""",
            token);
        await _folder.RunAsync(token, "run", "--config", "dynamo.json");
        OlderDatabase.ToOne(_folder["readings.db"]);
        _folder.PutText("b.csv", "timestamp,flow\n2026-01-01T00:00Z,\n2026-01-01T00:05Z,1\n");

        DynamoResult before = await _folder.RunAsync(
            token, "status", "--sink", "sqlite:readings.db"), check = await _folder.RunAsync(token, "check", "--config", "dynamo.json");
        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json");

        Assert.That(
            (before.ExitCode, check.ExitCode, run.ExitCode), Is.EqualTo((0, 0, 0)),
            before.StandardError + check.StandardError + run.StandardError);
        Assert.That(Sql.Rows(_folder["readings.db"], "select RowsSkipped from ImportRun order by RunId"), Is.EqualTo(new[] { "0", "1" }));
        Assert.That(Sql.Rows(_folder["readings.db"], "select Version from ImportSchema"), Is.EqualTo(new[] { $"{SqliteSchema.Version}" }));
    }

    [TestCase("*.csv", "north/a.CSV", true)]
    [TestCase("north/*.csv", "north/a.csv", true)]
    [TestCase("north/*.csv", "north/x/a.csv", false)]
    [TestCase("north/**", "north/x/a.csv", true)]
    [TestCase("**/a.csv", "a.csv", true)]
    [TestCase("**/a.csv", "x/y/a.csv", true)]
    [TestCase("**/a.csv", "x/ba.csv", false)]
    [TestCase("L????.csv;*.txt", "x/L0042.csv", true)]
    [TestCase("L????.csv;*.txt", "x/L00042.csv", false)]
    [TestCase("a.csv", "axcsv", false)]
    [TestCase("(a+)+$", "(a+)+$", true)]
    [TestCase("a", "a\n", false)]
    public void A_file_pattern_matches_names_and_paths(string pattern, string path, bool matches) =>
        Assert.That(new FilePattern(pattern).Matches(path), Is.EqualTo(matches));

    private Task ConfigureAsync(string json, CancellationToken token) => File.WriteAllTextAsync(_folder["dynamo.json"], json, token);
}
