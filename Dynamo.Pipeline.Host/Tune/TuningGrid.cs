using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Which cells a sweep measures, how often, and in which order. Immutable. The default is the published experiment: a curve over 1 to 18
/// readers with one file a message, 5 sets of 5; and a matrix of 12 reader counts (and auto) × 8 chunk sizes, once in each set.
/// </summary>
internal sealed record TuningGrid
{
    /// <summary>Reader counts of the matrix; <see langword="null"/> is auto. Default: 1 to 8, 10, 12, 15, 18 and auto.</summary>
    public IReadOnlyList<int?> Readers { get; init => field = Each(value, count => count ?? 1); } =
        [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, null];

    /// <summary>Chunk sizes of the matrix, in files. Default: 1, 10, 50, 100, 500, 1,000, 5,000, 10,000.</summary>
    public IReadOnlyList<int> Chunks { get; init => field = Each(value, size => size); } = [1, 10, 50, 100, 500, 1_000, 5_000, 10_000];

    /// <summary>
    /// Reader counts of the curve, measured at the smallest chunk size. Default 1 to 18. Empty:
    /// the curve is the first column of the matrix.
    /// </summary>
    public IReadOnlyList<int> CurveReaders { get; init; } = [.. Enumerable.Range(1, 18)];

    /// <summary>How often a cell of the curve is measured in each set. Default 5.</summary>
    public int CurveRuns { get; init => field = AtLeastOne(value); } = 5;

    /// <summary>Batch rows of the whole pipeline. Default: only the default of <see cref="PipelineOptions"/>.</summary>
    public IReadOnlyList<int> BatchRows { get; init => field = Each(value, rows => rows); } = [TuningCell.DefaultBatchRows];

    /// <summary>Writers of the whole pipeline. Counts that the sink does not allow are left out. Default: 1.</summary>
    public IReadOnlyList<int> Writers { get; init => field = Each(value, count => count); } = [1];

    /// <summary>
    /// Sets. Default 5. Each set measures every cell, so that no cell has an advantage when the machine becomes faster or slower.
    /// </summary>
    public int Repeat { get; init => field = AtLeastOne(value); } = 5;

    /// <summary>Time between sets. Default 5 s, as published; 0: no pause.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The time for all measurements together. If all files would take longer, an evenly chosen share of them is measured.
    /// Default <see langword="null"/>: no limit.
    /// </summary>
    public TimeSpan? Within { get; init; }

    /// <summary>Decides the order within each set. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>A coarse answer in under a minute: few cells, three sets without pauses, and no more files than fit.</summary>
    public static TuningGrid Quick(int processors) => new()
    {
        Readers = [.. new SortedSet<int>([1, 2, Math.Max(1, processors), 2 * processors]).Select(count => (int?)count), null],
        Chunks = [1, 10, 100, 1_000],
        CurveReaders = [],
        Repeat = 3,
        Pause = TimeSpan.Zero,
        Within = TimeSpan.FromSeconds(30),
    };

    /// <summary>
    /// The grid for so many files. Chunk sizes that take all files at once are all the same: only the smallest one is kept.
    /// </summary>
    public TuningGrid For(int files)
    {
        int[] all = [.. Chunks.Where(chunk => chunk >= files)];
        return all.Length < 2 ? this : this with { Chunks = [.. Chunks.Where(chunk => chunk < files), all.Min()] };
    }

    /// <summary>The cells of the read step, each once.</summary>
    public IReadOnlyList<TuningCell> ReadCells => [.. Matrix.Concat(Curve).Distinct()];

    /// <summary>
    /// The runs of the read step in one set, shuffled: cells, each with its number within the set, from 1. Sets count from 1.
    /// The same set of the same grid always has the same order.
    /// </summary>
    public IReadOnlyList<(TuningCell Cell, int Run)> Order(int set)
    {
        HashSet<TuningCell> curve = [.. Curve];
        int Runs(TuningCell cell) => curve.Contains(cell) ? CurveRuns : 1;
        return Shuffled(set, ReadCells.SelectMany(cell => Enumerable.Range(1, Runs(cell)).Select(run => (cell, run))));
    }

    /// <summary>
    /// The runs of the whole pipeline in one set, with the readers and the chunk size that are recommended for the read step.
    /// </summary>
    public IReadOnlyList<(TuningCell Cell, int Run)> WholeOrder(int set, TuningCell read, int maxWriters) => Shuffled(
        set,
        from rows in BatchRows
        from writers in Writers.Select(writers => Math.Min(writers, maxWriters)).Distinct()
        select (new TuningCell(TuningStage.Whole, read.Readers, read.FilesPerMessage, rows, writers), 1));

    private IEnumerable<TuningCell> Matrix =>
        from readers in Readers from chunk in Chunks select TuningCell.Read(readers, chunk);

    private IEnumerable<TuningCell> Curve => CurveReaders.Select(readers => TuningCell.Read(readers, Chunks.Min()));

    private (TuningCell, int)[] Shuffled(int set, IEnumerable<(TuningCell, int)> runs)
    {
        (TuningCell, int)[] order = [.. runs];
        new Random(HashOf(Seed, set)).Shuffle(order);
        return order;
    }

    /// <summary><see cref="HashCode"/> would give another number in each process.</summary>
    private static int HashOf(int seed, int set) => unchecked((seed * 1_000_003) + set);

    private static int AtLeastOne(int value, [CallerMemberName] string name = "") =>
        value >= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 1.");

    private static IReadOnlyList<T> Each<T>(IReadOnlyList<T> values, Func<T, int> size, [CallerMemberName] string name = "")
    {
        if (values.Count == 0) throw new ArgumentException($"{name} must not be empty.", name);
        foreach (T value in values) AtLeastOne(size(value), name);
        return [.. values.Distinct()];
    }
}
