using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Stages a batch outside any transaction. Then one transaction merges it and writes its ledger entries. If that finds something bad,
/// it is rolled back, the bad rows and files are left out, and the next transaction uses the rows that are still staged, until nothing
/// bad is left. Safe for concurrent use.
/// </summary>
internal sealed class SqlServerStaging<TRow>(
    SqlServerDb db, SqlServerTarget<TRow> target, WriteLocks<TRow> turns, SqlServerCopy<TRow> copy, SqlServerCommit<TRow> commit)
{
    private const int MostAttempts = 10_000, MostFruitless = 5, MostInAList = 1000;

    /// <summary>So many rows are tried alone before a trigger or a procedure is taken for broken.</summary>
    private const int MostSamples = 32;

    private volatile bool _hasWritten;

    private readonly SqlServerMergeSql<TRow> _sql = new(target, db.Options), _sqlOfKept = new(target, db.Options, keepsNumbers: true);

    /// <summary>Rows of this run are in the table: whatever refuses rows takes some.</summary>
    public void HasWritten() => _hasWritten = true;

    private SqlServerMergeSql<TRow> SqlOf(SqlServerWriting<TRow> writing) => writing.Kept.Count == 0 ? _sql : _sqlOfKept;

    private SqlServerMerge<TRow> Merge(SqlServerWriting<TRow> writing) => new(db, target, SqlOf(writing), turns);

    /// <returns>False if another run entered one of the files first. Then nothing is written, and the next attempt asks which.</returns>
    public async Task<bool> WriteAsync(SqlServerWriting<TRow> writing)
    {
        await CreateAsync(writing).ConfigureAwait(false);
        if (writing.Ordered.Any(w => w.IsLoading))
            writing.Parts = await copy.StageAsync(writing).ConfigureAwait(false);
        return await MergeUntilGoodAsync(writing).ConfigureAwait(false);
    }

    /// <summary>Writes the ledger entries of files of which none is loaded.</summary>
    /// <returns>As <see cref="WriteAsync"/>.</returns>
    public async Task<bool> CondemnAsync(SqlServerWriting<TRow> writing)
    {
        await CreateAsync(writing).ConfigureAwait(false);
        return await MergeUntilGoodAsync(writing).ConfigureAwait(false);
    }

    private Task CreateAsync(SqlServerWriting<TRow> writing)
    {
        IEnumerable<string> kept = writing.Kept.Select(k => (k.Key, k.Value)).Chunk(MostInAList)
            .Select(SqlServerMergeSql<TRow>.KeepNumbers);
        return SqlServerFileNumbers.TakeAsync(db, writing, before: SqlOf(writing).Create + string.Concat(kept));
    }

    private async Task<bool> MergeUntilGoodAsync(SqlServerWriting<TRow> writing)
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            await DropBadFilesAsync(writing).ConfigureAwait(false);
            if (await TryMergeAsync(writing).ConfigureAwait(false)) return true;
            if (writing.IsOvertaken) return false;
        }
        throw new SinkException(
            $"{db.Name} refused a batch again and again, but none of its rows alone. Look at the triggers of {target.Name}.");
    }

    /// <summary>One transaction: true if it is committed, false if another one must follow.</summary>
    private async Task<bool> TryMergeAsync(SqlServerWriting<TRow> writing)
    {
        SqlException refusal;
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(writing.Connection, writing.Cancellation).ConfigureAwait(false);
        try
        {
            await turns.MergeAsync(writing.Connection, transaction, writing.Parts, writing.Cancellation).ConfigureAwait(false);
            await commit.FindKnownAsync(writing, transaction).ConfigureAwait(false);
            await DropFilesAsync(writing, transaction, writing.Places(w => w is { IsKnown: true, Ordinal: > 0 })).ConfigureAwait(false);
            bool isWritten = (writing.Staged == 0 || await IsMergedAsync(writing, transaction).ConfigureAwait(false))
                && await commit.CommitAsync(writing, transaction).ConfigureAwait(false);
            if (isWritten && writing.Staged > 0) HasWritten();
            return isWritten;
        }
        catch (SqlException error) when (!writing.IsCommitting && SqlServerFault.MayBeOfRow(error))
        {
            refusal = error;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction, writing.Abandoned is not null).ConfigureAwait(false);
        }
        if (!await LeaveOutAsync(writing).ConfigureAwait(false) && ++writing.Fruitless > MostFruitless) throw refusal;
        return false;
    }

    private async Task<bool> IsMergedAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        SqlServerMerged merged = await Merge(writing).RunAsync(writing, transaction).ConfigureAwait(false);
        if (!new SqlServerVerdicts<TRow>(writing.Ordered, merged, db.Options.Duplicates, writing.MaxBadRows).Apply()) return false;
        return merged.Inserted == writing.Ordered.Where(w => w.IsLoading).Sum(w => w.Inserted) ? true : throw Unbalanced();
    }

    private SinkException Unbalanced() => db.Options.Procedure is { } procedure
        ? new SinkException(
            $"The procedure {procedure} of {db.Name} does not account for each staged row exactly once: "
            + "Inserted, Updated and Unchanged of a file must together be its rows in #StagedRow.")
        : new SinkException($"The rows of {target.Name} changed while {db.Name} merged a batch into them.") { IsTransient = true };

    /// <summary>
    /// Leaves the refused rows out. False if there are none: then another program changed the table in the meantime.
    /// </summary>
    private async Task<bool> LeaveOutAsync(SqlServerWriting<TRow> writing)
    {
        if (await Merge(writing).TryAsync(writing, 0, long.MaxValue).ConfigureAwait(false) is not { } error) return false;
        List<long> rows = await db.QueryAsync(
            writing.Connection, null, SqlServerMergeSql<TRow>.Sequences, r => r.GetInt64(0), writing.Cancellation).ConfigureAwait(false);
        if (SqlServerFault.Judge(error) == SqlServerVerdict.Raised) await ThrowIfNonePassesAsync(writing, rows).ConfigureAwait(false);
        var search = new SqlServerBisection<TRow>(Merge(writing), writing);
        await search.SearchAsync(rows, error).ConfigureAwait(false);
        foreach ((long place, SqlException reason) in search.Found.OrderBy(f => f.Key))
        {
            FileWork<TRow> work = writing.Ordered[StagedPlace.FileOf(place)];
            work.Count(await Merge(writing).DescribeAsync(writing, place, reason).ConfigureAwait(false));
            work.Ordinal--;
        }
        foreach (long[] dropped in search.Found.Keys.Chunk(MostInAList))
            await db.ExecuteAsync(
                writing.Connection, null, SqlServerMergeSql<TRow>.Drop(dropped), writing.Cancellation).ConfigureAwait(false);
        foreach (FileWork<TRow> work in writing.Ordered.Where(w => w.IsLoading && w.Rejected > 0))
        {
            (work.Inserted, work.Updated, work.Unchanged) = (work.Ordinal, 0, 0);
            work.JudgeLate(writing.MaxBadRows);
        }
        return search.Found.Count > 0;
    }

    /// <summary>
    /// What a trigger or a procedure raises may be about one row, or about none. If it takes no row of the batch alone, it is about none,
    /// unless the batch is of one file and others were written before it.
    /// </summary>
    private async Task ThrowIfNonePassesAsync(SqlServerWriting<TRow> writing, List<long> rows)
    {
        int files = rows.Select(StagedPlace.FileOf).Distinct().Count();
        if (rows.Count == 0 || (_hasWritten && files == 1)) return;
        long[] samples = [.. Enumerable.Range(0, MostSamples)
            .Select(i => rows[(int)((long)i * (rows.Count - 1) / (MostSamples - 1))]).Distinct()];
        SqlException? last = null;
        foreach (long row in samples)
            if ((last = await Merge(writing).TryAsync(writing, row, row).ConfigureAwait(false)) is null) return;
        string who = db.Options.Procedure is { } procedure ? $"the procedure {procedure}" : $"the triggers of {target.Name}";
        throw new SinkException(
            $"{db.Name} refused each of {samples.Length} rows that were tried alone, of {rows.Count} in {files} files, so the rows are not "
            + $"the reason: {last!.Message} (SQL Server {last.Number}). Look at {who}; nothing of the batch was written.", last);
    }

    /// <summary>Removes the staged rows of files that turned out to be bad.</summary>
    private async Task DropBadFilesAsync(SqlServerWriting<TRow> writing)
    {
        int[] bad = writing.Places(w => w is { Outcome: not FileOutcome.Loaded, Ordinal: > 0 });
        await DropFilesAsync(writing, null, bad).ConfigureAwait(false);
        foreach (int i in bad) writing.Ordered[i].Ordinal = 0;
    }

    private async Task DropFilesAsync(SqlServerWriting<TRow> writing, SqlTransaction? transaction, int[] files)
    {
        foreach (int[] some in files.Chunk(MostInAList))
        {
            string drop = SqlServerMergeSql<TRow>.DropFiles(some);
            await db.ExecuteAsync(writing.Connection, transaction, drop, writing.Cancellation).ConfigureAwait(false);
        }
    }
}

