namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(60_000)]
internal sealed class BackPressureTests
{
    /// <summary>The formula of docs/how-it-works.md, counted and not timed.</summary>
    private static int Bound(PipelineOptions options, int through = 0) =>
        (2 * (options.Readers ?? Math.Max(8, 2 * Environment.ProcessorCount)) * options.FilesPerMessage)
            + (options.FilesPerMessage * (through + (options.Writers ?? 1)))
            + (3 * options.BatchFiles * (options.Writers ?? 1));

    [Test]
    public async Task With_a_shut_gate_the_number_of_opened_files_stops_at_the_documented_bound(
        [Values(1, 3)] int readers, [Values(1, 10)] int chunk, [Values(1, 2)] int writers, CancellationToken token)
    {
        var options = new PipelineOptions { Readers = readers, FilesPerMessage = chunk, BatchFiles = 20, Writers = writers };
        var gate = new TaskCompletionSource();
        await using var source = MemorySource.Of(1_000);
        await using var sink = new MemorySink<int> { MaxWriters = 8, OnWrite = async (_, cancel) => await gate.Task.WaitAsync(cancel) };
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options)
            .RunAsync(cancellationToken: token);

        int opened = await StandstillAsync(source, (options.BatchFiles * writers) + 1, token);
        gate.SetResult();
        PipelineResult result = await run.WaitAsync(token);

        Assert.That(opened, Is.GreaterThan(options.BatchFiles * writers).And.LessThanOrEqualTo(Bound(options)));
        Assert.That(result.Books.Loaded, Is.EqualTo(1_000));
    }

    [Test]
    public async Task With_readers_on_auto_the_bound_is_that_of_the_most_there_may_be([Values(1, 8)] int opens, CancellationToken token)
    {
        var options = new PipelineOptions { FilesPerMessage = 3, BatchFiles = 20 };
        var gate = new TaskCompletionSource();
        await using var source = new MemorySource(
            Enumerable.Range(0, 1_000).ToDictionary(i => $"{i:D6}", _ => "1\n")) { OpensInFlight = opens };
        await using var sink = new MemorySink<int> { OnWrite = async (_, cancel) => await gate.Task.WaitAsync(cancel) };
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options)
            .RunAsync(cancellationToken: token);

        int opened = await StandstillAsync(source, options.BatchFiles + 1, token);
        gate.SetResult();
        PipelineResult result = await run.WaitAsync(token);

        Assert.That(options.Readers, Is.Null);
        Assert.That(opened, Is.GreaterThan(options.BatchFiles).And.LessThanOrEqualTo(Bound(options)));
        Assert.That(result.Books.Loaded, Is.EqualTo(1_000));
    }

    [Test]
    public async Task The_byte_budget_bounds_what_is_in_flight([Values(1, 1_000)] int chunk, CancellationToken token)
    {
        string text = string.Concat(Enumerable.Repeat("1234567\n", 1_024));
        var options = new PipelineOptions { Readers = 2, FilesPerMessage = chunk, BytesInFlight = 100_000, StreamAbove = 100_000 };
        var gate = new TaskCompletionSource();
        await using var source = MemorySource.Of(200, text);
        await using var sink = new MemorySink<int> { OnWrite = async (_, cancel) => await gate.Task.WaitAsync(cancel) };
        Task<PipelineResult> run = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options)
            .RunAsync(cancellationToken: token);

        int fit = 100_000 / (text.Length + ByteBudget.ObjectsOfAFile), opened = await StandstillAsync(source, fit, token);
        gate.SetResult();
        PipelineResult result = await run.WaitAsync(token);

        Assert.That(opened, Is.EqualTo(fit));
        Assert.That(result.Books.RowsInserted, Is.EqualTo(200 * 1_024));
    }

    [TestCase(0, 2048)]
    [TestCase(1000, 3048)]
    [TestCase(1001, 2298)]
    public void A_file_weighs_what_it_takes_in_memory(long size, long weight) =>
        Assert.That(ByteBudget.Weigh(new SourceFile("a", size, DateTime.UnixEpoch), streamAbove: 1000), Is.EqualTo(weight));

    [Test]
    public void A_budget_lets_in_what_fits_and_anything_when_it_is_empty()
    {
        var budget = new ByteBudget(100);
        Assert.That(budget.TakeAsync(60, default).IsCompleted);
        Assert.That(budget.TakeAsync(40, default).IsCompleted, "all of it");
        Task waits = budget.TakeAsync(41, default);
        budget.Release(40);
        Assert.That(waits.IsCompleted, Is.False, "there is room for 40");
        budget.Release(1);
        Assert.That(waits.IsCompleted);
        Assert.That(budget.ToString(), Is.EqualTo("100 of 100 bytes in flight"));
        Task heavy = budget.TakeAsync(1_000, default);
        budget.Release(99);
        Assert.That(heavy.IsCompleted, Is.False);
        budget.Release(1);
        Assert.That(heavy.IsCompleted, "alone");
    }

    [Test]
    public async Task A_file_that_changed_gives_its_bytes_back(CancellationToken token)
    {
        string text = "changed\n" + string.Concat(Enumerable.Repeat("1234567\n", 1_024));
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(MemorySource.Of(50, text)).Read(new NumberFormat())
            .WriteTo(sink, new PipelineOptions { BytesInFlight = 50_000, StreamAbove = 50_000, FilesPerMessage = 1 })
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Deferred, Is.EqualTo(50));
    }

    [Test]
    public async Task A_file_heavier_than_the_whole_budget_passes_alone(CancellationToken token)
    {
        string text = string.Concat(Enumerable.Repeat("1234567\n", 1_024));
        var options = new PipelineOptions { BytesInFlight = 5_000, StreamAbove = 5_000 };
        await using var source = MemorySource.Of(20, text);
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options)
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.RowsInserted, Is.EqualTo(20 * 1_024));
        Assert.That(sink.Batches, Has.All.Length.EqualTo(1), "a streamed file is alone in its transaction");
    }

    [Test]
    public async Task A_file_of_bad_rows_is_read_no_further_than_its_verdict_needs(CancellationToken token)
    {
        await using var source = MemorySource.Of(3, string.Concat(Enumerable.Repeat("x\n", 100_000)));
        var rejects = new List<int>();
        await using var sink = new MemorySink<int> { OnWrite = (files, _) => { rejects.AddRange(
            files.Select(file => file.Batch.Rejects.Count)); return default; } };

        await FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(rejects, Has.Count.EqualTo(3).And.All.InRange(101, 5_000), "a defect takes a hundred times the bytes of such a line");
    }

    /// <summary>
    /// How many files are open when no more are. That so many come is waited for; only whether yet another comes is a matter of
    /// time, and no slow machine can fail by that.
    /// </summary>
    private static async Task<int> StandstillAsync(MemorySource source, int atLeast, CancellationToken token)
    {
        int seen = -1;
        for (int still = 0; still < 20; still++)
        {
            int now = source.Opened;
            if (now != seen || now < atLeast) still = 0;
            seen = now;
            await Task.Delay(10, token);
        }
        return seen;
    }
}
