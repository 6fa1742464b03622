// Serial against parallel: the squares of a list in a loop and in a TransformBlock, with a cheap function and with an expensive one.
// The published Figures 1 and 2, measured.
using System.Diagnostics;
using System.Globalization;
using System.Threading.Tasks.Dataflow;

const int Workers = 4;
int count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 200_000;
int[] numbers = [.. Enumerable.Range(1, count)];

Console.WriteLine(FormattableString.Invariant(
    $"{count:N0} squares, {Environment.ProcessorCount} processors, {Workers} workers. Milliseconds, the best of three:"));
Console.WriteLine();
Console.WriteLine($"{"",-34}{"loop",10}{"block",10}{"block of chunks",18}");
await CompareAsync("cheap: x · x", Square);
await CompareAsync("expensive: x · x, after some work", SlowSquare);
Console.WriteLine();
Console.WriteLine(
    """
    A message costs about as much as a few hundred multiplications. A cheap function takes less time than its message, so the block is
    slower than the loop. An expensive function is worth sharing between the workers. Chunks make messages rare: then the block costs
    little, and gains up to the number of processors.
    """);

async Task CompareAsync(string name, Func<int, long> square)
{
    long[] expected = [.. numbers.Select(x => (long)x * x)];
    double loop = await TimeAsync(() => Task.FromResult(Loop(numbers, square)));
    double block = await TimeAsync(() => InBlockAsync(numbers, square));
    double chunks = await TimeAsync(() => InChunksAsync(numbers, square));
    Console.WriteLine(FormattableString.Invariant($"{name,-34}{loop,10:F1}{block,10:F1}{chunks,18:F1}"));

    async Task<double> TimeAsync(Func<Task<long[]>> run)
    {
        double best = double.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            long started = Stopwatch.GetTimestamp();
            long[] squares = await run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            if (!squares.SequenceEqual(expected)) throw new InvalidOperationException("These are not the squares.");
        }
        return best;
    }
}

static long[] Loop(int[] numbers, Func<int, long> square)
{
    var squares = new List<long>(numbers.Length);
    foreach (int number in numbers) squares.Add(square(number));
    return [.. squares];
}

// One message for each number. Results come out in the order of the numbers, whichever is done first.
static async Task<long[]> InBlockAsync(int[] numbers, Func<int, long> square)
{
    var options = new ExecutionDataflowBlockOptions { MaxDegreeOfParallelism = Workers };
    var squares = new TransformBlock<int, long>(square, options);
    var all = new List<long>(numbers.Length);
    var collect = new ActionBlock<long>(all.Add);
    squares.LinkTo(collect, new DataflowLinkOptions { PropagateCompletion = true });
    foreach (int number in numbers) await squares.SendAsync(number);
    squares.Complete();
    await collect.Completion;
    return [.. all];
}

// One message for a thousand numbers. In the pipeline, that is "files per message".
static async Task<long[]> InChunksAsync(int[] numbers, Func<int, long> square)
{
    var options = new ExecutionDataflowBlockOptions { MaxDegreeOfParallelism = Workers };
    var squares = new TransformBlock<int[], long[]>(chunk => Loop(chunk, square), options);
    var all = new List<long>(numbers.Length);
    var collect = new ActionBlock<long[]>(all.AddRange);
    squares.LinkTo(collect, new DataflowLinkOptions { PropagateCompletion = true });
    foreach (int[] chunk in numbers.Chunk(1_000)) await squares.SendAsync(chunk);
    squares.Complete();
    await collect.Completion;
    return [.. all];
}

static long Square(int x) => (long)x * x;

// As much work as parsing a small file: a few microseconds.
static long SlowSquare(int x)
{
    double work = x;
    for (int i = 0; i < 1_000; i++) work = Math.Sqrt(work + i);
    return work > 0 ? (long)x * x : 0;
}
