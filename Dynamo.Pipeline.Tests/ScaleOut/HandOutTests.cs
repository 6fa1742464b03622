using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Dynamo.Pipeline.Tests;

/// <summary>A dispatcher and workers of the library, in one process and without a broker: any queue can stand between them.</summary>
[CancelAfter(60_000)]
internal sealed class HandOutTests
{
    [Test]
    public async Task What_is_handed_out_is_imported_and_the_books_of_both_sides_say_so(CancellationToken token)
    {
        var source = MemorySource.Of(1_000);
        var sink = new MemorySink<int>();
        var queue = new Queue();
        using var done = CancellationTokenSource.CreateLinkedTokenSource(token);
        Task<PipelineResult>[] workers = [.. Enumerable.Range(0, 3).Select(_ => FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(sink).WorkAsync(queue.TakeAsync(done.Token), cancellationToken: done.Token))];

        PipelineResult all = await FilePipeline.From(source).HandOut(queue, sink, new PipelineOptions { FilesPerMessage = 7 })
            .RunAsync(cancellationToken: token);
        await done.CancelAsync();
        PipelineResult[] parts = await Task.WhenAll(workers);

        Assert.Multiple(() =>
        {
            Assert.That((all.Books.Listed, all.Books.Loaded, all.Books.RowsInserted), Is.EqualTo((1_000, 1_000, 1_000)));
            Assert.That(parts.Sum(part => part.Books.Loaded), Is.EqualTo(1_000));
            Assert.That(parts.Sum(part => part.Books.Listed), Is.EqualTo(1_000));
            Assert.That(sink.Rows, Has.Count.EqualTo(1_000));
            Assert.That(queue.Chunks, Is.EqualTo(143));
        });
    }

    [Test]
    public async Task A_file_that_no_worker_can_import_is_entered_and_put_aside(CancellationToken token)
    {
        var source = MemorySource.Of(3);
        var sink = new MemorySink<int>();
        PipelineResult result = await FilePipeline.From(source).HandOut(new Refuses(), sink).RunAsync(cancellationToken: token);
        Assert.Multiple(() =>
        {
            Assert.That((result.Books.Quarantined, result.Books.Loaded), Is.EqualTo((1, 2)));
            Assert.That(source.Settled.Select(file => (file.File.Path, file.Defect?.Problem)),
                Is.EqualTo(new[] { ("000001.csv", "it bites") }));
            Assert.That(result.Notable.Single().Defect!.Problem, Is.EqualTo("it bites"));
        });
    }

    [Test]
    public async Task A_chunk_that_comes_twice_is_imported_once_and_both_get_an_answer(CancellationToken token)
    {
        var source = MemorySource.Of(50);
        var sink = new MemorySink<int>();
        SourceFile[] files = [.. await source.ListAsync(token).ToArrayAsync(token)];
        var chunks = new[] { new Chunk(files, false), new Chunk(files, true), new Chunk(files, true) };
        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink)
            .WorkAsync(chunks.ToAsyncEnumerable(), cancellationToken: token);
        Assert.Multiple(() =>
        {
            Assert.That(chunks.Select(chunk => chunk.Results!.Length), Is.All.EqualTo(50));
            Assert.That(chunks[0].Results!.Select(one => one.Outcome), Is.All.EqualTo(FileOutcome.Loaded));
            Assert.That(chunks.Skip(1).SelectMany(chunk => chunk.Results!).Select(one => one.Outcome),
                Is.All.EqualTo(FileOutcome.AlreadyLoaded));
            Assert.That(chunks.Select(chunk => chunk.Results!.Select(one => one.File.Path)),
                Is.All.EqualTo(files.Select(file => file.Path)));
            Assert.That((result.Books.Listed, result.Books.Loaded, result.Books.AlreadyLoaded), Is.EqualTo((150, 50, 100)));
            Assert.That(sink.Rows, Has.Count.EqualTo(50));
        });
    }

    [Test]
    public async Task A_stopped_dispatcher_does_not_wait_for_its_workers(CancellationToken token)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        var workers = new Silent(stop);
        PipelineResult result = await FilePipeline.From(MemorySource.Of(5))
            .HandOut(workers, new MemorySink<int>(), new PipelineOptions { StopDeadline = TimeSpan.FromSeconds(2) })
            .RunAsync(cancellationToken: stop.Token);
        Assert.That((result.Books.Listed, result.Books.Deferred), Is.EqualTo((5, 5)));
    }

    [Test]
    public async Task Workers_that_forget_a_file_are_an_error_by_name(CancellationToken token)
    {
        PipelineException? error = Assert.ThrowsAsync<PipelineException>(async () => await FilePipeline.From(MemorySource.Of(5))
            .HandOut(new Forgets(), new MemorySink<int>()).RunAsync(cancellationToken: token));
        Assert.That(error!.Message, Does.Contain("Forgets").And.Contain("000000.csv"));
        await Task.CompletedTask;
    }

    [Test]
    public void A_chunk_names_each_file_once()
    {
        var file = new SourceFile("a.csv", 1, DateTime.UnixEpoch);
        Assert.That(() => new Chunk([file, file with { }], false), Throws.ArgumentException);
        Assert.That(() => new Chunk([], false), Throws.ArgumentException);
    }

    /// <summary>A queue in memory: what a broker is for.</summary>
    private sealed class Queue : IFileWorkers
    {
        private readonly Channel<Chunk> _chunks = Channel.CreateUnbounded<Chunk>();
        private int _count;

        public int ChunksInFlight => 10;

        public int Chunks => _count;

        public async ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _count);
            var chunk = new Chunk(files, false);
            await _chunks.Writer.WriteAsync(chunk, cancellationToken);
            return new ChunkResult(await chunk.Imported.WaitAsync(cancellationToken));
        }

        public async IAsyncEnumerable<FileChunk> TakeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (Chunk chunk in _chunks.Reader.ReadAllAsync(cancellationToken)) yield return chunk;
        }
    }

    private sealed class Chunk(IReadOnlyList<SourceFile> files, bool mayBeKnown) : FileChunk(files)
    {
        private readonly TaskCompletionSource<FileResult[]> _imported = new();

        public override bool MayBeKnown => mayBeKnown;

        public Task<FileResult[]> Imported => _imported.Task;

        public FileResult[]? Results => _imported.Task.IsCompletedSuccessfully ? _imported.Task.Result : null;

        public override ValueTask ImportedAsync(IReadOnlyList<FileResult> results, CancellationToken cancellationToken)
        {
            _imported.SetResult([.. results]);
            return default;
        }
    }

    private sealed class Refuses : IFileWorkers
    {
        public int ChunksInFlight => 1;

        public ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
            new(new ChunkResult([.. files.Where((_, i) => i != 1)
                .Select(file => new FileResult(file, FileOutcome.Loaded) { Inserted = 1 })])
            {
                Refused = [new CompletedFile(files[1], new Defect("it bites"))],
            });
    }

    private sealed class Silent(CancellationTokenSource stop) : IFileWorkers
    {
        public int ChunksInFlight => 1;

        public async ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return new ChunkResult([]);
        }
    }

    private sealed class Forgets : IFileWorkers
    {
        public int ChunksInFlight => 1;

        public ValueTask<ChunkResult> ImportAsync(IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) =>
            new(new ChunkResult([]));
    }
}