/// <summary>
/// Finds the rows that the server refuses, because the server says which constraint, but not which row. The rows are staged already,
/// so each probe is one merge that is rolled back. A range that fails is halved. If both halves pass alone but fail together, a row of
/// the second half conflicts with one of the first. It is the last row of the shortest beginning that fails.
/// </summary>
internal sealed class SqlServerBisection<TRow>(SqlServerMerge<TRow> merge, SqlServerWriting<TRow> writing)
{
    private readonly Dictionary<int, int> _foundBy = [];

    /// <summary>The places of the refused rows, with the reasons.</summary>
    public Dictionary<long, SqlException> Found { get; } = [];

    /// <param name="rows">The places of all staged rows, in order.</param>
    /// <param name="error">Why the server refused all of them together.</param>
    public async Task SearchAsync(IReadOnlyList<long> rows, SqlException error)
    {
        if (rows.Count == 0 || IsLost(rows)) return;
        if (rows.Count == 1)
        {
            Add(rows[0], error);
            return;
        }
        int half = rows.Count / 2;
        var left = rows.Take(half).ToArray();
        var right = rows.Skip(half).ToArray();
        SqlException? leftError = await TryAsync(left).ConfigureAwait(false);
        if (leftError is not null) await SearchAsync(left, leftError).ConfigureAwait(false);
        SqlException? rightError = IsLost(right) ? null : await TryAsync(right).ConfigureAwait(false);
        if (rightError is not null) await SearchAsync(right, rightError).ConfigureAwait(false);
        if (leftError is null && rightError is null && !IsLost(right)) await SearchTogetherAsync(rows, half, error).ConfigureAwait(false);
    }

