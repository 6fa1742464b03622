using System.Runtime.Versioning;
using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A broken database is an error and no bad data: the run ends, no file leaves the inbox, and once it is mended the next run
/// imports everything.
/// </summary>
[TestFixture, CancelAfter(90_000)]
internal sealed class DatabaseMatrixTests
{
    private static readonly string[] s_rows = ["L1,flow,2026-01-01T00:00:00Z,1", "L1,flow,2026-01-01T00:15:00Z,2"];

    [Test]
    public async Task A_corrupt_database_ends_the_run_and_a_restored_one_takes_everything(CancellationToken token)
    {
        using ImportFolder import = Import();
        import.PutRows("first.csv", s_rows);
        await import.RunAsync(token);
        byte[] sound = await File.ReadAllBytesAsync(import.Database, token);
        byte[] damaged = [.. sound];
        damaged.AsSpan(100, damaged.Length - 100).Fill(0x5A);
        await File.WriteAllBytesAsync(import.Database, damaged, token);

        Refused(import, "second.csv", "damaged", token);

        await File.WriteAllBytesAsync(import.Database, sound, token);
        await AssertRecoveredAsync(import, token);
    }

    [Test]
    public async Task A_database_of_a_newer_schema_ends_the_run(CancellationToken token)
    {
        using ImportFolder import = Import();
        import.PutRows("first.csv", s_rows);
        await import.RunAsync(token);
        Sql.Execute(import.Database, "update ImportSchema set Version = 99");

        Refused(import, "second.csv", "newer version", token);

        Sql.Execute(import.Database, $"update ImportSchema set Version = {SqliteSchema.Version}");
        await AssertRecoveredAsync(import, token);
    }

    [Test]
    public async Task A_locked_database_ends_the_run_after_its_retries(CancellationToken token)
    {
        using ImportFolder import = Import();
        import.PutRows("first.csv", s_rows);
        await import.RunAsync(token);

        using (var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={import.Database};Pooling=False"))
        {
            await other.OpenAsync(token);
            using Microsoft.Data.Sqlite.SqliteTransaction held = other.BeginTransaction(deferred: false);
            Refused(import, "second.csv", "Another program writes to it", token);
        }
        await AssertRecoveredAsync(import, token);
    }

    [Test, Platform("Linux"), SupportedOSPlatform("linux")]
    public async Task A_read_only_database_ends_the_run_of_the_real_process_with_4(CancellationToken token)
    {
        if (!Environment.IsPrivilegedProcess) External.Missing("only root can run the import as another user");
        using ImportFolder import = Import();
        import.PutRows("first.csv", s_rows);
        await import.RunAsync(token);
        import.PutRows("second.csv", s_rows);
        File.SetUnixFileMode(import[""], (UnixFileMode)0x16D);
        File.SetUnixFileMode(import.Database, (UnixFileMode)0x124);

        (int code, string output) = await AsNobody.RunAsync(
            ["run", "--source", import.Inbox, "--sink", $"sqlite:{import.Database}"], token);

        Assert.That(code, Is.EqualTo(4), output);
        Assert.That(output, Does.Contain("may write"));
        Assert.That(File.Exists(Path.Join(import.Inbox, "second.csv")));
    }

    [Test, Platform("Linux")]
    public async Task A_full_disk_in_the_middle_of_a_run_loses_nothing_and_the_rerun_goes_on(CancellationToken token)
    {
        using ImportFolder import = Import(new PipelineOptions { BatchRows = 2_000, Readers = 1 });
        for (int file = 0; file < 40; file++)
            import.PutRows(
                $"{file:D2}.csv",
                [.. Enumerable.Range(0, 1_000).Select(i => $"L{file},flow,{DateTime.UnixEpoch.AddMinutes(i):yyyy-MM-ddTHH:mm:ss}Z,{i}")]);
        using var disk = new SmallDisk(import["disk"], "2m");
        string database = Path.Join(disk.Path, "readings.db");
        var full = Assert.ThrowsAsync<SinkException>(() => RunAsync(import, database, token));
        Assert.That(full!.Message, Does.Contain("The disk is full: make room"));
        Assert.That(full.Result!.Books.Loaded, Is.GreaterThan(0).And.LessThan(40), "some batches were committed before");
        Assert.That(
            Directory.GetFiles(import.Inbox).Length + full.Result.Books.Loaded, Is.GreaterThanOrEqualTo(40),
            "only committed files were archived");
        Assert.That(Directory.Exists(import["inbox/quarantine"]), Is.False, "no file is to blame");

        disk.Remount("size=64m");
        PipelineResult second = await RunAsync(import, database, token);
        Assert.That(second.Books.RowsUpdated + second.Books.RowsUnchanged, Is.Zero, "no row came twice");
        Assert.That(
            Sql.Rows(database, "select count(*) || ' ' || count(distinct Logger) from Reading"), Is.EqualTo(new[] { "40000 40" }));
        Assert.That(Directory.GetFiles(import.Inbox), Is.Empty);
        Assert.That(Sql.Rows(database, "select Outcome from ImportRun order by RunId").Last(), Is.EqualTo("completed"));
    }

    [Test]
    public async Task A_database_deleted_between_runs_is_filled_anew_from_what_is_kept(CancellationToken token)
    {
        using var import = new ImportFolder();
        import.PutRows("first.csv", s_rows);
        import.Put("bad.csv", "");
        await import.RunAsync(token);
        File.Delete(import.Database);

        Assert.That(
            (await import.RunAsync(token)).Books,
            Has.Property("Loaded").EqualTo(1).And.Property("Quarantined").EqualTo(1).And.Property("RowsInserted").EqualTo(2));
        Assert.That(Directory.GetFiles(import["inbox/quarantine"]), Has.Length.EqualTo(2), "the copy in quarantine is the same");
    }

    [Test, Platform("Linux,MacOsX")]
    public async Task A_database_deleted_during_a_run_ends_it_before_more_files_are_lost(CancellationToken token)
    {
        const int Files = 200, Settled = 10;
        using var import = new ImportFolder
        {
            Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Delete },
            Options = new PipelineOptions { BatchFiles = 1, FilesPerMessage = 1, Readers = 1 },
        };
        for (int file = 0; file < Files; file++) import.PutRows($"{file}.csv", $"L{file},flow,2026-01-01T00:00:00Z,1");

        // When the database goes, what was committed is settled, and nothing more is committed before: the next file waits until it
        // is gone.
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int read = 0, settled = 0;
        await using var folder = new FolderSource(import.Inbox, import.Folder);
        await using var sink = new SqliteSink<Reading>(import.Database, ReadingTable.Default);
        FilePipeline<Reading> pipeline = FilePipeline.From(folder).Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .Through(options => new TransformBlock<FileRows<Reading>, FileRows<Reading>>(async file =>
            {
                if (read++ == Settled) await gone.Task.WaitAsync(token);
                return file;
            }, options))
            .WriteTo(sink, import.Options)
            .AfterCommit(options => new ActionBlock<CommittedBatch<Reading>>(_ =>
            {
                if (++settled < Settled) return;
                File.Delete(import.Database);
                gone.SetResult();
            }, options));

        var error = Assert.ThrowsAsync<SinkException>(() => pipeline.RunAsync(null, token));

        Assert.That(error!.Message, Does.Contain("deleted or replaced").And.Contain(import.Database));
        Assert.That(error.Result!.Books.Loaded, Is.EqualTo(Settled));
        Assert.That(Directory.GetFiles(import.Inbox), Has.Length.EqualTo(Files - Settled), "what is not committed stays");
    }

