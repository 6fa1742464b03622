namespace Dynamo.Pipeline.Host;

/// <summary>A cell and its measurements.</summary>
/// <param name="Cell">The settings.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="LikeBest">
/// The probability of a mean at least so far from the best cell's if both were equally fast, corrected for the number of cells. 1 for the
/// best cell.
/// </param>
internal readonly record struct TuningVerdict(TuningCell Cell, Summary Seconds, double LikeBest)
{
    /// <summary>Whether it is as good as the best, as far as the measurements can tell, at the 5 % level.</summary>
    public bool IsLikeBest => LikeBest >= 0.05;

    /// <summary>Whether it is slower than another cell by more than chance, and by enough to matter.</summary>
    public bool IsSlowerThan(TuningVerdict other) =>
        Seconds.Mean > other.Seconds.Mean * TuningAnalysis.NearBest && Statistics.Welch(Seconds, other.Seconds) < 0.05;
}

/// <summary>What the measurements of one stage say. Pure: the same samples give the same answer.</summary>
internal sealed class TuningAnalysis
{
    /// <summary>
    /// Of the cells that cannot be told from the best, only those whose mean is this near to the best may be recommended.
    /// </summary>
    public const double NearBest = 1.05;

    private readonly Dictionary<TuningCell, TuningVerdict> _byCell;

    private TuningAnalysis(IReadOnlyList<TuningVerdict> cells) => (Cells, _byCell) = (cells, cells.ToDictionary(cell => cell.Cell));

    /// <summary>All cells that were measured, by readers (auto last), chunk, batch rows and writers.</summary>
    public IReadOnlyList<TuningVerdict> Cells { get; }

    /// <summary>The cell with the smallest mean. If cells with a fixed number of readers were measured, it is one of them.</summary>
    public TuningVerdict Best => Candidates.MinBy(cell => cell.Seconds.Mean);

    /// <summary>The cell with the largest mean.</summary>
    public TuningVerdict Worst => Cells.MaxBy(cell => cell.Seconds.Mean);

    /// <summary>
    /// What to set: of the cells that cannot be told from the best and are within 5 % of it, the one with the fewest readers, then the
    /// smallest chunk, then the smallest batch. It needs the least memory; the other differences are chance.
    /// </summary>
    public TuningVerdict Recommended => Candidates
        .Where(cell => cell.IsLikeBest && cell.Seconds.Mean <= Best.Seconds.Mean * NearBest)
        .OrderBy(cell => cell.Cell.Readers)
        .ThenBy(cell => cell.Cell.FilesPerMessage)
        .ThenBy(cell => cell.Cell.BatchRows)
        .ThenBy(cell => cell.Cell.Writers)
        .First();

    /// <summary>
    /// Whether there is nothing to gain over a cell: it is as good as the best, or, if it was not measured, no cell is better than another.
    /// </summary>
    public bool IsGood(TuningCell cell) => Find(cell) is { } found
        ? found.IsLikeBest || found.Seconds.Mean <= Best.Seconds.Mean * NearBest
        : Cells.All(one => one.IsLikeBest);

    /// <summary>The best cell with readers on auto; <see langword="null"/>: none was measured.</summary>
    public TuningVerdict? BestAuto
    {
        get
        {
            TuningVerdict[] auto = [.. Cells.Where(cell => cell.Cell.Readers is null)];
            return auto.Length == 0 ? null : auto.MinBy(cell => cell.Seconds.Mean);
        }
    }

    private IReadOnlyList<TuningVerdict> Candidates => FixedReaders is { Count: > 0 } cells ? cells : Cells;

    private IReadOnlyList<TuningVerdict> FixedReaders => [.. Cells.Where(cell => cell.Cell.Readers is not null)];

    /// <summary>Sums up the samples of one stage; <see langword="null"/>: there are none.</summary>
    public static TuningAnalysis? Of(IEnumerable<TuningSample> samples, TuningStage stage)
    {
        (TuningCell Cell, Summary Seconds)[] cells =
        [
            .. from sample in samples
               where sample.Cell.Stage == stage
               group sample.Seconds by sample.Cell into cell
               orderby cell.Key.Readers ?? int.MaxValue, cell.Key.FilesPerMessage, cell.Key.BatchRows, cell.Key.Writers
               select (cell.Key, Summary.Of(cell)),
        ];
        if (cells.Length == 0) return null;
        (TuningCell Cell, Summary Seconds)[] fixedReaders = [.. cells.Where(cell => cell.Cell.Readers is not null)];
        (TuningCell best, Summary seconds) = (fixedReaders.Length > 0 ? fixedReaders : cells).MinBy(cell => cell.Seconds.Mean);
        (TuningCell Cell, Summary Seconds)[] others = [.. cells.Where(cell => cell.Cell != best)];
        double[] like = Statistics.BenjaminiHochberg([.. others.Select(cell => Statistics.Welch(seconds, cell.Seconds))]);
        // Only an auto cell can be faster than the best.
        Dictionary<TuningCell, double> byCell = others.Zip(like).ToDictionary(pair => pair.First.Cell, pair => pair.Second);
        TuningVerdict Verdict((TuningCell Cell, Summary Seconds) cell) =>
            new(cell.Cell, cell.Seconds, byCell.GetValueOrDefault(cell.Cell, 1));
        return new TuningAnalysis([.. cells.Select(Verdict)]);
    }

    /// <summary>The verdict on a cell; <see langword="null"/>: it was not measured.</summary>
    public TuningVerdict? Find(TuningCell cell) => _byCell.TryGetValue(cell, out TuningVerdict found) ? found : null;

    /// <summary>
    /// The curve of the read step, by readers: fixed reader counts at the smallest chunk size that was measured with several of them.
    /// </summary>
    public IReadOnlyList<TuningVerdict> Curve()
    {
        var columns = FixedReaders.GroupBy(cell => cell.Cell.FilesPerMessage).OrderBy(group => group.Key);
        var column = columns.FirstOrDefault(group => group.Count() > 1);
        return column is null ? [] : [.. column.OrderBy(cell => cell.Cell.Readers)];
    }
}
