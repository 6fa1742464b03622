using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo status --loggers</c>, over either database.</summary>
public abstract class LoggersCommandContract
{
    private DynamoFolder _folder = null!;

    private protected DynamoFolder Folder => _folder;

    protected abstract string Sink { get; }

    protected abstract void LoseTheFiles();

    protected abstract void SetBackTheRun(string startedUtc);

    private protected virtual Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        _folder.RunAsync(token, arguments);

    [SetUp]
    public void Create() => _folder = new DynamoFolder();

    [TearDown]
    public void Remove() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task The_interval_is_that_of_the_deliveries_and_who_missed_two_is_late(CancellationToken token)
    {
        DateTime now = DateTime.UtcNow;
        // One that sends four readings each hour, one that sends each quarter of an hour on two channels, and one that has only begun.
        for (int hour = 6; hour >= 0; hour--)
            Put($"hourly{hour}.csv", "hourly", "flow",
                [.. Enumerable.Range(1, 4).Select(i => now.AddMinutes((-60 * hour) + (15 * i) - 100))]);
        for (int quarter = 8; quarter >= 0; quarter--)
        {
            Put($"silent{quarter}.csv", "silent", "flow", [now.AddMinutes((-15 * quarter) - 100)]);
            Put($"silent{quarter}p.csv", "silent", "pressure", [now.AddMinutes((-15 * quarter) - 100)]);
        }
        Put("begun.csv", "begun", "flow", [now.AddMinutes(-500)]);
        Assert.That((await RunAsync(token, "run", "--source", "inbox", "--sink", Sink)).ExitCode, Is.Zero);

        DynamoResult all = await RunAsync(token, "status", "--sink", Sink, "--loggers", "--json");
        DynamoResult late = await RunAsync(token, "status", "--sink", Sink, "--loggers", "--late");
        DynamoResult check = await RunAsync(token, "status", "--sink", Sink, "--check", "--max-late", "0");
        LoseTheFiles();
        DynamoResult rows = await RunAsync(token, "status", "--sink", Sink, "--loggers", "--json");

        Assert.Multiple(() =>
        {
            Assert.That(Told(all), Is.EqualTo(new[] { "begun: not known, False", "hourly: 3600, False", "silent: 900, True" }),
                all.StandardError);
            Assert.That(late.StandardOutput, Does.Contain("3 loggers, 1 late").And.Contain("silent").And.Not.Contain("hourly"));
            Assert.That((check.ExitCode, check.StandardOutput), Is.EqualTo((1, check.StandardOutput)));
            Assert.That(check.StandardOutput, Does.StartWith("DYNAMO WARNING - 1 of 3 loggers late; the last run ended"));
            Assert.That(Told(rows), Is.EqualTo(new[] { "begun: not known, False", "hourly: 900, True", "silent: 900, True" }),
                "without their files, readings count one by one");
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task What_is_due_since_the_last_run_is_not_known_to_be_late(CancellationToken token)
    {
        Folder.Put("a.csv", "silent,flow,2026-01-01T00:00:00Z,1");
        Folder.Put("b.csv", "delivers,flow,2026-01-01T03:00:00Z,1");
        Folder.PutText("../d.json", """{ "loggers": { "interval": "1h" } }""");
        string[] asks = ["status", "--sink", Sink, "--config", "d.json"];
        await RunAsync(token, "run", "--source", "inbox", "--sink", Sink);
        DynamoResult before = await RunAsync(token, [.. asks, "--loggers"]);
        SetBackTheRun("2026-01-01 04:00:00");

        DynamoResult all = await RunAsync(token, [.. asks, "--loggers", "--json"]);
        DynamoResult late = await RunAsync(token, [.. asks, "--loggers", "--late"]);
        DynamoResult check = await RunAsync(token, [.. asks, "--check", "--max-late", "1"]);

        Assert.Multiple(() =>
        {
            Assert.That(before.StandardOutput, Does.StartWith("2 loggers, 2 late\n"), before.StandardError);
            Assert.That(Told(all), Is.EqualTo(new[] { "delivers: 3600, False", "silent: 3600, True" }));
            Assert.That(all.StandardOutput, Does.Contain("\"importLate\": 1").Or.Contain("\"importLate\":1"));
            Assert.That(late.StandardOutput, Does.StartWith("2 loggers, 1 late, 1 not known: their import is late")
                .And.Match("silent .*LATE since 2026-01-01 01:00").And.Match("delivers .*import late: .* seen whole 2026-01-01 04:00"));
            Assert.That(check.StandardOutput, Does.Contain("1 of 2 loggers late"));
        });
    }

    private static string[] Told(DynamoResult status) => [.. DynamoFolder.Json(status).GetProperty("loggers").EnumerateArray().Select(one =>
        $"{one.GetProperty("logger")}: {(one.TryGetProperty("intervalSeconds", out JsonElement every) ? every : "not known")}, "
        + $"{one.GetProperty("late").GetBoolean()}")];

    private void Put(string name, string logger, string channel, DateTime[] times) =>
        _folder.Put(name, [.. times.Select(time => $"{logger},{channel},{time:yyyy-MM-ddTHH:mm:ssZ},1")]);
}

public sealed class SqliteLoggersCommandTests : LoggersCommandContract
{
    protected override string Sink => "sqlite:readings.db";

    protected override void LoseTheFiles() => Sql.Execute(Folder["readings.db"], "update Reading set FileId = null");

    protected override void SetBackTheRun(string startedUtc) =>
        Sql.Execute(Folder["readings.db"], $"update ImportRun set StartedUtc = '{startedUtc}'");
}

public sealed class SqlServerLoggersCommandTests : LoggersCommandContract
{
    private SqlServerTestDatabase _database = null!;

    protected override string Sink => "sqlserver";

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    [Test, CancelAfter(120_000)]
    public async Task A_reading_in_the_future_counts_from_its_import(CancellationToken token)
    {
        Folder.Put("a.csv", "L,flow,2026-01-01T00:00:00Z,1", "L,flow,2098-01-01T00:00:00Z,1");
        Folder.Put("b.csv", "M,flow,2098-01-01T00:00:00Z,1");
        string[] asks = ["status", "--sink", Sink, "--loggers", "--late"];
        Folder.PutText("../d.json", """{ "loggers": { "interval": "1h" } }""");
        await RunAsync(token, "run", "--source", "inbox", "--sink", Sink);
        DynamoResult now = await RunAsync(token, [.. asks, "--config", "d.json"]);
        _database.Execute($"UPDATE {_database.Options.LedgerTable} SET ImportedUtc = '2026-01-01 00:00:00.0000000' WHERE Path = 'a.csv'");

        DynamoResult later = await RunAsync(token, [.. asks, "--config", "d.json"]);

        Assert.That(now.StandardOutput, Does.StartWith("2 loggers, 0 late"), now.StandardError);
        Assert.That(later.StandardOutput, Does.StartWith("2 loggers, 1 late"), later.StandardError);
    }

    /// <summary>The page and the notices ask in the same way when a watch begins.</summary>
    [Test, CancelAfter(120_000)]
    public async Task Very_many_loggers_take_a_few_round_trips(CancellationToken token)
    {
        const int Loggers = 2_500;
        Folder.Put("a.csv", [.. Enumerable.Range(0, Loggers).SelectMany(i => (string[])
            [$"L{i:D4},flow,2026-01-01T00:00:00Z,1", $"L{i:D4},pressure,2026-01-01T00:0{i % 10}:00Z,1"])]);
        Assert.That((await RunAsync(token, "run", "--source", "inbox", "--sink", Sink)).ExitCode, Is.Zero);
        int before = _database.Endpoint?.Counts.Statements.Count ?? 0;

        DynamoResult all = await RunAsync(token, "status", "--sink", Sink, "--loggers", "--json");

        string[] names = [.. DynamoFolder.Json(all).GetProperty("loggers").EnumerateArray().Select(one =>
            $"{one.GetProperty("logger")} {one.GetProperty("lastUtc").GetDateTime():HH:mm}")];
        Assert.That(names, Is.EqualTo(Enumerable.Range(0, Loggers).Select(i => $"L{i:D4} 00:0{i % 10}")), all.StandardError);
        if (_database.Endpoint is { } endpoint) Assert.That(endpoint.Counts.Statements.Count - before, Is.LessThan(10));
    }

    protected override void LoseTheFiles() => _database.Execute($"UPDATE {_database.Map.Name} SET FileId = NULL");

    protected override void SetBackTheRun(string startedUtc) =>
        _database.Execute($"UPDATE {_database.Options.RunTable} SET StartedUtc = '{startedUtc}.0000000'");

    private protected override Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        Folder.RunAsync(_database.Variables, token, arguments);
}
