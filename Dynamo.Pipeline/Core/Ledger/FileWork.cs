namespace Dynamo.Pipeline.Ledger;

/// <summary>What one attempt at writing a batch knows about one of its files. A new attempt begins with <see cref="Restart"/>.</summary>
internal sealed class FileWork<TRow>(FileRows<TRow> rows)
{
    /// <summary>A quarantined file may have millions of bad rows: so many are recorded.</summary>
    public const int KeptRejects = 1000;

    private const int ShownRejects = 10;
    private List<Defect>? _kept;

    public FileRows<TRow> Rows { get; } = rows;

    public SourceFile File => Rows.File;

    public FileOutcome Outcome { get; private set; } = FileOutcome.Loaded;

    /// <summary>The ledger has it, or an earlier file of the batch is the same.</summary>
    public bool IsKnown { get; set; }

    public bool IsLoading => Outcome == FileOutcome.Loaded && !IsKnown;

    public long Inserted { get; set; }

    public long Updated { get; set; }

    public long Unchanged { get; set; }

    public long Rejected { get; private set; }

    /// <summary>Why the file is quarantined or deferred.</summary>
    public Defect? Verdict { get; private set; }

    /// <summary>Rows that ended the whole transaction in an earlier attempt, by their ordinal in the file.</summary>
    public Dictionary<long, Defect>? Poison { get; private set; }

    /// <summary>Rows given to the writer so far.</summary>
    public long Ordinal { get; set; }

    /// <summary>The rejects that are recorded, in the file's order: rows are not always written in it.</summary>
    public IReadOnlyList<Defect> Kept => _kept is null ? [] : [.. _kept.OrderBy(d => d.Line)];

    /// <summary>Forgets the attempt before, but not the verdict it came to.</summary>
    public void Restart()
    {
        if (Outcome != FileOutcome.Loaded) return;
        Inserted = Updated = Unchanged = Rejected = Ordinal = 0;
        _kept?.Clear();
    }

    /// <summary>What can be said before a row is written.</summary>
    public void JudgeEarly(int maxBadRows)
    {
        if (Outcome != FileOutcome.Loaded || (Rows.Defect is null && Rows.IsStreamed)) return;
        foreach (Defect reject in Rows.Batch.Rejects)
            Count(reject);
        if (Rows.Defect is { } defect) Quarantine(defect);
        else if (Rows.Batch.Rows.Count == 0 || Rejected > maxBadRows) JudgeLate(maxBadRows);
        Restart();
    }

    /// <summary>Whether what was written must be taken back.</summary>
    public bool IsBad(int maxBadRows) => BadRows.AreTooMany(Inserted + Updated + Unchanged, Rejected, maxBadRows);

    /// <summary>Quarantines the file when it is bad.</summary>
    public bool JudgeLate(int maxBadRows)
    {
        if (!IsBad(maxBadRows)) return false;
        Quarantine(BadRows.Verdict(Inserted + Updated + Unchanged, Rejected, maxBadRows, Kept[0])!);
        return true;
    }

    public void Quarantine(Defect defect) => (Outcome, Verdict) = (FileOutcome.Quarantined, defect);

    public void Defer(Defect defect) => (Outcome, Verdict) = (FileOutcome.Deferred, defect);

    public void Count(Defect reject)
    {
        Rejected++;
        _kept ??= [];
        if (_kept.Count < KeptRejects) _kept.Add(reject);
    }

    public void Remember(long ordinal, Defect poison) => (Poison ??= [])[ordinal] = poison;

    public FileResult Result() => IsKnown ? new FileResult(File, FileOutcome.AlreadyLoaded) : Outcome switch
    {
        FileOutcome.Loaded => new FileResult(File, Outcome)
        {
            Inserted = Inserted, Updated = Updated, Unchanged = Unchanged, Rejected = Rejected, Rejects = First(),
        },
        FileOutcome.Quarantined => new FileResult(File, Outcome) { Defect = Verdict, Rejected = Rows.RowsRead, Rejects = First() },
        _ => new FileResult(File, Outcome) { Defect = Verdict },
    };

    private Defect[] First() => [.. Kept.Take(ShownRejects)];
}

/// <summary>How outcomes are spelt in the ledger.</summary>
internal static class LedgerOutcome
{
    public const string Loaded = "loaded", Quarantined = "quarantined";

    public static string Of(RunOutcome outcome) => outcome switch
    {
        RunOutcome.Completed => "completed",
        RunOutcome.Cancelled => "cancelled",
        _ => "failed",
    };
}
