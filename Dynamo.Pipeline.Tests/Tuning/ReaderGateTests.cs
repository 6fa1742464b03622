using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(30_000)]
internal sealed class ReaderGateTests
{
    [Test]
    public void As_many_enter_as_the_controller_says_and_the_next_when_one_leaves()
    {
        var gate = new ReaderGate(new ReaderController(2, 2), new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        Task[] readers = [.. Enumerable.Range(0, 4).Select(_ => gate.EnterAsync(default))];
        Assert.That(readers.Count(reader => reader.IsCompleted), Is.EqualTo(2));

        gate.Leave(1);

        Assert.That(readers.Select(reader => reader.IsCompleted), Is.EqualTo(new[] { true, true, true, false }));
    }

    [Test]
    public void Measured_throughput_opens_the_gate_wider_in_the_middle_of_the_work()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch);
        var controller = new ReaderController(1, 16);
        var gate = new ReaderGate(controller, time);
        Task[] readers = [.. Enumerable.Range(0, 100).Select(_ => gate.EnterAsync(default))];
        int left = 0;

        // Each reader takes 150 ms for a chunk, however many there are.
        for (int round = 0; round < 10; round++)
        {
            time.Advance(TimeSpan.FromMilliseconds(150));
            for (int inside = readers.Count(reader => reader.IsCompleted) - left; inside > 0; inside--, left++) gate.Leave(1_000);
        }

        Assert.That(readers.Count(reader => reader.IsCompleted) - left, Is.EqualTo(controller.Limit).And.GreaterThan(3));
    }

    [Test]
    public void Whoever_waits_is_let_go_by_a_cancellation()
    {
        var gate = new ReaderGate(new ReaderController(1, 1), new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        using var cancel = new CancellationTokenSource();
        _ = gate.EnterAsync(cancel.Token);
        Task waiting = gate.EnterAsync(cancel.Token);

        cancel.Cancel();

        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task A_run_with_readers_on_auto_reads_everything_and_from_afar_with_many_at_once(
        [Values(1, 8)] int opens, CancellationToken token)
    {
        int most = 0, now = 0, possible = Math.Max(opens > 1 ? 16 : 1, 4 * Environment.ProcessorCount);
        var all = new TaskCompletionSource();
        await using var source = new MemorySource(Enumerable.Range(0, 500).ToDictionary(i => $"{i}", _ => "1\n"))
        {
            OpensInFlight = opens,
            OnOpen = async (_, cancel) =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref now));
                if (opens > 1 && Volatile.Read(ref now) >= possible) all.TrySetResult();
                if (opens > 1) await all.Task.WaitAsync(cancel);
                Interlocked.Decrement(ref now);
            },
        };
        await using var sink = new MemorySink<int>();

        PipelineResult result = await FilePipeline.From(source).Read(new NumberFormat())
            .WriteTo(sink, new PipelineOptions { FilesPerMessage = 1 }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Loaded, Is.EqualTo(500));
        Assert.That(most, opens > 1 ? Is.EqualTo(possible) : Is.LessThanOrEqualTo(possible));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen) { }
    }
}
