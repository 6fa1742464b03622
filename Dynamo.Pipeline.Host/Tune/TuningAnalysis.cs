namespace Dynamo.Pipeline.Host;

/// <summary>A cell and its measurements.</summary>
/// <param name="Cell">The settings.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="LikeBest">The probability of a mean so far from the best cell's if both were equally fast, corrected for the number of cells; 1 for the best.</param>
internal readonly record struct TuningVerdict(TuningCell Cell, Summary Seconds, double LikeBest)
{
    /// <summary>Whether the measurements cannot tell this cell from the best, at the 5 % level.</summary>
    public bool IsLikeBest => LikeBest >= 0.05;
}

/// <summary>What the measurements of one stage say. Pure: the same samples, the same answer.</summary>
internal sealed class TuningAnalysis
{
    /// <summary>Among cells that cannot be told apart, only those whose mean is this near the best's may be recommended.</summary>
    private const double NearBest = 1.05;

    private readonly Dictionary<TuningCell, TuningVerdict> _byCell;

    private TuningAnalysis(IReadOnlyList<TuningVerdict> cells) => (Cells, _byCell) = (cells, cells.ToDictionary(cell => cell.Cell));

    /// <summary>All cells that were measured, by readers (auto last), chunk, batch rows and writers.</summary>
    public IReadOnlyList<TuningVerdict> Cells { get; }

    /// <summary>The cell with the smallest mean; one with a fixed number of readers, if any was measured.</summary>
    public TuningVerdict Best => Candidates.MinBy(cell => cell.Seconds.Mean);

    /// <summary>The cell with the largest mean.</summary>
    public TuningVerdict Worst => Cells.MaxBy(cell => cell.Seconds.Mean);

    /// <summary>
    /// What to set: of the cells that cannot be told from the best and are within 5 % of it, the one with the fewest readers, then the smallest chunk, then the
    /// smallest batch. It holds the least in memory, and the rest is luck.
    /// </summary>
    public TuningVerdict Recommended => Candidates.Where(cell => cell.IsLikeBest && cell.Seconds.Mean <= Best.Seconds.Mean * NearBest)
        .OrderBy(cell => cell.Cell.Readers).ThenBy(cell => cell.Cell.FilesPerMessage).ThenBy(cell => cell.Cell.BatchRows).ThenBy(cell => cell.Cell.Writers).First();

    /// <summary>The best cell with readers on auto, or <see langword="null"/> when none was measured.</summary>
    public TuningVerdict? BestAuto => Cells.Where(cell => cell.Cell.Readers is null).OrderBy(cell => cell.Seconds.Mean).Select(cell => (TuningVerdict?)cell).FirstOrDefault();

    private IEnumerable<TuningVerdict> Candidates => Cells.Any(cell => cell.Cell.Readers is not null) ? Cells.Where(cell => cell.Cell.Readers is not null) : Cells;

    /// <summary>Sums up the samples of one stage.</summary>
    /// <param name="samples">All samples.</param>
    /// <param name="stage">The stage; samples of the other one are left out.</param>
    /// <returns>The analysis, or <see langword="null"/> when there is no sample.</returns>
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
        // A faster one can only be an auto cell.
        Dictionary<TuningCell, double> byCell = others.Zip(like).ToDictionary(pair => pair.First.Cell, pair => pair.Second);
        return new TuningAnalysis([.. cells.Select(cell => new TuningVerdict(cell.Cell, cell.Seconds, byCell.GetValueOrDefault(cell.Cell, 1)))]);
    }

    /// <summary>The verdict on a cell, or <see langword="null"/> when it was not measured.</summary>
    /// <param name="cell">The cell.</param>
    /// <returns>The verdict.</returns>
    public TuningVerdict? Find(TuningCell cell) => _byCell.TryGetValue(cell, out TuningVerdict found) ? found : null;

    /// <summary>The curve of the read step: fixed reader counts at the smallest chunk that was measured with several of them.</summary>
    /// <returns>By readers.</returns>
    public IReadOnlyList<TuningVerdict> Curve()
    {
        var column = Cells.Where(cell => cell.Cell.Readers is not null).GroupBy(cell => cell.Cell.FilesPerMessage).OrderBy(group => group.Key)
            .FirstOrDefault(group => group.Count() > 1);
        return column is null ? [] : [.. column.OrderBy(cell => cell.Cell.Readers)];
    }
}
