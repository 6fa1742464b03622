using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo prune</c> as a user runs it, and the rounds beside a watch.</summary>
internal sealed class PruneTests
{
    private static readonly string[] s_place = ["--config", "dynamo.json"];

    private DynamoFolder _folder = null!;

    private string Database => _folder["readings.db"];

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task What_is_older_than_set_goes_from_the_archive_and_the_ledger_and_a_dry_run_only_tells(CancellationToken token)
    {
        await ConfigureAsync("archive", """{ "archive": "400d", "ledger": "10d", "rejects": "30d", "runs": "30d", "lineage": "drop" }""");
        await ImportOldAsync(token);
        string[] before = State();

        JsonElement dry = DynamoFolder.Json(await _folder.RunAsync(token, ["prune", "--dry-run", "--json", .. s_place]));
        string[] unchanged = State();
        DynamoResult prune = await _folder.RunAsync(token, ["prune", .. s_place]);
        JsonElement again = DynamoFolder.Json(await _folder.RunAsync(token, ["prune", "--json", .. s_place]));
        DynamoResult lineage = await _folder.RunAsync(token, ["lineage", "L1", .. s_place]);

        Assert.Multiple(() =>
        {
            Assert.That(unchanged, Is.EqualTo(before));
            Assert.That(Counts(dry), Is.EqualTo((1, 1, 1, 1)));
            Assert.That(dry.GetProperty("sources")[0].GetProperty("archiveBytes").GetInt64(), Is.Positive);
            Assert.That(prune.ExitCode, Is.Zero, prune.StandardError);
            foreach (string line in (string[])["Removed of", "1 archived file, ", "1 ledger entry, the oldest of 2020-01-01",
                "1 reject, ", "1 run, the oldest"])
                Assert.That(prune.StandardOutput, Does.Contain(line));
            Assert.That(Counts(again), Is.EqualTo((0, 0, 0, 0)));
            Assert.That(ScratchFolder.Archived(_folder["inbox/archive"]), Is.EqualTo(new[] { "new.csv" }));
            Assert.That(Sql.Rows(Database, "select Path from ImportedFile"), Is.EqualTo(new[] { "new.csv" }));
            Assert.That(lineage.StandardOutput, Does.Contain("its file is no longer in the ledger"), lineage.StandardError);
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task An_entry_stays_as_long_as_the_archive_keeps_files_or_a_reading_names_it(CancellationToken token)
    {
        await ConfigureAsync("archive", """{ "archive": "36500d", "ledger": "10d", "lineage": "drop" }""");
        await ImportOldAsync(token);
        await _folder.RunAsync(token, ["prune", .. s_place]);
        await ConfigureAsync("archive", """{ "ledger": "10d" }""");
        await _folder.RunAsync(token, ["prune", .. s_place]);

        Assert.That(Sql.Rows(Database, "select Path from ImportedFile order by 1"), Is.EqualTo(new[] { "new.csv", "old.csv" }));
    }

    [Test, CancelAfter(120_000)]
    public async Task Files_at_the_source_keep_their_entries_by_any_pattern_and_no_entry_goes_if_there_is_nothing(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["inbox/sub"]);
        _folder.Put("sub/below.csv", "L2,flow,2025-01-01T00:00Z,1");
        await ConfigureAsync("keep", """{ "ledger": "10d", "lineage": "drop" }""", more: """ "recursive": true, """);
        await ImportOldAsync(token);
        Sql.Execute(Database, "update ImportedFileEntry set ImportedTicks = 637134336000000000 where Path <> 'new.csv'");
        await ConfigureAsync("keep", """{ "ledger": "10d", "lineage": "drop" }""", more: """ "pattern": "*.txt", """);
        DynamoResult listed = await _folder.RunAsync(token, ["prune", .. s_place]);
        string[] kept = Sql.Rows(Database, "select Path from ImportedFile order by 1");
        Directory.Move(_folder["inbox"], _folder["mounted elsewhere"]);
        DynamoResult missing = await _folder.RunAsync(token, ["prune", .. s_place]);
        Directory.CreateDirectory(_folder["inbox"]);
        DynamoResult empty = await _folder.RunAsync(token, ["prune", .. s_place]);

        Assert.Multiple(() =>
        {
            Assert.That(kept, Is.EqualTo(new[] { "new.csv", "old.csv", "sub/below.csv" }), listed.StandardError);
            Assert.That(missing.ExitCode, Is.EqualTo(3));
            Assert.That(empty.StandardOutput, Does.Contain("Is it mounted?"), empty.StandardError);
            Assert.That(Sql.Rows(Database, "select Path from ImportedFile order by 1"), Is.EqualTo(kept));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Without_a_setting_nothing_goes_and_a_time_that_is_too_short_is_refused(CancellationToken token)
    {
        await ConfigureAsync("archive", "{}");
        await ImportOldAsync(token);
        string[] before = State();

        DynamoResult nothing = await _folder.RunAsync(token, ["prune", .. s_place]);
        await ConfigureAsync("archive", """{ "ledger": "1h" }""");
        DynamoResult refused = await _folder.RunAsync(token, ["prune", .. s_place]);

        Assert.Multiple(() =>
        {
            Assert.That((nothing.ExitCode, refused.ExitCode), Is.EqualTo((0, 2)));
            Assert.That(nothing.StandardError, Does.Contain("Nothing is removed"));
            Assert.That(refused.StandardError, Does.Contain("retention:ledger").And.Contains("from 1d"));
            Assert.That(State(), Is.EqualTo(before));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task Beside_a_watch_there_is_a_round_every_hour_and_an_error_is_a_line_in_the_log(CancellationToken token)
    {
        var clock = new WatchedTime(DateTimeOffset.UnixEpoch);
        var rounds = new List<DateTime>();
        using var log = new StringWriter();
        Task<PrunedAll> Round(DateTime now, CancellationToken _)
        {
            rounds.Add(now);
            Pruned one = new(rounds.Count == 2 ? 1 : 0, null);
            return rounds.Count == 1 ? throw new SourceException("the share is away")
                : Task.FromResult(new PrunedAll(Pruned.Nothing, new PrunedLedger(one, Pruned.Nothing, Pruned.Nothing), null));
        }
        var settings = new HostSettings { Source = _folder["inbox"], Retention = new Retention { Ledger = TimeSpan.FromDays(400) } };

        await using (var pruning = new HourlyPruning(settings, Round, log, clock))
        {
            for (int round = 0; round < 3; round++)
            {
                var pause = TimeSpan.FromMinutes(round == 0 ? 5 : 60);
                Assert.That(await clock.SomebodyWaitsAsync(TimeSpan.MaxValue, token), Is.EqualTo(pause));
                Assert.That(rounds, Has.Count.EqualTo(round));
                clock.Advance(pause);
            }
            await clock.SomebodyWaitsAsync(TimeSpan.MaxValue, token);
        }

        Assert.That(rounds.Select(now => now.Hour), Is.EqualTo(new[] { 0, 1, 2 }));
        string[] lines = log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Does.Contain("were not removed: the share is away"));
        Assert.That(lines[1], Does.Contain("1 ledger entry"));
    }

    /// <summary>A file of 2020 with a reject, imported and archived then, and one of today.</summary>
    private async Task ImportOldAsync(CancellationToken token)
    {
        const int Past = 637_134_336;
        _folder.Put("old.csv", "L1,flow,2020-01-01T00:00Z,1", "L1,flow,2020-01-01T00:15Z,x");
        await _folder.RunAsync(token, ["run", "--max-bad-rows", "5", .. s_place]);
        string archive = _folder["inbox/archive"];
        if (Directory.Exists(archive))
        {
            string year = Directory.GetDirectories(archive).Single();
            Directory.CreateDirectory(Path.Join(archive, "2020/01"));
            Directory.Move(Path.GetDirectoryName(ScratchFolder.Archived(archive, "old.csv"))!, Path.Join(archive, "2020/01/01"));
            Directory.Delete(year, recursive: true);
        }
        Sql.Execute(Database, $"update ImportedFileEntry set ImportedTicks = {Past}000000000");
        Sql.Execute(Database, "update ImportRun set EndedUtc = '2020-01-01 00:00:00'");
        _folder.Put("new.csv", "L3,flow,2025-01-01T00:00Z,1");
        await _folder.RunAsync(token, ["run", .. s_place]);
    }

    private Task ConfigureAsync(string after, string retention, string more = "") => File.WriteAllTextAsync(
        _folder["dynamo.json"],
        $$"""{ "source": "inbox", "sink": "sqlite:readings.db", "after": "{{after}}", {{more}} "retention": {{retention}} }""");

    private string[] State() =>
    [
        .. Directory.EnumerateFiles(_folder["inbox"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal),
        .. Sql.Rows(Database, "select Path || ImportedUtc from ImportedFile union all select Path from RejectedRow "
            + "union all select 'run ' || RunId from ImportRun order by 1"),
    ];

    private static (long, long, long, long) Counts(JsonElement json)
    {
        JsonElement source = json.GetProperty("sources")[0];
        long Count(string name) => source.GetProperty(name).GetInt64();
        return (Count("archive"), Count("ledger"), Count("rejects"), Count("runs"));
    }
}
