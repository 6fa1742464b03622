using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Several writers at once: they never meet in a key, wait for nobody they need not wait for, and never deadlock.</summary>
public sealed class SqlServerWritersTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly RunStart s_run = new("folder:/inbox", s_noon, "host", "1.0", 100);

    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeDatabase() => _database = new SqlServerTestDatabase();

    [TearDown]
    public async Task RemoveDatabase() => await _database.DisposeAsync();

    [Test, CancelAfter(60_000)]
    public async Task A_merge_waits_for_one_of_the_same_logger_and_for_no_other(CancellationToken token)
    {
        string mine = "L0", other = Enumerable.Range(1, 99).Select(i => $"L{i}").First(name => Part(name) != Part(mine));
        await using SqlServerSink<Reading> sink = _database.NewSink();
        await sink.PrepareAsync(s_run, token);
        await using SqlConnection elsewhere = _database.Open();
        await using var merging = (SqlTransaction)await elsewhere.BeginTransactionAsync(token);
        string table = SqlServerText.LockName("write", SqlServerText.Quote("dbo", _database.Map.Name));
        await LockAsync(merging, table, "IntentExclusive", token);
        await LockAsync(merging, $"{table}:{System.Numerics.BitOperations.TrailingZeroCount(Part(mine))}", "Exclusive", token);

        Task<FileResult[]> waiting = sink.WriteAsync([File("mine.csv", mine)], token).AsTask();
        FileResult[] written = await sink.WriteAsync([File("other.csv", other)], token);
        Assert.That((waiting.IsCompleted, written[0].Inserted), Is.EqualTo((false, 10L)));
        await merging.RollbackAsync(token);
        Assert.That((await waiting)[0].Inserted, Is.EqualTo(10));
    }

    [Test, CancelAfter(120_000)]
    public async Task What_many_writers_write_is_what_one_would_have_written_and_none_of_them_is_refused(
        [Values(DuplicatePolicy.LastWins, DuplicatePolicy.FirstWins)] DuplicatePolicy policy, [Values(1, 4, 16)] int writers,
        [Values] bool append, CancellationToken token)
    {
        await using SqlServerSink<Reading> sink = _database.NewSink(policy, o => o with { Writers = 16, Append = append });
        Dictionary<string, string> files = Files();
        // No second attempt: a deadlock would end the run. Appends take no locks of keys, so that files of two loggers might meet there.
        var options = new PipelineOptions { Writers = writers, BatchRows = 100, FilesPerMessage = 10, WriteRetries = append ? 5 : 0 };

        PipelineResult result = await FilePipeline.From(new MemorySource(files)).Read(
            new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink, options).RunAsync(cancellationToken: token);

        string[] keys = [
            .. files.Values.SelectMany(text => text.Split('\n').Skip(1)).Where(line => line.Length > 0).Select(
                line => line[..line.LastIndexOf(',')])];
        int distinct = keys.Distinct().Count();
        Assert.Multiple(() =>
        {
            Assert.That(_database.Readings().Select(r => (r.Logger, r.TimestampUtc)).ToHashSet(), Has.Count.EqualTo(distinct));
            Assert.That(_database.Scalar<int>($"SELECT COUNT(*) FROM {_database.Map.Name}"), Is.EqualTo(distinct));
            Assert.That((result.Books.Loaded, result.Books.RowsInserted), Is.EqualTo((files.Count, distinct)));
            Assert.That(result.Books.RowsUnchanged, Is.EqualTo(keys.Length - distinct));
        });
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_that_another_run_enters_meanwhile_is_decided_by_the_ledgers_key([Values] bool append, CancellationToken token)
    {
        if (_database.Endpoint is not { } endpoint)
        {
            Assert.Ignore("only the tests' endpoint refuses on command");
            return;
        }
        await using SqlServerSink<Reading> sink = _database.NewSink(change: o => o with { Append = append });
        await sink.PrepareAsync(s_run, token);
        endpoint.FailNext(TdsMoment.BulkEnd, TdsFault.Error(2627), _database.Options.LedgerTable);

        FileResult[] results = await sink.WriteAsync([File("a.csv", "L1"), File("b.csv", "L2")], token);

        Assert.That(results.Select(r => (r.Outcome, r.Inserted, r.Rejected)), Is.All.EqualTo((FileOutcome.Loaded, 10L, 0L)));
        Assert.That((_database.Readings().Count, _database.Ledger().Count), Is.EqualTo((20, 2)));
    }

    /// <summary>Files of thirty loggers, each key in several of them with the same value, and some files of two loggers.</summary>
    private static Dictionary<string, string> Files()
    {
        var random = new Random(5);
        return Enumerable.Range(0, 200).ToDictionary(i => $"{i:D4}.csv", i =>
        {
            string[] loggers = i % 10 == 0 ? [$"L{i % 30}", $"L{(i + 1) % 30}"] : [$"L{i % 30}"];
            return "logger,channel,timestamp,value\n"
                + string.Concat(
                    loggers.SelectMany(
                        name => Enumerable.Range(i % 40, 6 + random.Next(6)).Select(k => $"{name},flow,{s_noon.AddMinutes(k):O},{k}\n")));
        });
    }

    private static int Part(string logger) => SqlServerKeyParts<Reading>.Of(logger, exact: true);

    private static FileRows<Reading> File(string path, string logger)
    {
        var rows = new RowBatch<Reading>();
        for (int i = 0; i < 10; i++) rows.Add(new Reading(logger, "flow", s_noon.AddMinutes(i), i), i + 2);
        return new FileRows<Reading>(new SourceFile(path, 100, s_noon), rows);
    }

    private static async Task LockAsync(SqlTransaction transaction, string name, string mode, CancellationToken token)
    {
        await using var command = new SqlCommand(
            $"EXEC sp_getapplock @Resource = N'{name}', @LockMode = N'{mode}', @LockOwner = N'Transaction', @LockTimeout = 0",
            transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync(token);
    }
}
