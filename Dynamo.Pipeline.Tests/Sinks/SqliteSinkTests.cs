using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>The contract on SQLite.</summary>
public sealed class SqliteSinkTests : BatchSinkContract
{
    private SqliteTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => _database = new SqliteTestDatabase();

    [TearDown]
    public void RemoveFolder() => _database.Dispose();

    [Test, CancelAfter(60_000)]
    public async Task One_file_remains_when_the_run_is_ended_and_its_row_holds_the_books()
    {
        await using var sink = (SqliteSink<Reading>)NewSink();
        await sink.PrepareAsync(Run(), default);
        FileResult[] results = await sink.WriteAsync([File("a.csv", R("A", 1, 1))], default);
        var counter = new RunCounter();
        counter.Listed();
        counter.Read(1);
        counter.Add(results[0]);
        await sink.EndRunAsync(RunOutcome.Completed, counter.Books(), default);
        Assert.That(Directory.GetFiles(_database.Folder).Select(Path.GetExtension), Is.EquivalentTo(new[] { ".db", ".lock" }));
        Assert.That(
            _database.Query("SELECT Source || Outcome || Host || Listed || Loaded || RowsRead || RowsInserted || Bytes FROM ImportRun"),
            Is.EqualTo(new[] { Source + "completedhost1111100" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_long_run_fills_the_database_while_it_goes_on_and_its_wal_stays_short(CancellationToken token)
    {
        await using var sink = (SqliteSink<Reading>)NewSink();
        await sink.PrepareAsync(Run(), token);
        long written = 0;
        for (int batch = 0; batch < 400 && written < 32 << 20; batch++)
        {
            await sink.WriteAsync(
                [File($"{batch}.csv", Enumerable.Range(batch * 5_000, 5_000).Select(minute => R("A", minute, 1)))], token);
            // The writer does not wait for the copying beside it; a busy machine might let it begin too late to be seen.
            await sink.Copying.WaitAsync(token);
            written = new FileInfo(_database.Path).Length;
        }

        Assert.That(written, Is.GreaterThanOrEqualTo(32 << 20), "nothing was copied into the database before the end of the run");
        Assert.That(new FileInfo(_database.Path + "-wal").Length, Is.LessThan(written));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_run_that_was_not_ended_is_closed_as_interrupted_by_the_next()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("a.csv", R("A", 1, 1)));
        await WriteOnce(DuplicatePolicy.LastWins, File("b.csv", R("A", 2, 1)));
        Assert.That(_database.Query("SELECT Outcome FROM ImportRun ORDER BY RunId"), Is.EqualTo(new[] { "interrupted", "running" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task An_interrupted_run_has_the_books_of_what_it_committed()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("a.csv", R("A", 1, 1), R("A", 2, 2)), File("b.csv", R("A", 2, 3)));
        await WriteOnce(DuplicatePolicy.LastWins, File("c.csv", R("A", 3, 1)));
        Assert.That(
            _database.Query(
                "SELECT Outcome || '|' || Listed || '|' || Loaded || '|' || RowsRead || '|' || RowsInserted || '|' || RowsUpdated FROM "
                    + "ImportRun ORDER BY RunId"),
            Is.EqualTo(new[] { "interrupted|2|2|3|2|1", "running|0|0|0|0|0" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task Times_are_text_that_sorts_and_that_date_functions_read()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("a.csv", R("A", 0, 1), new Reading("A", "flow", Noon.AddTicks(1_230_000), 1)));
        Assert.That(_database.Query("SELECT TimestampUtc || '|' || strftime('%H:%M:%f', TimestampUtc) FROM Reading ORDER BY TimestampUtc"),
            Is.EqualTo(new[] { "2026-03-01 12:00:00|12:00:00.000", "2026-03-01 12:00:00.123|12:00:00.123" }));
    }

    [TestCase("SELECT RAISE(ABORT, 'no thirteen')", 9, 1)]
    [TestCase("SELECT RAISE(FAIL, 'no thirteen')", 9, 1)]
    [TestCase("SELECT RAISE(ROLLBACK, 'no thirteen')", 9, 1)]
    [TestCase("SELECT RAISE(IGNORE)", 9, 1)]
    [TestCase("SELECT json_extract('{', '$.a')", 9, 1)]
    [CancelAfter(60_000)]
    public async Task Whatever_a_trigger_does_to_a_row_the_others_are_loaded_and_counted(string action, long inserted, long rejected)
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("first.csv", R("first", 0, 0)));
        _database.Execute($"CREATE TRIGGER refuse BEFORE INSERT ON Reading WHEN NEW.Value = 13 BEGIN {action}; END");
        FileResult[] results = await WriteOnce(
            DuplicatePolicy.LastWins, File("a.csv", Enumerable.Range(0, 10).Select(i => R("A", i, i + 8))), File("b.csv", R("B", 1, 1)));
        Assert.That(Counts(results[0]), Is.EqualTo((inserted, 0L, 0L, rejected)));
        Assert.That(results[1].Inserted, Is.EqualTo(1));
        Assert.That(results[0].Rejects.Single().Line, Is.EqualTo(7));
        Assert.That(StoredReadings(), Has.Count.EqualTo(11));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_trigger_on_a_table_that_is_gone_is_a_broken_system_and_not_bad_data()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("first.csv", R("first", 0, 0)));
        _database.Execute("CREATE TRIGGER broken AFTER INSERT ON Reading BEGIN INSERT INTO Gone VALUES (1); END");
        Assert.That(
            async () => await WriteOnce(DuplicatePolicy.LastWins, File("a.csv", R("A", 1, 1))),
            Throws.InstanceOf<SinkException>().With.Message.Contains("Gone"));
    }

    [TestCase("TEXT", ExpectedResult = "(1, 0, 0, 0) then (1, 0, 0, 0)")]
    [TestCase("TEXT COLLATE NOCASE", ExpectedResult = "(1, 0, 0, 0) then (0, 1, 0, 0)")]
    [CancelAfter(60_000)]
    public async Task<string> The_later_of_two_loggers_that_differ_in_case_wins_where_the_key_takes_them_for_one(string type)
    {
        _database.Execute(
            $"CREATE TABLE Reading (Logger {type} NOT NULL, Channel TEXT NOT NULL, TimestampUtc TEXT NOT NULL, Value REAL NOT NULL, "
                + "PRIMARY KEY (Logger, Channel, TimestampUtc))");
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, File("1.csv", R("pump", 1, 1)), File("2.csv", R("PUMP", 1, 2)));
        Assert.That(StoredReadings().Select(r => r.Value), Does.Contain(2.0));
        return $"{Counts(results[0])} then {Counts(results[1])}";
    }

    [Test, CancelAfter(60_000)]
    public async Task A_reading_that_comes_again_is_unchanged_and_one_that_cannot_be_stored_is_rejected_each_time()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("first.csv", R("first", 0, 0)));
        RefuseValue(13);
        FileResult[] results = await WriteOnce(
            DuplicatePolicy.LastWins, File("1.csv", R("A", 1, 1), R("A", 2, 13)), File("2.csv", R("A", 1, 1), R("A", 2, 13), R("A", 1, 1)));
        Assert.That(Counts(results[0]), Is.EqualTo((1L, 0L, 0L, 1L)));
        Assert.That(Counts(results[1]), Is.EqualTo((0L, 0L, 2L, 1L)));
        Assert.That(results[1].Rejects.Single().Line, Is.EqualTo(3));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_quarantined_file_records_its_first_thousand_rejects()
    {
        await WriteOnce(DuplicatePolicy.LastWins, FileWith("bad.csv", [.. Enumerable.Range(0, 3000).Select(Bad)]));
        Assert.That(StoredRejects("bad.csv"), Is.EqualTo(1000));
    }

    protected override IBatchSink<Reading> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins) =>
        new SqliteSink<Reading>(_database.Path, ReadingTable.Default, new SqliteSinkOptions { Duplicates = policy });

    protected override IReadOnlyList<Reading> StoredReadings() => _database.Readings();

    protected override long StoredRejects(string path) =>
        long.Parse(_database.Query($"SELECT count(*) FROM RejectedRow WHERE Path = '{path}'")[0], CultureInfo.InvariantCulture);

    /// <summary>SQLite cannot add a CHECK to a table: the table is made anew with it.</summary>
    protected override void RefuseValue(double value) => _database.Execute($"""
        ALTER TABLE Reading RENAME TO Old;
        CREATE TABLE Reading (Logger TEXT NOT NULL, Channel TEXT NOT NULL, TimestampUtc TEXT NOT NULL,
            Value REAL NOT NULL CHECK (Value <> {value.ToString(CultureInfo.InvariantCulture)}),
          PRIMARY KEY (Logger, Channel, TimestampUtc)) WITHOUT ROWID;
        INSERT INTO Reading SELECT Logger, Channel, TimestampUtc, Value FROM Old;
        DROP TABLE Old;
        """);
}

/// <summary>A database in a folder of its own.</summary>
internal sealed class SqliteTestDatabase : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("dynamo-sqlite-").FullName;

    public string Path => System.IO.Path.Combine(Folder, "readings.db");

    public void Execute(string sql)
    {
        using SqliteConnection db = Open();
        using SqliteCommand command = db.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public List<string> Query(string sql)
    {
        using SqliteConnection db = Open();
        using SqliteCommand command = db.CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader reader = command.ExecuteReader();
        var found = new List<string>();
        while (reader.Read())
            found.Add(reader.IsDBNull(0) ? "NULL" : reader.GetString(0));
        return found;
    }

    public List<Reading> Readings()
    {
        using SqliteConnection db = Open();
        using SqliteCommand command = db.CreateCommand();
        command.CommandText = "SELECT Logger, Channel, TimestampUtc, Value FROM Reading";
        using SqliteDataReader reader = command.ExecuteReader();
        var found = new List<Reading>();
        while (reader.Read())
            found.Add(
                new Reading(
                    reader.GetString(0), reader.GetString(1), DateTime.SpecifyKind(reader.GetDateTime(2), DateTimeKind.Utc),
                    reader.GetDouble(3)));
        return found;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private SqliteConnection Open()
    {
        var db = new SqliteConnection($"Data Source={Path};Pooling=False");
        db.Open();
        return db;
    }
}
