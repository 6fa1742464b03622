using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>Databases that cannot be used: each says what is wrong and what to do.</summary>
public sealed class SqliteFaultTests
{
    private static readonly RunStart s_run = new("folder:/inbox", DateTime.UnixEpoch, "host", "1.0", 100);
    private SqliteTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => _database = new SqliteTestDatabase();

    [TearDown]
    public void RemoveFolder() => _database.Dispose();

    [Test, CancelAfter(60_000)]
    public void A_missing_folder_is_named() =>
        Refused(Path.Combine(_database.Folder, "none", "r.db"), "does not exist");

    [Test, CancelAfter(60_000)]
    public void A_folder_is_no_database() => Refused(_database.Folder, "cannot be opened");

    [Test, CancelAfter(60_000)]
    public void A_file_that_is_no_database_is_refused_and_left_as_it_is()
    {
        string text = string.Concat(Enumerable.Repeat("logger,channel\n", 500));
        File.WriteAllText(_database.Path, text);
        Refused(_database.Path, "not a SQLite database");
        Assert.That(File.ReadAllText(_database.Path), Is.EqualTo(text));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_damaged_database_is_refused()
    {
        await Prepare();
        using (FileStream file = File.OpenWrite(_database.Path))
        {
            file.Position = 100;
            file.Write(Enumerable.Repeat((byte)0xAB, 4000).ToArray());
        }
        Refused(_database.Path, "damaged");
    }

    [Test, CancelAfter(60_000)]
    public async Task A_database_of_a_newer_schema_is_refused()
    {
        await Prepare();
        _database.Execute($"UPDATE ImportSchema SET Version = {SqliteSchema.Version + 1}");
        Refused(_database.Path, "newer version", $"found schema {SqliteSchema.Version + 1}, expected at most {SqliteSchema.Version}");
    }

    [TestCase("CREATE TABLE Reading (Logger TEXT, Channel TEXT, TimestampUtc TEXT, PRIMARY KEY (Logger, Channel, TimestampUtc))",
        "has no column Value", "expected REAL")]
    [TestCase("CREATE TABLE Reading (Logger INTEGER, Channel TEXT, TimestampUtc TEXT, Value REAL, PRIMARY KEY (Logger, Channel, "
        + "TimestampUtc))", "Reading.Logger", "found INTEGER, expected TEXT")]
    [TestCase("CREATE TABLE Reading (Logger TEXT, Channel TEXT, TimestampUtc TEXT, Value REAL, PRIMARY KEY (Logger, Channel))",
        "another key", "expected a primary key")]
    [TestCase("CREATE TABLE Reading (Logger TEXT, Channel TEXT, TimestampUtc TEXT, Value REAL, Unit TEXT NOT NULL, PRIMARY KEY "
        + "(Logger, Channel, TimestampUtc))", "Reading.Unit", "no default")]
    [TestCase("CREATE VIEW Reading AS SELECT 1", "is a view", "expected a table")]
    [TestCase("CREATE TABLE ImportedFile (Name TEXT)", "ImportedFile is not ours", "column Source found nothing")]
    [CancelAfter(60_000)]
    public void A_table_of_another_shape_is_refused_by_column(string ddl, string what, string detail)
    {
        _database.Execute(ddl);
        Refused(_database.Path, what, detail);
        Assert.That(
            _database.Query("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'Import%' AND name <> 'ImportedFile'"),
            Is.EqualTo(new[] { "0" }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_table_with_a_unique_index_over_the_key_and_more_columns_is_taken()
    {
        _database.Execute(
            "CREATE TABLE Reading (Id INTEGER PRIMARY KEY, TimestampUtc DATETIME NOT NULL, Channel VARCHAR(20), Logger NVARCHAR(20), "
                + "Value DOUBLE, Note TEXT); "
            + "CREATE UNIQUE INDEX OneReading ON Reading (TimestampUtc, Logger, Channel)");
        await using SqliteSink<Reading> sink = Sink(_database.Path);
        await sink.PrepareAsync(s_run, default);
        FileResult[] results = await sink.WriteAsync([OneRow("a.csv"), OneRow("b.csv")], default);
        Assert.That(results.Select(r => (r.Inserted, r.Unchanged)), Is.EqualTo(new[] { (1L, 0L), (0L, 1L) }));
    }

    [Test, CancelAfter(60_000)]
    public void Missing_tables_are_refused_with_their_definition_when_they_are_not_to_be_created()
    {
        _database.Execute("CREATE TABLE Other (X)");
        var sink = new SqliteSink<Reading>(_database.Path, ReadingTable.Default, new SqliteSinkOptions { CreateTables = false });
        Assert.That(
            async () => await sink.PrepareAsync(s_run, default),
            Throws.InstanceOf<SinkException>().With.Message.Contains("CREATE TABLE \"Reading\""));
        _database.Execute(SqliteDdl.Of(ReadingTable.Default));
        Assert.That(async () => { await sink.PrepareAsync(s_run, default); await sink.DisposeAsync(); }, Throws.Nothing);
    }

    [TestCase("Value INTEGER NOT NULL", "CHECK (abs(Value) >= 0)", "-9223372036854775808", false)]
    [TestCase("Value ANY NOT NULL", "CHECK (json_extract(CASE WHEN Value = 13 THEN '{' ELSE '{}' END, '$.a') IS NULL)", "13", true)]
    [CancelAfter(60_000)]
    public async Task A_row_on_which_a_check_itself_fails_is_rejected_and_the_rows_before_it_are_counted_once(
        string column, string check, string value, bool strict)
    {
        _database.Execute($"CREATE TABLE Odd (Id INTEGER PRIMARY KEY, {column} {check}){(strict ? " STRICT" : "")}");
        RowMap<long[]> map = RowMap<long[]>.Table("Odd").Key("Id", r => r[0]).Column("Value", r => r[1]);
        await using var sink = new SqliteSink<long[]>(_database.Path, map);
        await sink.PrepareAsync(s_run, default);
        var rows = new RowBatch<long[]>();
        for (int i = 0; i < 40; i++)
            rows.Add([i, i == 21 ? long.Parse(value, System.Globalization.CultureInfo.InvariantCulture) : i + 100], i + 2);
        FileResult[] results = await sink.WriteAsync(
            [new FileRows<long[]>(new SourceFile("odd.csv", 1, DateTime.UnixEpoch), rows)], default);
        Assert.That((results[0].Inserted, results[0].Unchanged, results[0].Rejected), Is.EqualTo((39L, 0L, 1L)));
        Assert.That(results[0].Rejects.Single().Line, Is.EqualTo(23));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_locked_database_is_a_transient_error_after_the_busy_time_out()
    {
        await Prepare();
        using var db = new SqliteConnection($"Data Source={_database.Path};Pooling=False");
        db.Open();
        using (SqliteCommand begin = db.CreateCommand())
        {
            begin.CommandText = "BEGIN IMMEDIATE";
            begin.ExecuteNonQuery();
        }
        SinkException fault = Refused(_database.Path, "locked");
        Assert.That(fault.IsTransient);
    }

    [Test, CancelAfter(60_000)]
    public void A_full_disk_is_named_and_leaves_what_was_committed() => OnSmallDisk(async disk =>
    {
        string path = Path.Combine(disk.Path, "r.db");
        await using SqliteSink<Reading> sink = Sink(path);
        await sink.PrepareAsync(s_run, default);
        await sink.WriteAsync([OneRow("first.csv")], default);
        File.WriteAllBytes(Path.Combine(disk.Path, "ballast"), new byte[700_000]);
        FileRows<Reading> big = ManyRows("big.csv", 60_000);
        Assert.That(
            async () => await sink.WriteAsync([big], default), Throws.InstanceOf<SinkException>().With.Message.Contains("disk is full"));
        File.Delete(Path.Combine(disk.Path, "ballast"));
        FileResult[] results = await sink.WriteAsync([OneRow("first.csv"), ManyRows("small.csv", 100)], default);
        Assert.That(
            results.Select(r => (r.Outcome, r.Inserted)), Is.EqualTo(new[] { (FileOutcome.AlreadyLoaded, 0L), (FileOutcome.Loaded, 99L) }));
    });

    [Test, CancelAfter(60_000)]
    public void A_read_only_disk_is_named() => OnSmallDisk(async disk =>
    {
        string path = Path.Combine(disk.Path, "r.db");
        await using (SqliteSink<Reading> sink = Sink(path))
            await sink.PrepareAsync(s_run, default);
        disk.Remount("ro");
        Refused(path, "may write there");
    });

    private static SqliteSink<Reading> Sink(string path) =>
        new(path, ReadingTable.Default, new SqliteSinkOptions { BusyTimeout = TimeSpan.FromMilliseconds(50) });

    private static FileRows<Reading> OneRow(string name) => ManyRows(name, 1);

    private static FileRows<Reading> ManyRows(string name, int count)
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < count; i++)
            rows.Add(new Reading("L", "flow", DateTime.UnixEpoch.AddMinutes(i), i), i + 2);
        return new FileRows<Reading>(new SourceFile(name, 1, DateTime.UnixEpoch), rows);
    }

    private static SinkException Refused(string path, params string[] parts)
    {
        SinkException fault = Assert.ThrowsAsync<SinkException>(async () =>
        {
            await using SqliteSink<Reading> sink = Sink(path);
            await sink.PrepareAsync(s_run, default);
        })!;
        foreach (string part in parts)
            Assert.That(fault.Message, Does.Contain(part));
        return fault;
    }

    /// <summary>A file system of 1 MB, which only root may mount.</summary>
    private void OnSmallDisk(Func<SmallDisk, Task> test)
    {
        using var disk = new SmallDisk(Path.Combine(_database.Folder, "disk"), "1m");
        test(disk).WaitAsync(TimeSpan.FromSeconds(50)).GetAwaiter().GetResult();
    }

    private async Task Prepare()
    {
        await using SqliteSink<Reading> sink = Sink(_database.Path);
        await sink.PrepareAsync(s_run, default);
    }
}
