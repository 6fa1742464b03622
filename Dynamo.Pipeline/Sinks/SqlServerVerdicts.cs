namespace Dynamo.Pipeline;

/// <summary>
/// What a merge means for each file of its batch. Pure. A file that is bad by itself is condemned with all others of that kind; a file that is bad only for rows that met rows of
/// the same batch is condemned alone, for without it the next may be good: as if the files had come one after the other.
/// </summary>
internal sealed class SqlServerVerdicts<TRow>(FileWork<TRow>[] files, SqlServerMerged merged, DuplicatePolicy policy, int maxBadRows)
{
    /// <summary>Kinds of meetings under <see cref="DuplicatePolicy.LastWins"/>, and otherwise.</summary>
    private const int Same = 0, Changed = 1, InTable = 0;

    private readonly ILookup<int, (int Kind, Defect Defect)> _duplicates = merged.Duplicates.ToLookup(d => d.File, d => (d.Kind, d.Defect));

    /// <summary>True when the merge can be kept: the files then have their counts. False when a file was condemned.</summary>
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

    private long Met(int file) => merged.MetBy(file, Same) + merged.MetBy(file, Changed);

    private bool IsBad(int file, long rejected)
    {
        FileWork<TRow> work = files[file];
        return work.IsLoading && rejected > 0 && (work.Rejected + rejected > maxBadRows || rejected == work.Ordinal);
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
        (work.Updated, work.Unchanged) = policy switch
        {
            DuplicatePolicy.LastWins => (merged.MetBy(file, Changed), merged.MetBy(file, Same)),
            DuplicatePolicy.FirstWins => (0, Met(file)),
            _ => (0, 0),
        };
        if (policy == DuplicatePolicy.Reject) Reject(file);
    }
}
