using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>What one attempt at a batch works on: its files, in the order in which they count as written, on one connection. For one thread at a time.</summary>
internal sealed class SqlServerWriting<TRow>
{
    public SqlServerWriting(FileWork<TRow>[] works, int maxBadRows, bool isContested, SqlConnection connection, CancellationToken cancellation)
    {
        IsContested = isContested;
        (Works, Connection, Cancellation, MaxBadRows) = (works, connection, cancellation, maxBadRows);
        Ordered = [.. works.OrderBy(w => w.File.ModifiedUtc).ThenBy(w => w.File.Path, StringComparer.Ordinal)];
        var seen = new HashSet<SourceFile>();
        foreach (FileWork<TRow> work in Ordered)
        {
            work.JudgeEarly(maxBadRows);
            if (!seen.Add(work.File)) work.IsKnown = true;
        }
        Twins = [.. Ordered.Where(w => w.IsKnown)];
    }

    public FileWork<TRow>[] Works { get; }

    /// <summary>The staged rows have a file's place here. <see cref="FileWork{TRow}.Ordinal"/> counts the rows it has staged.</summary>
    public FileWork<TRow>[] Ordered { get; }

    /// <summary>Files that came twice; the second time they are known.</summary>
    public HashSet<FileWork<TRow>> Twins { get; }

    public SqlConnection Connection { get; }

    public CancellationToken Cancellation { get; }

    public int MaxBadRows { get; }

    /// <summary>The parts of the keys that are staged.</summary>
    public int Parts { get; set; }

    /// <summary>Whether the rows are in: from then on nothing is a row's fault.</summary>
    public bool IsCommitting { get; set; }

    /// <summary>Whether another run may have entered one of the files since they were looked up.</summary>
    public bool IsContested { get; }

    /// <summary>Whether another run entered one of the files during this attempt.</summary>
    public bool IsOvertaken { get; set; }

    /// <summary>A bulk copy that the server does not let go on or end: the connection is its own until it ends.</summary>
    public Task? Abandoned { get; set; }

    /// <summary>For whoever still sends rows: is there anybody who wants them?</summary>
    public void ThrowIfOver()
    {
        Cancellation.ThrowIfCancellationRequested();
        if (Abandoned is not null) throw new OperationCanceledException("The copy was given up.");
    }

    /// <summary>Refusals for which no row was found.</summary>
    public int Fruitless { get; set; }

    public long Staged => Ordered.Where(w => w.IsLoading).Sum(w => w.Ordinal);

    /// <summary>The places of these files among <see cref="Ordered"/>.</summary>
    public int[] Places(Func<FileWork<TRow>, bool> of) => [.. Enumerable.Range(0, Ordered.Length).Where(i => of(Ordered[i]))];
}
