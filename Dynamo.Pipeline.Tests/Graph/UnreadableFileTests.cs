namespace Dynamo.Pipeline.Tests;

/// <summary>A source that fails at some files, or for a while, costs none of its files and does not keep the others back.</summary>
[TestFixture, CancelAfter(30_000), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class UnreadableFileTests
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(5);

    private readonly WatchedTime _time = new(DateTimeOffset.UnixEpoch);
    private readonly Lock _gate = new();

    [Test]
    public async Task One_file_that_cannot_be_read_is_tried_again_and_deferred_and_the_others_are_loaded(
        [Values] bool streamed, CancellationToken token)
    {
        int tried = 0;
        MemorySource source = Source(20, file =>
        {
            if (file.Path != "7") return;
            lock (_gate) tried++;
            throw new UnreadableFileException("Input/output error");
        });

        PipelineResult result = await RunAsync(source, token, streamed ? 0 : 1000);

        Assert.That((result.Books.Loaded, result.Books.Deferred, result.Books.Quarantined), Is.EqualTo((19, 1, 0)));
        Assert.That(result.Notable.Single().Defect!.Problem, Does.Contain("Input/output error"));
        Assert.That(tried, Is.GreaterThan(2));
    }

    [Test]
    public async Task A_source_that_fails_for_a_while_gives_every_file_in_the_same_run(CancellationToken token)
    {
        int opens = 0;
        MemorySource source = Source(63, _ =>
        {
            lock (_gate)
                if (opens++ < 150) throw new UnreadableFileException("FAILURE");
        });

        PipelineResult result = await RunAsync(source, token);

        Assert.That((result.Books.Loaded, result.Books.Deferred, result.Books.Quarantined), Is.EqualTo((63, 0, 0)));
    }

    [Test]
    public void A_source_that_gives_no_file_at_all_has_failed([Values] bool streamed, CancellationToken token)
    {
        MemorySource source = Source(5, _ => throw new UnreadableFileException("FAILURE"));

        var error = Assert.ThrowsAsync<SourceException>(() => RunAsync(source, token, streamed ? 0 : 1000));

        Assert.That(error!.Message, Does.Contain("memory:").And.Contain("none of its files").And.Contain("FAILURE"));
        Assert.That(error.Result!.Books.Deferred, Is.EqualTo(5));
    }

    [Test]
    public async Task A_file_that_is_refused_while_others_are_given_is_bad([Values] bool streamed, CancellationToken token)
    {
        MemorySource source = Source(20, file =>
        {
            if (file.Path is "7" or "19") throw Refused();
        });

        PipelineResult result = await RunAsync(source, token, streamed ? 0 : 1000);

        Assert.That((result.Books.Loaded, result.Books.Deferred, result.Books.Quarantined), Is.EqualTo((18, 0, 2)));
        Assert.That(result.Notable[0].Defect!.Problem, Is.EqualTo("no permission"));
    }

    [Test]
    public void Files_that_are_all_refused_are_the_sources_failure([Values] bool streamed, CancellationToken token)
    {
        MemorySource source = Source(5, _ => throw Refused());

        var error = Assert.ThrowsAsync<SourceException>(() => RunAsync(source, token, streamed ? 0 : 1000));

        Assert.That((error!.Result!.Books.Deferred, error.Result.Books.Quarantined), Is.EqualTo((5, 0)));
    }

    [Test]
    public async Task A_source_that_takes_the_right_to_read_away_condemns_no_file(CancellationToken token)
    {
        int opens = 0;
        MemorySource source = Source(60, _ =>
        {
            lock (_gate)
                if (opens++ >= 20) throw Refused();
        });

        PipelineResult result = await RunAsync(source, token);

        Assert.That((result.Books.Loaded, result.Books.Deferred, result.Books.Quarantined), Is.EqualTo((20, 40, 0)));
    }

    [Test]
    public async Task A_file_that_is_refused_for_a_while_is_loaded(CancellationToken token)
    {
        int opens = 0;
        MemorySource source = Source(20, file =>
        {
            lock (_gate)
                if (file.Path == "7" && opens++ < 1) throw Refused();
        });

        PipelineResult result = await RunAsync(source, token);

        Assert.That((result.Books.Loaded, result.Books.Quarantined), Is.EqualTo((20, 0)));
    }

    [Test]
    public async Task A_run_that_is_stopped_does_not_wait_for_files_that_cannot_be_read(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        MemorySource source = Source(20, file =>
        {
            if (file.Path == "7") throw new UnreadableFileException("Input/output error");
        });
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(new MemorySink<int>(), new PipelineOptions { TimeProvider = _time }).RunAsync(cancellationToken: stop.Token);
        await _time.SomebodyWaitsAsync(s_longestPause, token);

        await stop.CancelAsync();

        PipelineResult result = await run.WaitAsync(token);
        Assert.That((result.Books.Loaded, result.Books.Deferred), Is.EqualTo((19, 1)));
    }

    [TestCase(23, 1, FileOutcome.Deferred)]
    [TestCase(25, 1, FileOutcome.Quarantined)]
    [TestCase(1, 0, FileOutcome.Quarantined)]
    public async Task An_empty_file_waits_before_it_counts_as_bad(
        int hours, int days, FileOutcome outcome, CancellationToken token)
    {
        using var import = new ImportFolder
        {
            Options = new PipelineOptions { EmptyFileWait = TimeSpan.FromDays(days), TimeProvider = _time },
        };
        string path = import.Put("a.csv", "");
        File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime.AddHours(-hours));

        PipelineResult result = await import.RunAsync(token);

        Assert.That(result.Notable.Single().Outcome, Is.EqualTo(outcome));
        Assert.That(File.Exists(path));
    }

    private static UnreadableFileException Refused() => new("no permission") { Defect = new Defect("no permission") };

    private static MemorySource Source(int files, Action<SourceFile> opens) =>
        new(Enumerable.Range(0, files).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnOpen = (file, _) =>
            {
                opens(file);
                return default;
            },
        };

    private async Task<PipelineResult> RunAsync(MemorySource source, CancellationToken token, long streamAbove = 1000)
    {
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(new MemorySink<int>(), new PipelineOptions { TimeProvider = _time, StreamAbove = streamAbove })
            .RunAsync(cancellationToken: token);
        await _time.PassAsync(run, s_longestPause, token);
        return await run;
    }
}