    private async Task SearchTogetherAsync(IReadOnlyList<long> rows, int passes, SqlException error)
    {
        int least = passes, most = rows.Count - 1;
        while (least < most)
        {
            int middle = (least + most) / 2;
            SqlException? refused = await merge.TryAsync(writing, rows[0], rows[middle]).ConfigureAwait(false);
            if (refused is null) least = middle + 1;
            else (most, error) = (middle, refused);
        }
        Add(rows[most], error);
    }

    private Task<SqlException?> TryAsync(long[] rows) => merge.TryAsync(writing, rows[0], rows[^1]);

    /// <summary>Whether all rows are of one file that already has more refused rows than it may have.</summary>
    private bool IsLost(IReadOnlyList<long> rows) =>
        StagedPlace.FileOf(rows[0]) == StagedPlace.FileOf(rows[^1])
            && BadRows.AreOverLimit(_foundBy.GetValueOrDefault(StagedPlace.FileOf(rows[0])), writing.MaxBadRows);

    private void Add(long row, SqlException error)
    {
        Found[row] = error;
        _foundBy[StagedPlace.FileOf(row)] = _foundBy.GetValueOrDefault(StagedPlace.FileOf(row)) + 1;
    }
}

/// <summary>
/// What a merge means for each file of its batch. Pure. All files that are bad by themselves are condemned together. A file that is bad
/// only because its rows met rows of the same batch is condemned alone, because the next file may be good without it. So the result is
/// the same as if the files had come one after the other.
/// </summary>
internal sealed class SqlServerVerdicts<TRow>(FileWork<TRow>[] files, SqlServerMerged merged, DuplicatePolicy policy, int maxBadRows)
{
    /// <summary>The kinds under <see cref="DuplicatePolicy.LastWins"/>, and the first kind under the other policies.</summary>
    private const int Same = 0, Changed = 1, InTable = 0;

    /// <summary>Under <see cref="DuplicatePolicy.FirstWins"/>: the row replaced one of a newer file, with other values.</summary>
    private const int Replaced = 2;

    private readonly ILookup<int, (int Kind, Defect Defect)> _duplicates = merged.Duplicates.ToLookup(d => d.File, d => (d.Kind, d.Defect));

    /// <summary>True if the merge can be committed. Then the files have their counts. False if a file was condemned.</summary>
    public bool Apply()
    {
        if (policy == DuplicatePolicy.Reject && (CondemnAll() || CondemnFirst())) return false;
        for (int i = 0; i < files.Length; i++)
            if (files[i].IsLoading) Count(i);
        return true;
    }

    private bool CondemnAll()
    {
        bool any = false;
        for (int i = 0; i < files.Length; i++)
            if (IsBad(i, merged.MetBy(i, InTable))) any |= Condemn(i);
        return any;
    }

    private bool CondemnFirst()
    {
        for (int i = 0; i < files.Length; i++)
            if (IsBad(i, Met(i))) return Condemn(i);
        return false;
    }

    private long Met(int file) => merged.MetBy(file, Same) + merged.MetBy(file, Changed) + merged.MetBy(file, Replaced);

    private bool IsBad(int file, long rejected)
    {
        FileWork<TRow> work = files[file];
        return work.IsLoading && rejected > 0 && BadRows.AreTooMany(work.Ordinal - rejected, work.Rejected + rejected, maxBadRows);
    }

    private bool Condemn(int file)
    {
        Reject(file);
        (files[file].Inserted, files[file].Updated, files[file].Unchanged) = (files[file].Ordinal - Met(file), 0, 0);
        return files[file].JudgeLate(maxBadRows);
    }

    private void Reject(int file)
    {
        foreach ((int _, Defect defect) in _duplicates[file])
            files[file].Count(defect);
    }

    private void Count(int file)
    {
        FileWork<TRow> work = files[file];
        work.Inserted = work.Ordinal - Met(file);
        work.Collided = merged.Collided.GetValueOrDefault(file);
        (work.Updated, work.Unchanged) = policy switch
        {
            DuplicatePolicy.LastWins => (merged.MetBy(file, Changed), merged.MetBy(file, Same)),
            DuplicatePolicy.FirstWins => (merged.MetBy(file, Replaced), Met(file) - merged.MetBy(file, Replaced)),
            _ => (0, 0),
        };
        if (policy == DuplicatePolicy.Reject) Reject(file);
    }
}
