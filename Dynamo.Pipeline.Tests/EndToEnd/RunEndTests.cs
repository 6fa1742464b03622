using System.Threading.Tasks.Dataflow;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>How a run ends when the database or a file does not answer at the last moment.</summary>
[TestFixture, CancelAfter(60_000)]
internal sealed class RunEndTests
{
    private const string Row = "L1,flow,2026-01-01T00:00:00Z,1.5";

    /// <summary>Between two attempts to write into a database that somebody else has locked.</summary>
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(20);

    [Test]
    public async Task A_run_waits_for_another_writer_to_close_its_row(CancellationToken token)
    {
        var time = new WatchedTime(DateTimeOffset.UnixEpoch);
        using var import = new ImportFolder
        {
            Options = new PipelineOptions { StopDeadline = TimeSpan.FromMilliseconds(50), TimeProvider = time },
            Sink = new SqliteSinkOptions { BusyTimeout = TimeSpan.FromSeconds(30), TimeProvider = time },
        };
        import.PutRows("a.csv", Row);
        SqliteConnection? holder = null;
        Task<PipelineResult> run = RunAsync(import, lockAfterCommit: held => holder = held, token);
        DateTimeOffset began = time.GetUtcNow();

        // As often as the run tries and finds its row locked: longer than it may take to stop, not as long as it waits for a database.
        while (time.GetUtcNow() - began < 10 * import.Options.StopDeadline)
            time.Advance(await time.SomebodyWaitsAsync(s_longestPause, token));
        bool ended = run.IsCompleted;
        await holder!.DisposeAsync();
        await time.PassAsync(run, s_longestPause, token);
        PipelineResult result = await run;

        Assert.That(ended, Is.False);
        Assert.That(result.Books.Loaded, Is.EqualTo(1));
        Assert.That(import.Query("select Outcome from ImportRun"), Is.EqualTo(new[] { "completed" }));
    }

    [Test]
    public async Task A_run_whose_row_cannot_be_closed_says_so_with_its_books(CancellationToken token)
    {
        using var import = new ImportFolder { Sink = new SqliteSinkOptions { BusyTimeout = TimeSpan.FromMilliseconds(100) } };
        import.PutRows("a.csv", Row);
        SqliteConnection? holder = null;

        var error = Assert.ThrowsAsync<SinkException>(() => RunAsync(import, lockAfterCommit: held => holder = held, token));

        await holder!.DisposeAsync();
        Assert.That(error!.Message, Does.Contain("Another program writes to it"));
        Assert.That(error.Result!.Books.Loaded, Is.EqualTo(1), "what is loaded is known");
        Assert.That((await import.RunAsync(token)).Books.AlreadyLoaded, Is.EqualTo(1));
        Assert.That(import.Query("select Outcome from ImportRun order by RunId"), Is.EqualTo(new[] { "interrupted", "completed" }));
    }

    [Test]
    public async Task A_large_file_that_does_not_answer_ends_the_run_and_does_not_hold_the_sink(CancellationToken token)
    {
        using var import = new ImportFolder();
        var never = new TaskCompletionSource<FileContent>();
        var source = new MemorySource(new Dictionary<string, string> { ["a.csv"] = ImportFolder.Header + Row })
        {
            OnOpen = async (_, _) => await never.Task,
        };
        var options = new PipelineOptions
        {
            StreamAbove = 0,
            StallTimeout = TimeSpan.FromMilliseconds(300),
            StopDeadline = TimeSpan.FromMilliseconds(300),
        };
        var sink = new SqliteSink<Reading>(import.Database, ReadingTable.Default);

        Assert.ThrowsAsync<PipelineStalledException>(() =>
            FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink, options).RunAsync(null, token));
        await sink.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), token);
        never.SetCanceled(token);
    }

    [Test]
    public void Why_a_run_failed_is_stored_with_it(CancellationToken token)
    {
        using var import = new ImportFolder();
        var source = new MemorySource(new Dictionary<string, string>()) { OnListing = _ => throw new SourceException("the line is dead") };
        var sink = new SqliteSink<Reading>(import.Database, ReadingTable.Default);

        Assert.ThrowsAsync<SourceException>(() => FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink).RunAsync(null, token));

        Assert.That(
            import.Query("select Outcome || ': ' || Reason from ImportRun"), Is.EqualTo(new[] { "failed: the line is dead" }));
    }

    [Test]
    public async Task A_database_that_is_locked_longer_than_the_stall_time_is_waited_for(CancellationToken token)
    {
        var time = new WatchedTime(DateTimeOffset.UnixEpoch);
        using var import = new ImportFolder
        {
            Options = new PipelineOptions { StallTimeout = TimeSpan.FromMilliseconds(50), TimeProvider = time },
            Sink = new SqliteSinkOptions { BusyTimeout = TimeSpan.FromSeconds(30), TimeProvider = time },
        };
        import.PutRows("a.csv", Row);
        await import.RunAsync(token);
        import.PutRows("b.csv", Row);
        SqliteConnection? holder = null;
        Task<PipelineResult> run = RunAsync(import, _ => { }, token, beforeTheWrite: () => holder = Lock(import.Database));
        DateTimeOffset began = time.GetUtcNow();

        while (!run.IsCompleted && time.GetUtcNow() - began < 10 * import.Options.StallTimeout)
        {
            Task<TimeSpan> wait = time.SomebodyWaitsAsync(s_longestPause, token);
            if (await Task.WhenAny(wait, run) == wait) time.Advance(await wait);
        }
        await holder!.DisposeAsync();
        await time.PassAsync(run, s_longestPause, token);

        Assert.That((await run).Books.Loaded, Is.EqualTo(1));
    }

    private static async Task<PipelineResult> RunAsync(
        ImportFolder import, Action<SqliteConnection> lockAfterCommit, CancellationToken token, Action? beforeTheWrite = null)
    {
        await using var folder = new FolderSource(import.Inbox, import.Folder);
        await using var sink = new SqliteSink<Reading>(import.Database, ReadingTable.Default, import.Sink);
        return await FilePipeline.From(folder).Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .Through(o => new TransformBlock<FileRows<Reading>, FileRows<Reading>>(
                file =>
                {
                    beforeTheWrite?.Invoke();
                    return file;
                },
                o))
            .WriteTo(sink, import.Options)
            .AfterCommit(
                o => new ActionBlock<CommittedBatch<Reading>>(
                    _ => { if (beforeTheWrite is null) lockAfterCommit(Lock(import.Database)); },
                    o))
            .RunAsync(null, token);
    }

    private static SqliteConnection Lock(string database)
    {
        var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Open();
        using SqliteCommand begin = connection.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        begin.ExecuteNonQuery();
        return connection;
    }
}
