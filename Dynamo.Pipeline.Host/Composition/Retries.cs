namespace Dynamo.Pipeline.Host;

/// <summary>What happened to a file that was to be retried.</summary>
/// <param name="Path">Its path below the source.</param>
/// <param name="Obstacle">Why it stays in quarantine; <see langword="null"/>: the next run reads it.</param>
internal sealed record Retried(string Path, string? Obstacle);

/// <summary>
/// Moves files back from quarantine, then removes them from the ledger. If the process is killed in between, the next run quarantines the
/// files again for the same reason, and another retry finds them.
/// </summary>
internal static class Retries
{
    /// <param name="source">The source's name.</param>
    /// <param name="quarantine">Its quarantine.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="names">Paths or names; none means all.</param>
    /// <param name="cancellationToken">Stops before the ledger is changed.</param>
    /// <exception cref="SettingsException">A name is not in quarantine.</exception>
    public static async Task<IReadOnlyList<Retried>> RunAsync(
        string source, IQuarantine quarantine, ILedger ledger, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        IReadOnlyList<QuarantinedFile> quarantined = await quarantine.ListAsync(cancellationToken);
        // The newest version of a file first: only one file of a name can be moved back.
        var moved = quarantined.Where(file => file.Source == source).OrderByDescending(file => file.File.ModifiedUtc).ToList();
        var entered = await ledger.QuarantinedAsync(source, int.MaxValue, cancellationToken);
        // If somebody removed the quarantined copy, the file is still in the ledger. The source may have the original.
        List<SourceFile> onlyEntered = [.. entered.Select(entry => entry.File).Except(moved.Select(file => file.File))];
        string[] all = [.. moved.Select(file => file.File.Path).Union(onlyEntered.Select(file => file.Path)).Order(StringComparer.Ordinal)];
        HashSet<string> chosen = names.Count == 0 ? [.. all] : Choose(all, names);

        var returns = new List<QuarantineReturn>();
        foreach (QuarantinedFile file in moved.Where(file => chosen.Contains(file.File.Path)))
            returns.Add(await quarantine.ReturnAsync(file, cancellationToken));
        HashSet<string> damaged = PathsOf(returns.Where(file => file is { IsReturned: true, File.IsDamaged: true }));
        HashSet<string> obstructed = PathsOf(returns.Where(file => !file.IsReturned));
        // If a file's reason is damaged, it is not known which ledger entry is its own: it is one of those without a file.
        bool IsFree(SourceFile file) =>
            chosen.Contains(file.Path) && (damaged.Contains(file.Path) || !obstructed.Contains(file.Path));
        SourceFile[] free = [.. onlyEntered.Where(IsFree)];
        IEnumerable<SourceFile> returned = returns.Where(file => file.IsReturned).Select(file => file.File.File);
        await ledger.RetryAsync(source, [.. returned, .. free], cancellationToken);
        return [.. returns.Select(file => new Retried(file.File.File.Path, file.Obstacle))
            .Concat(free.Where(file => !damaged.Contains(file.Path)).Select(file => new Retried(file.Path, null)))
            .OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    private static HashSet<string> PathsOf(IEnumerable<QuarantineReturn> returns) => [.. returns.Select(file => file.File.File.Path)];

    private static HashSet<string> Choose(string[] all, IReadOnlyList<string> names)
    {
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        var problems = new List<SettingProblem>();
        foreach (string name in names)
        {
            string[] found = [.. all.Where(path => IsMeant(path, name))];
            chosen.UnionWith(found);
            if (found.Length > 0) continue;
            string problem = "no such file of this source is in quarantine.";
            problems.Add(new SettingProblem(Shown.Name(name), problem, Suggestion.For(name, all)));
        }
        return problems.Count == 0 ? chosen : throw new SettingsException(problems);
    }

    private static bool IsMeant(string path, string name) =>
        path == name || path.EndsWith('/' + name, StringComparison.Ordinal) || path == Path.GetFileName(name);
}
