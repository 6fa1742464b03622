using System.Collections.Concurrent;
using System.Threading.Tasks.Dataflow;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What is committed is completed at the source and reaches the blocks after the commit, also when the run fails meanwhile.
/// </summary>
[TestFixture, CancelAfter(30_000)]
internal sealed class DeliveryTests
{
    private static readonly PipelineOptions s_options = new() { Readers = 2, FilesPerMessage = 3, BatchFiles = 5 };

    [Test]
    public async Task Blocks_after_the_commit_get_every_file_although_the_run_fails_and_is_run_again(CancellationToken token)
    {
        const int Files = 300;
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new ConcurrentBag<string>();
        int batches = 0;
        var sink = new MemorySink<int>
        {
            OnWrite = (_, _) =>
            {
                if (Interlocked.Increment(ref batches) != 4) return default;
                failed.SetResult();
                throw new SinkException("the disk is full");
            },
        };
        // Until the run fails, what is committed waits here.
        FilePipeline<int> pipeline = FilePipeline.From(MemorySource.Of(Files)).Read(new NumberFormat()).WriteTo(sink, s_options)
            .AfterCommit(async batch =>
            {
                await failed.Task;
                foreach (FileRows<int> file in batch.Loaded) seen.Add(file.File.Path);
            });

        Assert.That(async () => await pipeline.RunAsync(cancellationToken: token).WaitAsync(token), Throws.TypeOf<SinkException>());
        Assert.That(seen, Is.EquivalentTo(sink.Batches.SelectMany(batch => batch)), "what the failed run committed");
        await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(seen, Is.Unique);
        Assert.That(seen, Has.Count.EqualTo(Files));
    }

    [Test]
    public void A_block_after_the_commit_that_fails_does_not_keep_the_batches_from_the_others(CancellationToken token)
    {
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new ConcurrentBag<string>();
        var sink = new MemorySink<int>();
        FilePipeline<int> pipeline = FilePipeline.From(MemorySource.Of(100)).Read(new NumberFormat()).WriteTo(sink, s_options)
            .AfterCommit((Action<CommittedBatch<int>>)(_ =>
            {
                failed.SetResult();
                throw new FormatException("my block");
            }))
            .AfterCommit(async batch =>
            {
                await failed.Task;
                foreach (FileRows<int> file in batch.Loaded) seen.Add(file.File.Path);
            });

        var error = Assert.ThrowsAsync<PipelineException>(() => pipeline.RunAsync(cancellationToken: token).WaitAsync(token));

        Assert.That(error!.Message, Does.StartWith("Block 1 of those linked with AfterCommit"));
        Assert.That(seen, Is.EquivalentTo(sink.Batches.SelectMany(batch => batch)));
    }

    [Test]
    public void A_batch_that_is_committed_while_the_run_is_aborted_is_completed_at_the_source(CancellationToken token)
    {
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new MemorySource(Enumerable.Range(0, 20).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnOpen = async (file, cancel) =>
            {
                if (file.Path != "19") return;
                await written.Task.WaitAsync(cancel);
                throw new SourceException("the line is dead");
            },
        };
        var sink = new MemorySink<int>
        {
            // The commit has happened. Before anybody hears of it, everything is aborted.
            OnWritten = async cancel =>
            {
                written.TrySetResult();
                await ((Task)Task.Delay(Timeout.Infinite, cancel)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            },
        };
        FilePipeline<int> pipeline = FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(sink, s_options with { FilesPerMessage = 1 });

        var error = Assert.ThrowsAsync<SourceException>(() => pipeline.RunAsync(cancellationToken: token).WaitAsync(token));

        string[] committed = [.. sink.Batches.SelectMany(batch => batch)];
        Assert.That(committed, Is.Not.Empty);
        Assert.That(source.Settled.Select(file => file.File.Path), Is.EquivalentTo(committed));
        Assert.That(error!.Result!.Books.Loaded, Is.EqualTo(committed.Length));
    }

    [Test]
    public void A_source_that_cannot_complete_its_files_does_not_keep_what_is_committed_from_the_blocks(CancellationToken token)
    {
        var seen = new ConcurrentBag<string>();
        var source = new MemorySource(Enumerable.Range(0, 20).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OnComplete = _ => throw new SourceException("the archive is full"),
        };
        var sink = new MemorySink<int>();
        FilePipeline<int> pipeline = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, s_options)
            .AfterCommit(batch =>
            {
                foreach (FileRows<int> file in batch.Loaded) seen.Add(file.File.Path);
            });

        Assert.That(async () => await pipeline.RunAsync(cancellationToken: token).WaitAsync(token),
            Throws.TypeOf<SourceException>().With.Message.EqualTo("the archive is full"));
        Assert.That(seen, Is.EquivalentTo(sink.Batches.SelectMany(batch => batch)));
    }

    [Test]
    public async Task The_error_of_a_users_block_is_the_error_also_when_it_comes_long_after_the_block_declines(CancellationToken token)
    {
        var time = new FakeTimeProvider();
        var block = new DecliningBlock();
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int batches = 0;
        var sink = new MemorySink<int>
        {
            OnWrite = async (_, cancel) =>
            {
                if (Interlocked.Increment(ref batches) < 2) return;
                cancel.Register(() => aborted.TrySetResult());
                await Task.Delay(Timeout.Infinite, cancel);
            },
        };
        Task<PipelineResult> run = FilePipeline.From(MemorySource.Of(10)).Read(new NumberFormat())
            .WriteTo(sink, s_options with { TimeProvider = time })
            .AfterCommit(_ => block).RunAsync(cancellationToken: token);
        await block.Declined.WaitAsync(token);

        while (!aborted.Task.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(aborted.Task, Task.Delay(1, token));
        }
        block.Fault(new FormatException("my block"));

        var error = Assert.ThrowsAsync<PipelineException>(() => run.WaitAsync(token));
        Assert.That(error!.Message, Does.StartWith("Block 1 of those linked with AfterCommit").And.Contain("my block"));
    }

    [Test]
    public async Task A_run_leaves_nothing_on_the_callers_token(CancellationToken token)
    {
        using var stop = new CancellationTokenSource();
        CancellationToken listing = default;
        var source = new MemorySource(new Dictionary<string, string> { ["a"] = "1\n" })
        {
            OnListing = cancel =>
            {
                listing = cancel;
                return default;
            },
        };
        await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(new MemorySink<int>()).RunAsync(cancellationToken: stop.Token)
            .WaitAsync(token);

        await stop.CancelAsync();

        Assert.That(listing.IsCancellationRequested, Is.False, "what the run made of the token is not told any more");
    }

    /// <summary>A block that has failed and is not faulted yet, because another of its messages is still at work.</summary>
    private sealed class DecliningBlock : ITargetBlock<CommittedBatch<int>>
    {
        private readonly TaskCompletionSource _completion = new(), _declined = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Completion => _completion.Task;

        public Task Declined => _declined.Task;

        public void Complete() { }

        public void Fault(Exception exception) => _completion.TrySetException(exception);

        public DataflowMessageStatus OfferMessage(
            DataflowMessageHeader header, CommittedBatch<int> value, ISourceBlock<CommittedBatch<int>>? source, bool consume)
        {
            _declined.TrySetResult();
            return DataflowMessageStatus.DecliningPermanently;
        }
    }
}
