namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// Gives files back to the source to be imported again. They go back before the ledger changes: until then they count as imported or bad,
/// and after it the next run imports them. So a kill in between loses nothing; repeat the command. Call it with the source's lease.
/// </summary>
internal static class Returning
{
    /// <summary>A server far away answers many in the time of one.</summary>
    private const int AtOnce = 64;

    /// <summary>Takes files back: those to be imported again go to the source, then the ledger forgets what is taken back.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="map">The table.</param>
    /// <param name="files">What is taken back.</param>
    /// <param name="again">Which of what is planned is imported again.</param>
    /// <param name="bringBack">Brings a file back, and returns what stands in the way.</param>
    /// <param name="cancellationToken">Stops before the ledger is changed.</param>
    public static async Task<(Undone Undone, IReadOnlyList<Returned> Returned)> UndoAsync<TRow>(
        ILineage ledger, RowMap<TRow> map, UndoneFiles files, IEnumerable<DeliveredFile> again,
        Func<DeliveredFile, CancellationToken, ValueTask<string?>> bringBack, CancellationToken cancellationToken)
    {
        var returned = new List<Returned>();
        foreach (DeliveredFile[] some in again.Chunk(AtOnce))
            returned.AddRange(await Task.WhenAll(some.Select(BringBackAsync)).ConfigureAwait(false));
        long[] ids = [.. returned.Where(file => file.Obstacle is null).Select(file => file.File.FileId)];
        return (await ledger.UndoAsync(map, files, ids, cancellationToken).ConfigureAwait(false), returned);

        async Task<Returned> BringBackAsync(DeliveredFile file) => new(file, file.Source == files.Source
            ? await bringBack(file, cancellationToken).ConfigureAwait(false)
            : $"it is of another source, {file.Source}");
    }

    /// <summary>
    /// Moves files back from quarantine, then removes them from the ledger. If the process is killed in between, the next run quarantines
    /// the files again for the same reason, and another retry finds them.
    /// </summary>
    /// <param name="source">The source's name.</param>
    /// <param name="quarantine">Its quarantine.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="choose">Chooses from all paths in quarantine.</param>
    /// <param name="cancellationToken">Stops before the ledger is changed.</param>
    public static async Task<IReadOnlyList<Retried>> RetryAsync(
        string source, IQuarantine quarantine, ILedger ledger, Func<string[], HashSet<string>> choose, CancellationToken cancellationToken)
    {
        IReadOnlyList<QuarantinedFile> quarantined = await quarantine.ListAsync(cancellationToken).ConfigureAwait(false);
        // The newest version of a file first: only one file of a name can be moved back.
        var moved = quarantined.Where(file => file.Source == source).OrderByDescending(file => file.File.ModifiedUtc).ToList();
        var entered = await ledger.QuarantinedAsync(source, int.MaxValue, cancellationToken).ConfigureAwait(false);
        // If somebody removed the quarantined copy, the file is still in the ledger. The source may have the original.
        List<SourceFile> onlyEntered = [.. entered.Select(entry => entry.File).Except(moved.Select(file => file.File))];
        string[] all = [.. moved.Select(file => file.File.Path).Union(onlyEntered.Select(file => file.Path)).Order(StringComparer.Ordinal)];
        HashSet<string> chosen = choose(all);

        var returns = new List<QuarantineReturn>();
        foreach (QuarantinedFile file in moved.Where(file => chosen.Contains(file.File.Path)))
            returns.Add(await quarantine.ReturnAsync(file, cancellationToken).ConfigureAwait(false));
        HashSet<string> damaged = PathsOf(returns.Where(file => file is { IsReturned: true, File.IsDamaged: true }));
        HashSet<string> obstructed = PathsOf(returns.Where(file => !file.IsReturned));
        // If a file's reason is damaged, it is not known which ledger entry is its own: it is one of those without a file.
        bool IsFree(SourceFile file) =>
            chosen.Contains(file.Path) && (damaged.Contains(file.Path) || !obstructed.Contains(file.Path));
        SourceFile[] free = [.. onlyEntered.Where(IsFree)];
        IEnumerable<SourceFile> returned = returns.Where(file => file.IsReturned).Select(file => file.File.File);
        await ledger.RetryAsync(source, [.. returned, .. free], cancellationToken).ConfigureAwait(false);
        return [.. returns.Select(file => new Retried(file.File.File.Path, file.Obstacle))
            .Concat(free.Where(file => !damaged.Contains(file.Path)).Select(file => new Retried(file.Path, null)))
            .OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    private static HashSet<string> PathsOf(IEnumerable<QuarantineReturn> returns) => [.. returns.Select(file => file.File.File.Path)];
}

/// <summary>A file that was to be imported again, and why it cannot be.</summary>
internal sealed record Returned(DeliveredFile File, string? Obstacle);

/// <summary>What happened to a file that was to be retried.</summary>
/// <param name="Path">Its path below the source.</param>
/// <param name="Obstacle">Why it stays in quarantine; <see langword="null"/>: the next run reads it.</param>
internal sealed record Retried(string Path, string? Obstacle);