    [Test]
    public async Task Two_sources_write_into_one_database_at_once(CancellationToken token)
    {
        using ImportFolder import = Import(), other = Import();
        for (int file = 0; file < 50; file++)
        {
            import.PutRows($"{file}.csv", $"A{file},flow,2026-01-01T00:00:00Z,1");
            other.PutRows($"{file}.csv", $"B{file},flow,2026-01-01T00:00:00Z,1");
        }

        PipelineResult[] both = await Task.WhenAll(
            Task.Run(() => RunAsync(import, import.Database, token), token),
            Task.Run(() => RunAsync(other, import.Database, token), token));

        Assert.That(both.Select(run => run.Books.RowsInserted), Is.EqualTo(new[] { 50, 50 }));
        Assert.That(import.Query("select count(*) || ' ' || count(distinct Source) from ImportedFile"), Is.EqualTo(new[] { "100 2" }));
    }

    [Test]
    public async Task Two_databases_take_from_one_source_that_is_kept(CancellationToken token)
    {
        using var import = new ImportFolder();
        import.PutRows("first.csv", s_rows);
        import.Put("bad.csv", "");

        await using (var folder = new FolderSource(import.Inbox))
            await Task.WhenAll(ImportAsync(folder, import["one.db"], token), ImportAsync(folder, import["two.db"], token));

        foreach (string database in new[] { "one.db", "two.db" })
            Assert.That(
                Sql.Rows(import[database], "select Path || ' ' || Outcome from ImportedFile order by 1"),
                Is.EqualTo(new[] { "bad.csv quarantined", "first.csv loaded" }));
    }

    private static ImportFolder Import(PipelineOptions? options = null) => new()
    {
        Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive },
        Options = options ?? new PipelineOptions { WriteRetries = 1, RetryDelay = TimeSpan.FromMilliseconds(1) },
        Sink = new SqliteSinkOptions { BusyTimeout = options is null ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromSeconds(5) },
    };

    private static void Refused(ImportFolder import, string file, string part, CancellationToken token)
    {
        string path = import.PutRows(file, "L2,flow,2026-01-01T00:00:00Z,1");
        var error = Assert.ThrowsAsync<SinkException>(() => import.RunAsync(token));
        Assert.That(error!.Message, Does.Contain(part).And.Contain(import.Database));
        Assert.That(File.Exists(path), "a broken database is no reason to move a file");
    }

    private static async Task AssertRecoveredAsync(ImportFolder import, CancellationToken token)
    {
        Assert.That((await import.RunAsync(token)).Books, Has.Property("Loaded").EqualTo(1).And.Property("RowsInserted").EqualTo(1));
        Assert.That(import.Query("select count(*) || '' from Reading"), Is.EqualTo(new[] { "3" }));
        Assert.That(Directory.GetFiles(import.Inbox), Is.Empty);
    }

    private static async Task<PipelineResult> RunAsync(ImportFolder import, string database, CancellationToken token)
    {
        await using var folder = new FolderSource(import.Inbox, import.Folder);
        await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
        return await FilePipeline.From(folder).Read(
            new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink, import.Options).RunAsync(null, token);
    }

    private static async Task ImportAsync(FolderSource folder, string database, CancellationToken token)
    {
        await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
        await FilePipeline.From(folder).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync(null, token);
    }
}
