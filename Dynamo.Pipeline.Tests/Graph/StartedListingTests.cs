namespace Dynamo.Pipeline.Tests;

/// <summary>The listing begins while the sink is being prepared.</summary>
[TestFixture, CancelAfter(30_000)]
internal sealed class StartedListingTests
{
    private static readonly PipelineOptions s_options = new() { StopDeadline = TimeSpan.FromMilliseconds(200) };

    private static FilePipeline<int> Pipeline(MemorySource source, MemorySink<int> sink) =>
        FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, s_options);

    [Test]
    public async Task A_source_is_listed_while_the_sink_is_prepared_and_nothing_is_lost(CancellationToken token)
    {
        var listing = new TaskCompletionSource();
        var source = new MemorySource(Enumerable.Range(0, 20).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnListing = _ =>
            {
                listing.SetResult();
                return default;
            },
        };
        var sink = new MemorySink<int> { OnPrepare = async cancellation => await listing.Task.WaitAsync(cancellation) };

        PipelineResult result = await Pipeline(source, sink).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Loaded, Is.EqualTo(20));
        Assert.That(source.ListingsUnderWay, Is.Zero);
    }

    [Test]
    public void A_sink_that_cannot_be_prepared_is_the_error_whatever_the_source_says_and_the_listing_is_ended(
        [Values] bool sourceFails, CancellationToken token)
    {
        var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\n" })
        {
            OnListing = async cancellation =>
            {
                if (sourceFails) throw new SourceException("the line is dead");
                await Task.Delay(Timeout.Infinite, cancellation);
            },
        };
        var sink = new MemorySink<int> { OnPrepare = _ => throw new AlreadyRunningException("another run") };

        Assert.That(
            async () => await Pipeline(source, sink).RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<AlreadyRunningException>());
        Assert.That(source.ListingsUnderWay, Is.Zero);
        Assert.That(source.Opened, Is.Zero);
    }

    [Test]
    public void A_listing_that_ignores_its_cancellation_does_not_hold_the_error_back(CancellationToken token)
    {
        var never = new TaskCompletionSource();
        var source = new MemorySource(new Dictionary<string, string>()) { OnListing = async _ => await never.Task };
        var sink = new MemorySink<int> { OnPrepare = _ => throw new SinkException("no disk") };

        Assert.That(
            async () => await Pipeline(source, sink).RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<SinkException>().With.Message.EqualTo("no disk"));
    }

    [Test]
    public async Task A_run_that_is_cancelled_while_the_sink_is_prepared_has_opened_nothing(CancellationToken token)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        var source = MemorySource.Of(10);
        var sink = new MemorySink<int>
        {
            OnPrepare = async cancellation =>
            {
                await stop.CancelAsync();
                cancellation.ThrowIfCancellationRequested();
            },
        };

        PipelineResult result = await Pipeline(source, sink).RunAsync(cancellationToken: stop.Token).WaitAsync(token);

        Assert.That(result.WasCancelled);
        Assert.That(source.Opened, Is.Zero);
    }
}
