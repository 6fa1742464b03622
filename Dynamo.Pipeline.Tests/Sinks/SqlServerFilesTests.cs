namespace Dynamo.Pipeline.Tests;

/// <summary>Which file each row of SQL Server is of, also in databases of an older version and in tables of others' making.</summary>
public sealed class SqlServerFilesTests
{
    private const string Source = "folder:/inbox";

    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private SqlServerTestDatabase _database = null!;

    private string Table => _database.Map.Name;

    private string Ledger => _database.Options.LedgerTable;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase()
    {
        _database.ShowWhenFailed();
        await _database.DisposeAsync();
    }

    [Test, CancelAfter(60_000)]
    public async Task A_database_of_an_older_version_is_brought_up_to_date_by_the_first_run_but_for_its_row_table(CancellationToken token)
    {
        CreateOlderTables();
        const string Noon = "CAST('2026-03-01T12:00:00' AS datetime2(7))";
        _database.Execute($"INSERT INTO {Table} VALUES ('L0', 'flow', {Noon}, 1), ('L1', 'flow', {Noon}, 1)");

        SqlServerTarget<Reading>? before = await CheckAsync(token);
        FileResult first = await WriteAsync(_database.Options, token, File("a.csv", day: 0, ("L0", 2), ("L2", 2)));
        bool altered = _database.Takes($"SELECT FileId FROM {Table}");
        _database.Execute($"ALTER TABLE {Table} ADD FileId int NULL");
        FileResult older = await WriteAsync(_database.Options, token, File("b.csv", day: -1, ("L0", 3), ("L1", 1), ("L2", 3)));
        FileResult oldest = await WriteAsync(_database.Options, token, File("c.csv", day: -2, ("L0", 4)));

        Assert.Multiple(() =>
        {
            Assert.That((before?.FileColumn, altered), Is.EqualTo(((SqlServerTableColumn?)null, false)));
            Assert.That(Counts(first), Is.EqualTo((1, 1, 0)));
            // Rows without a file are older than all.
            Assert.That(Counts(older), Is.EqualTo((0, 2, 1)));
            Assert.That(Counts(oldest), Is.EqualTo((0, 0, 1)));
            Assert.That(Stored(), Is.EqualTo(new[] { "L0 3 b.csv", "L1 1 b.csv", "L2 3 b.csv" }));
            Assert.That(_database.Query<int>($"SELECT FileId FROM {Ledger} ORDER BY FileId"), Is.EqualTo(new[] { 1, 2, 3 }));
            Assert.That(_database.Scalar<long>($"SELECT SUM(RowsCollided) FROM {_database.Options.RunTable}"), Is.Zero);
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task Tables_of_an_older_version_are_refused_with_what_to_do_if_the_sink_may_not_change_them(CancellationToken token)
    {
        CreateOlderTables();
        _database.Execute(SqlServerSchema.Tables(_database.Map, _database.Options)[^1].Sql);
        SqlServerSinkOptions strict = _database.Options with { CreateTables = false };

        SinkException refused = Assert.ThrowsAsync<SinkException>(() => WriteAsync(strict, token, File("a.csv", 0, ("L0", 1))))!;
        SinkException check = Assert.ThrowsAsync<SinkException>(() => CheckAsync(token, strict))!;
        foreach (string sql in refused.Message[refused.Message.IndexOf("ALTER", StringComparison.Ordinal)..].TrimEnd('.').Split(';'))
            _database.Execute(sql);
        FileResult result = await WriteAsync(strict, token, File("a.csv", 0, ("L0", 1)));

        Assert.Multiple(() =>
        {
            Assert.That(
                refused.Message, Does.Contain("older version").And.Contains("ADD FileId int NULL").And.Contains("ADD RowsCollided"));
            Assert.That(check.Message, Is.EqualTo(refused.Message));
            Assert.That(Counts(result), Is.EqualTo((1, 0, 0)));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_run_that_ended_before_its_tables_were_complete_is_followed_by_one_that_completes_them(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("a.csv", 0, ("L0", 1)), File("b.csv", 0, ("L1", 1)));
        _database.Execute($"DELETE FROM {_database.Options.SchemaTable}");

        await WriteAsync(_database.Options, token, File("c.csv", 0, ("L0", 2)));

        Assert.That(Stored(), Is.EqualTo(new[] { "L0 2 c.csv", "L1 1 b.csv" }));
        Assert.That(_database.Query<int>($"SELECT FileId FROM {Ledger} ORDER BY FileId"), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Runs_that_begin_at_the_same_time_all_find_the_tables_complete([Values] bool older, CancellationToken token)
    {
        if (older) CreateOlderTables();
        SqlServerSink<Reading>[] sinks = [.. Enumerable.Range(0, 4).Select(_ => _database.NewSink())];

        await Task.WhenAll(sinks.Select((sink, i) => sink.PrepareAsync(
            new RunStart($"folder:/inbox{i}", s_noon, "host", "1.0", 100), token).AsTask())).WaitAsync(TimeSpan.FromSeconds(50), token);
        foreach (SqlServerSink<Reading> sink in sinks) await sink.DisposeAsync();

        Assert.That(
            _database.Query<(int, int)>($"SELECT Version, LastFileId FROM {_database.Options.SchemaTable}"),
            Is.EqualTo(new[] { (SqlServerSchema.Version, 0) }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_database_of_a_newer_version_is_refused(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("a.csv", 0, ("L0", 1)));
        _database.Execute($"UPDATE {_database.Options.SchemaTable} SET Version = 99");

        Assert.That(
            Assert.ThrowsAsync<SinkException>(() => WriteAsync(_database.Options, token, File("b.csv", 0, ("L0", 1))))!.Message,
            Does.Contain("newer version").And.Contains("found schema 99"));
        Assert.ThrowsAsync<SinkException>(() => CheckAsync(token));
    }

    [Test, CancelAfter(60_000)]
    public async Task In_a_table_without_the_column_the_row_that_is_written_later_wins([Values] bool append, CancellationToken token)
    {
        _database.Execute($"""
            CREATE TABLE {Table} (Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL, TimestampUtc datetime2(7) NOT NULL,
              Value float NOT NULL, FileId nvarchar(20) NULL, PRIMARY KEY (Logger, Channel, TimestampUtc))
            """);
        SqlServerSinkOptions options = _database.Options with { Append = append };

        await WriteAsync(options, token, File("a.csv", day: 2, ("L0", 1)));
        FileResult late = await WriteAsync(options, token, File("b.csv", day: 1, ("L0", 2), ("L0", 3)));

        Assert.Multiple(() =>
        {
            Assert.That((Counts(late), late.Collided), Is.EqualTo(((0, 2, 0), 1)));
            Assert.That(
                _database.Query<(double, string?)>($"SELECT Value, FileId FROM {Table}"), Is.EqualTo(new[] { (3.0, (string?)null) }));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task The_column_may_have_another_name_and_more_bytes_and_be_required(CancellationToken token)
    {
        _database.Execute($"""
            CREATE TABLE {Table} (Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL, TimestampUtc datetime2(7) NOT NULL,
              Value float NOT NULL, [Of file] bigint NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc))
            """);
        SqlServerSinkOptions options = _database.Options with { FileColumn = "of file" };

        await WriteAsync(options with { Append = true }, token, File("a.csv", day: 2, ("L0", 1)));
        await WriteAsync(options, token, File("b.csv", day: 1, ("L0", 2), ("L1", 2)));

        Assert.That(Stored("[Of file]"), Is.EqualTo(new[] { "L0 1 a.csv", "L1 2 b.csv" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Rows_with_nothing_but_a_key_keep_the_newest_file(CancellationToken token)
    {
        RowMap<Reading> map = RowMap<Reading>.Table(Table).Key("Logger", r => r.Logger);

        await WriteAsync(_database.Options, map, [File("b.csv", day: 1, ("L0", 1), ("L1", 1))], token);
        FileResult newer = await WriteAsync(_database.Options, map, [File("c.csv", day: 2, ("L0", 1))], token);
        FileResult older = await WriteAsync(_database.Options, map, [File("a.csv", day: 0, ("L0", 1), ("L1", 1))], token);

        Assert.Multiple(() =>
        {
            Assert.That((Counts(newer), Counts(older)), Is.EqualTo(((0, 0, 1), (0, 0, 2))));
            Assert.That(
                _database.Query<string>($"SELECT Logger + ' ' + Path FROM {Table} AS r JOIN {Ledger} AS f ON f.FileId = r.FileId").Order(),
                Is.EqualTo(new[] { "L0 c.csv", "L1 b.csv" }));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task Where_duplicates_are_rejected_the_row_that_is_there_stays(CancellationToken token)
    {
        SqlServerSinkOptions options = _database.Options with { Duplicates = DuplicatePolicy.Reject };

        await WriteAsync(options, token, File("b.csv", day: 1, ("L0", 1)));
        FileResult newer = await WriteAsync(options, token, File("c.csv", day: 2, ("L0", 2), ("L1", 2), ("L1", 3)));

        Assert.Multiple(() =>
        {
            Assert.That((newer.Inserted, newer.Rejected, newer.Collided), Is.EqualTo((1, 2, 1)));
            Assert.That(newer.Rejects.Select(r => r.Line), Is.EqualTo(new long?[] { 2, 4 }));
            Assert.That(Stored(), Is.EqualTo(new[] { "L0 1 b.csv", "L1 2 c.csv" }));
        });
    }

    [TestCase(DuplicatePolicy.LastWins, 0, 1100)]
    [TestCase(DuplicatePolicy.FirstWins, 1100, 0)]
    [CancelAfter(60_000)]
    public async Task A_file_may_meet_more_files_than_a_statement_names(
        DuplicatePolicy policy, int updated, int unchanged, CancellationToken token)
    {
        const int Many = 1100;
        SqlServerSinkOptions options = _database.Options with { Duplicates = policy };
        FileRows<Reading>[] newer = [.. Enumerable.Range(0, Many).Select(i => File($"n{i}.csv", day: 1, ($"L{i}", 1)))];
        (string, double)[] all = [.. Enumerable.Range(0, Many + 1).Select(i => ($"L{i}", 2.0))];

        await WriteAsync(options, token, newer);
        FileResult result = await WriteAsync(options, token, File("old.csv", day: 0, all));

        Assert.That(Counts(result), Is.EqualTo((1, updated, unchanged)));
        Assert.That(Stored().Count(row => row.EndsWith("2 old.csv", StringComparison.Ordinal)), Is.EqualTo(1 + updated));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_refused_row_of_an_older_file_is_only_found_if_it_would_have_been_written(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("b.csv", day: 1, ("L0", 1)));
        _database.RefuseValue(9);

        FileResult older = await WriteAsync(_database.Options, token, File("a.csv", day: 0, ("L0", 9), ("L1", 9), ("L2", 2)));

        Assert.Multiple(() =>
        {
            Assert.That((older.Inserted, older.Unchanged, older.Rejected), Is.EqualTo((1, 1, 1)));
            Assert.That(older.Rejects.Single().Line, Is.EqualTo(3));
            Assert.That(Stored(), Is.EqualTo(new[] { "L0 1 b.csv", "L2 2 a.csv" }));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_that_the_ledger_has_forgotten_is_older_than_all(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("b.csv", day: 5, ("L0", 1)));
        _database.Execute($"DELETE FROM {Ledger}");

        await WriteAsync(_database.Options, token, File("a.csv", day: 0, ("L0", 2)));

        Assert.That(Stored(), Is.EqualTo(new[] { "L0 2 a.csv" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_failed_run_says_why_in_its_row_also_in_a_table_of_an_older_version([Values] bool older, CancellationToken token)
    {
        if (older) CreateOlderTables();
        await using SqlServerSink<Reading> sink = _database.NewSink();
        await sink.PrepareAsync(new RunStart(Source, s_noon, "host", "1.0", 100), token);
        await ((IBatchSink<Reading>)sink).EndRunAsync(RunOutcome.Failed, new RunBooks(), "the disk is full", token);

        ImportedRun run = (await new SqlServerLedger(_database.ConnectionString, _database.Options).RunsAsync(1, token))[0];

        Assert.That((run.Outcome, run.Reason), Is.EqualTo(("failed", "the disk is full")));
        Assert.That(
            _database.Scalar<int>($"SELECT MAX(Version) FROM {_database.Options.SchemaTable}"), Is.EqualTo(SqlServerSchema.Version));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_table_of_version_1_gets_what_it_lacks_with_the_next_run(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("b.csv", day: 1, ("L0", 1)));
        _database.Execute($"UPDATE {_database.Options.SchemaTable} SET Version = 1");

        await WriteAsync(_database.Options, token, File("c.csv", day: 1, ("L0", 1)));

        Assert.That(
            _database.Query<int>($"SELECT Version FROM {_database.Options.SchemaTable}"), Is.EqualTo(new[] { SqlServerSchema.Version }));
    }

    /// <summary>Version 2 gave numbers to files, but did not record which files met.</summary>
    [Test, CancelAfter(60_000)]
    public async Task Files_of_a_version_that_did_not_record_which_files_met_are_traced_but_not_taken_back(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("a.csv", day: 0, ("L0", 1)), File("b.csv", day: 1, ("L0", 2)));
        ToVersion2();
        var ledger = new SqlServerLedger(_database.ConnectionString, _database.Options);
        var files = new UndoneFiles(Source);
        SinkException older = Assert.ThrowsAsync<SinkException>(() => ledger.PlanUndoAsync(_database.Map, files, token))!;

        await WriteAsync(_database.Options, token, File("c.csv", day: 2, ("L0", 3), ("L1", 3)));
        await WriteAsync(_database.Options, token, File("d.csv", day: 3, ("L1", 4)));
        Undone undone = await ledger.UndoAsync(_database.Map, files, [], token);
        await WriteAsync(_database.Options, token, File("e.csv", day: 0, ("L2", 5)));

        Assert.Multiple(() =>
        {
            Assert.That(older.Message, Does.Contain("is of an older version. The next run brings it up to date"));
            Assert.That(undone.Files.Select(f => f.File.Path), Is.EquivalentTo(new[] { "c.csv", "d.csv" }));
            Assert.That(undone.Unrecorded.Select(f => f.File.Path), Is.EqualTo(new[] { "a.csv", "b.csv" }));
            Assert.That(undone.Others.Select(f => f.File.Path), Is.EqualTo(new[] { "b.csv" }));
            Assert.That(Stored(), Is.EqualTo(new[] { "L2 5 e.csv" }));
            Assert.That(_database.Query<int>($"SELECT FileId FROM {Ledger} ORDER BY FileId"), Is.EqualTo(new[] { 1, 2, 5 }));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_table_for_files_that_met_is_asked_for_by_name_if_the_sink_may_not_create_it(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("a.csv", day: 0, ("L0", 1)));
        ToVersion2();
        SqlServerSinkOptions strict = _database.Options with { CreateTables = false };

        SinkException refused = Assert.ThrowsAsync<SinkException>(() => WriteAsync(strict, token, File("b.csv", 0, ("L0", 1))))!;
        foreach (string sql in refused.Message[refused.Message.IndexOf("CREATE TABLE", StringComparison.Ordinal)..].TrimEnd('.').Split(';'))
            if (!sql.Contains("CREATE INDEX", StringComparison.Ordinal)) _database.Execute(sql);
        await WriteAsync(strict, token, File("b.csv", day: 1, ("L0", 2)));

        Assert.That(
            _database.Query<(int, int)>($"SELECT NewerFileId, OlderFileId FROM {_database.Options.OverlapTable}"),
            Is.EqualTo(new[] { (2, 1) }));
        Assert.That(
            (await new SqlServerLedger(_database.ConnectionString, strict).PlanUndoAsync(_database.Map, new UndoneFiles(Source), token))
                .Files.Select(f => f.File.Path),
            Is.EqualTo(new[] { "b.csv" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Nothing_is_looked_up_in_the_ledger_by_its_source_alone(CancellationToken token)
    {
        await WriteAsync(_database.Options, token, File("b.csv", day: 1, ("L0", 1)));
        await WriteAsync(_database.Options, token, File("c.csv", day: 1, ("L0", 1)));
        var ledger = new SqlServerLedger(_database.ConnectionString, _database.Options);
        Assert.That(await ledger.CountQuarantinedAsync(Source, token), Is.Zero);
        Assert.That(await ledger.QuarantinedAsync(Source, 10, token), Is.Empty);
        if (_database.Endpoint is not { } endpoint) return;

        string[] bySource = [.. endpoint.Counts.Statements.Where(s =>
            s.Contains("Source = @Source", StringComparison.Ordinal) && s.Contains($"FROM [dbo].[{Ledger}]", StringComparison.Ordinal))];

        Assert.That(bySource, Is.All.Contains("WHERE Outcome = 'quarantined' AND"), "an index begins with the outcome");
        Assert.That(
            endpoint.Counts.Statements, Has.Some.Contains($"ON [dbo].[{Ledger}] (Outcome, ImportedUtc)"));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_whose_time_the_database_keeps_with_fewer_digits_is_listed_with_its_own_and_really_forgotten(
        [Values] bool all, CancellationToken token)
    {
        var file = new SourceFile("sub/a.csv", 100, s_noon.AddTicks(1_234_567));
        var bad = new FileRows<Reading>(file, new RowBatch<Reading>());
        bad.Quarantine(new Defect("no header"));
        await using (SqlServerSink<Reading> sink = _database.NewSink())
        {
            await sink.PrepareAsync(new RunStart(Source, s_noon, "host", "1.0", 100), token);
            await sink.WriteAsync([bad], token);
            await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
        }
        _database.Execute($"UPDATE {Ledger} SET ModifiedUtc = @kept", new { kept = file.ModifiedUtc.AddTicks(-4_567) });
        var ledger = new SqlServerLedger(_database.ConnectionString, _database.Options);

        SourceFile listed = (await ledger.QuarantinedAsync(Source, 10, token)).Single().File;
        int forgotten = await ledger.RetryAsync(Source, all ? null : [listed], token);

        Assert.That((listed, forgotten, _database.Ledger().Count), Is.EqualTo((file, 1, 0)));
    }

    [Test, CancelAfter(120_000)]
    public async Task Two_runs_that_begin_at_once_on_an_empty_database_both_find_their_tables(CancellationToken token)
    {
        for (int round = 0; round < 5; round++)
        {
            await using var database = new SqlServerTestDatabase();
            await using SqlServerSink<Reading> one = database.NewSink(), other = database.NewSink();
            await Task.WhenAll(
                Task.Run(async () => await one.PrepareAsync(new RunStart("folder:/one", s_noon, "host", "1.0", 100), token), token),
                Task.Run(async () => await other.PrepareAsync(new RunStart("folder:/other", s_noon, "host", "1.0", 100), token), token));
            FileResult[] written = await one.WriteAsync([File("b.csv", day: 1, ("L0", 1))], token);
            Assert.That(written[0].Inserted, Is.EqualTo(1));
        }
    }

    /// <summary>The tables as a version created them that kept no file for each row.</summary>
    private void CreateOlderTables()
    {
        string[] later = ["FileId", "RowsSkipped", "RowsFlagged", "RowsCollided"];
        foreach ((string table, string sql) in SqlServerSchema.Tables(_database.Map, _database.Options).SkipLast(2))
            _database.Execute(string.Join('\n', sql.Split('\n').Where(line => !later.Any(line.Contains)
                && !(table == _database.Options.RunTable && line.Contains("Reason", StringComparison.Ordinal)))));
    }

    private void ToVersion2()
    {
        string versions = _database.Options.SchemaTable;
        int last = _database.Scalar<int>($"SELECT LastFileId FROM {versions}");
        _database.Execute($"DROP TABLE {_database.Options.OverlapTable}");
        _database.Execute($"DROP TABLE {versions}");
        _database.Execute($"CREATE TABLE {versions} (Version int NOT NULL PRIMARY KEY, LastFileId int NOT NULL)");
        _database.Execute($"INSERT INTO {versions} (Version, LastFileId) VALUES (2, {last})");
    }

    private Task<SqlServerTarget<Reading>?> CheckAsync(CancellationToken token, SqlServerSinkOptions? options = null) =>
        new SqlServerInspection<Reading>(_database.ConnectionString, _database.Map, options ?? _database.Options).CheckAsync(token);

    private Task<FileResult> WriteAsync(SqlServerSinkOptions options, CancellationToken token, params FileRows<Reading>[] files) =>
        WriteAsync(options, _database.Map, files, token);

    private async Task<FileResult> WriteAsync(
        SqlServerSinkOptions options, RowMap<Reading> map, FileRows<Reading>[] files, CancellationToken token)
    {
        await using var sink = new SqlServerSink<Reading>(_database.ConnectionString, map, options with { Retries = 0 });
        await sink.PrepareAsync(new RunStart(Source, s_noon, "host", "1.0", 100), token);
        FileResult[] results = await sink.WriteAsync(files, token);
        await sink.EndRunAsync(RunOutcome.Completed, new RunBooks(), token);
        Assert.That(results.Select(r => r.Outcome), Is.All.EqualTo(FileOutcome.Loaded));
        return results[0];
    }

    private static (long Inserted, long Updated, long Unchanged) Counts(FileResult result) =>
        (result.Inserted, result.Updated, result.Unchanged);

    private string[] Stored(string column = "FileId") => [.. _database.Query<(string Logger, double Value, string? Path)>(
        $"SELECT r.Logger, r.Value, f.Path FROM {Table} AS r LEFT JOIN {Ledger} AS f ON f.FileId = r.{column}")
        .Select(r => FormattableString.Invariant($"{r.Logger} {r.Value} {r.Path}")).Order(StringComparer.Ordinal)];

    private static FileRows<Reading> File(string path, int day, params (string Logger, double Value)[] readings)
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < readings.Length; i++)
            rows.Add(new Reading(readings[i].Logger, "flow", s_noon, readings[i].Value), i + 2);
        return new FileRows<Reading>(new SourceFile(path, 100, s_noon.AddDays(day)), rows);
    }
}
