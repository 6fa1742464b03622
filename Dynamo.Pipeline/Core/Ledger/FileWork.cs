namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// The state of one file of a batch while a sink writes the batch. Each new attempt begins with <see cref="Restart"/>.
/// Used by one thread at a time.
/// </summary>
internal sealed class FileWork<TRow>(FileRows<TRow> rows)
{
    /// <summary>The most bad rows that are recorded, because a file may have millions of them.</summary>
    public const int KeptRejects = 1000;

    private const int ShownRejects = 10;
    private List<Defect>? _kept;

    public FileRows<TRow> Rows { get; } = rows;

    public SourceFile File => Rows.File;

    public FileOutcome Outcome { get; private set; } = FileOutcome.Loaded;

    /// <summary>Whether the ledger already has the file, or an earlier file of the batch is the same.</summary>
    public bool IsKnown { get; set; }

    /// <summary>The number of the file in the ledger, which every row of it keeps.</summary>
    public long FileId { get; set; }

    public bool IsLoading => Outcome == FileOutcome.Loaded && !IsKnown;

    public long Inserted { get; set; }

    public long Updated { get; set; }

    public long Unchanged { get; set; }

    public long Rejected { get; private set; }

    /// <summary>How many rows had the key of an earlier row of the same file.</summary>
    public long Collided { get; set; }

    /// <summary>Why the file is quarantined or deferred.</summary>
    public Defect? Verdict { get; private set; }

    /// <summary>Rows that made a whole earlier transaction fail, by their ordinal in the file.</summary>
    public Dictionary<long, Defect>? Poison { get; private set; }

    /// <summary>How many rows the writer was given so far.</summary>
    public long Ordinal { get; set; }

    /// <summary>The recorded rejects in the order of the file, which may differ from the order of writing.</summary>
    public IReadOnlyList<Defect> Kept => _kept is null ? [] : [.. _kept.OrderBy(d => d.Line)];

    /// <summary>Resets the counts of the last attempt, unless it decided to quarantine or defer the file.</summary>
    public void Restart()
    {
        if (Outcome != FileOutcome.Loaded) return;
        Inserted = Updated = Unchanged = Rejected = Collided = Ordinal = 0;
        _kept?.Clear();
    }

    /// <summary>Decides what can be decided before a row is written. Of a streamed file, only a known defect counts.</summary>
    public void JudgeEarly(int maxBadRows)
    {
        if (Outcome != FileOutcome.Loaded || (Rows.Defect is null && Rows.IsStreamed)) return;
        foreach (Defect reject in Rows.Batch.Rejects)
            Count(reject);
        if (Rows.Defect is { } defect) Quarantine(defect);
        else if (Rows.Batch.Rows.Count == 0 || BadRows.AreOverLimit(Rejected, maxBadRows)) JudgeLate(maxBadRows);
        Restart();
    }

    /// <summary>Whether the file has too many bad rows, so that its written rows must be removed again.</summary>
    public bool IsBad(int maxBadRows) => BadRows.AreTooMany(Inserted + Updated + Unchanged, Rejected, maxBadRows);

    /// <summary>Quarantines the file if it has too many bad rows, and returns whether it did.</summary>
    public bool JudgeLate(int maxBadRows)
    {
        if (!IsBad(maxBadRows)) return false;
        Quarantine(BadRows.Verdict(Inserted + Updated + Unchanged, Rejected, maxBadRows, Kept[0])!);
        return true;
    }

    public void Quarantine(Defect defect) => (Outcome, Verdict) = (FileOutcome.Quarantined, Rows.Shown(defect));

    public void Defer(Defect defect) => (Outcome, Verdict) = (FileOutcome.Deferred, defect);

    public void Count(Defect reject)
    {
        Rejected++;
        _kept ??= [];
        if (_kept.Count < KeptRejects) _kept.Add(Rows.Shown(reject));
    }

    public void Remember(long ordinal, Defect poison) => (Poison ??= [])[ordinal] = poison;

    public FileResult Result() => IsKnown ? new FileResult(File, FileOutcome.AlreadyLoaded) : Outcome switch
    {
        FileOutcome.Loaded => new FileResult(File, Outcome)
        {
            Inserted = Inserted, Updated = Updated, Unchanged = Unchanged, Rejected = Rejected, Collided = Collided, Rejects = First(),
        },
        FileOutcome.Quarantined => new FileResult(File, Outcome) { Defect = Verdict, Rejected = Rows.RowsRead, Rejects = First() },
        _ => new FileResult(File, Outcome) { Defect = Verdict },
    };

    private Defect[] First() => [.. Kept.Take(ShownRejects)];
}

/// <summary>The words for outcomes in the ledger's tables.</summary>
internal static class LedgerOutcome
{
    public const string Loaded = "loaded", Quarantined = "quarantined";

    /// <summary>Loaded, and to be imported again: a look-up does not find it, and the import keeps its number.</summary>
    public const string Requeued = "requeued";

    /// <param name="outcome">How the run ended; <see langword="null"/> while it goes on.</param>
    public static string Of(RunOutcome? outcome) => outcome switch
    {
        null => "running",
        RunOutcome.Completed => "completed",
        RunOutcome.Cancelled => "cancelled",
        _ => "failed",
    };
}
