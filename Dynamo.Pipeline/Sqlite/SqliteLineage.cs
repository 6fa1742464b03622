using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Numbers the files of a batch, knows the order of the files whose rows it meets, and records which files met: the newer one of two that
/// brought the same key, and the older one. With these pairs a file can be taken back: the older deliveries of its keys are the files that
/// are reached from it over files that are taken back too. Used by one thread at a time.
/// </summary>
internal sealed class SqliteLineage : IDisposable
{
    /// <summary>How many files of earlier batches are remembered at once: some megabytes.</summary>
    private const int MostKnown = 50_000;

    private readonly SqliteDb _db;
    private readonly string _source;
    private readonly SqliteStatement _last, _find, _meet;
    private readonly Dictionary<SourceFile, long> _requeued = [];
    private readonly Dictionary<long, SourceFile> _again = [];
    private readonly Dictionary<long, FileOrder?> _known = [];
    private readonly HashSet<(long Newer, long Older)> _met = [];
    private SourceFile[] _batch = [];
    private long _first;
    private (long, long) _lastMet;

    public SqliteLineage(SqliteDb db, SqliteSinkOptions options, string source)
    {
        (_db, _source) = (db, source);
        string ledger = SqliteSchema.Quote(options.LedgerTable);
        _last = db.Prepare($"SELECT max(coalesce(max(FileId), 0), 0) FROM {SqliteSchema.Quote(SqliteSchema.Entries(options))}");
        _find = db.Prepare($"SELECT Source, Path, Size, ModifiedUtc FROM {ledger} WHERE FileId = ?");
        _meet = db.Prepare(
            $"INSERT OR IGNORE INTO {SqliteSchema.Quote(options.OverlapTable)} (NewerFileId, OlderFileId) VALUES (?, ?)");
        using SqliteStatement requeued = db.Prepare(
            $"SELECT Path, Size, ModifiedUtc, FileId FROM {ledger} WHERE Outcome = '{LedgerOutcome.Requeued}' AND Source = ?");
        requeued.Text(1, source);
        while (requeued.Next())
            _requeued[new SourceFile(requeued.Text(0) ?? "", requeued.Int64(1), LedgerTime.Parse(requeued.Text(2)))] = requeued.Int64(3);
    }

    /// <summary>
    /// Gives each file its number, in a transaction that nobody else writes in. A file that was imported before and is imported again
    /// keeps its number.
    /// </summary>
    /// <param name="works">The files in the order in which they are entered: a higher number then goes to the end of its index.</param>
    public void Number<TRow>(FileWork<TRow>[] works)
    {
        _met.Clear();
        _again.Clear();
        _known.Clear();
        _last.Next();
        _first = _last.Int64(0) + 1;
        _last.Reset();
        if (_batch.Length != works.Length) _batch = new SourceFile[works.Length];
        for (int i = 0; i < works.Length; i++)
        {
            FileWork<TRow> work = works[i];
            (_batch[i], work.FileId) = (work.File, _first + i);
            // A number below zero is that of an entry whose readings do not know their file.
            if (_requeued.Count == 0 || !IsRequeued(work.File, out long before) || before < 0) continue;
            work.FileId = before;
            _again[before] = work.File;
        }
    }

    /// <summary>Whether the ledger has the file as one to be imported again, and its number.</summary>
    public bool IsRequeued(SourceFile file, out long fileId) => _requeued.TryGetValue(Plain(file), out fileId);

    /// <summary>The entry of a file was marked as one to be imported again.</summary>
    public void Requeue(SourceFile file, long? fileId)
    {
        if (fileId is { } number) _requeued[Plain(file)] = number;
    }

    /// <summary>A file that was to be imported again, and was.</summary>
    public void Imported(SourceFile file) => _requeued.Remove(Plain(file));

    /// <summary>
    /// Whether a file comes after another one; null if that one must be looked up first. A file that the ledger does not have any more is
    /// older than all.
    /// </summary>
    public bool? IsAfter(long fileId, long other)
    {
        if (InBatch(other) is { } beside) return InBatch(fileId)!.Value.CompareTo(beside) > 0;
        if (!_known.TryGetValue(other, out FileOrder? order)) return null;
        return order is not { } than || InBatch(fileId)!.Value.CompareTo(than) > 0;
    }

    private FileOrder? InBatch(long fileId)
    {
        SourceFile? file = fileId >= _first && fileId - _first < _batch.Length ? _batch[fileId - _first] : _again.GetValueOrDefault(fileId);
        return file is null ? null : FileOrder.Of(file, _source);
    }

    /// <summary>Looks up a file of an earlier batch.</summary>
    public void LookUp(long fileId)
    {
        if (_known.Count >= MostKnown) _known.Clear();
        _find.Int64(1, fileId);
        bool found = _find.Next();
        _known[fileId] = found
            ? new FileOrder(LedgerTime.Parse(_find.Text(3)), _find.Text(1) ?? "", _find.Int64(2), _find.Text(0) ?? "")
            : null;
        if (found) _find.Reset();
    }

    /// <summary>Two files brought the same key.</summary>
    public void Met(long newer, long older)
    {
        if (_lastMet == (newer, older)) return;
        _lastMet = (newer, older);
        _met.Add(_lastMet);
    }

    /// <summary>Writes the pairs of the batch, but not those of files of it that were not loaded.</summary>
    public void Write<TRow>(FileWork<TRow>[] works)
    {
        if (_met.Count == 0) return;
        HashSet<long> left = [.. works.Where(w => !w.IsLoading).Select(w => w.FileId)];
        foreach ((long newer, long older) in _met)
        {
            if (left.Contains(newer) || left.Contains(older)) continue;
            _meet.Int64(1, newer);
            _meet.Int64(2, older);
            _meet.Run("recording which files met");
        }
    }

    public void Dispose()
    {
        _last.Dispose();
        _find.Dispose();
        _meet.Dispose();
    }

    /// <summary>The identity of a file, which is all of it but a reason to defer it.</summary>
    private static SourceFile Plain(SourceFile file) => file.DeferReason is null ? file : file with { DeferReason = null };
}
