namespace Dynamo.Pipeline.Host;

/// <summary>What became of a file that was to be retried.</summary>
/// <param name="Path">Its path below the source.</param>
/// <param name="Obstacle">Why it stays in quarantine.</param>
internal sealed record Retried(string Path, string? Obstacle);

/// <summary>
/// Brings files back from quarantine, then makes the ledger forget them: killed in between, the next run quarantines them again under the same reason, and
/// another retry finds them.
/// </summary>
internal static class Retries
{
    /// <param name="source">The source's name.</param>
    /// <param name="quarantine">Its quarantine.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="names">Paths or names; none stands for all.</param>
    /// <param name="cancellationToken">Gives up before the ledger is changed.</param>
    /// <exception cref="SettingsException">A name is not in quarantine.</exception>
    public static async Task<IReadOnlyList<Retried>> RunAsync(string source, IQuarantine quarantine, ILedger ledger, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        // The newest version of a file first: only one of a name can be back at a time.
        var moved = (await quarantine.ListAsync(cancellationToken)).Where(file => file.Source == source).OrderByDescending(file => file.File.ModifiedUtc).ToList();
        var entered = await ledger.QuarantinedAsync(source, int.MaxValue, cancellationToken);
        // A file whose copy somebody removed is still in the ledger: the source may have the original.
        List<SourceFile> onlyEntered = [.. entered.Select(entry => entry.File).Except(moved.Select(file => file.File))];
        string[] all = [.. moved.Select(file => file.File.Path).Union(onlyEntered.Select(file => file.Path)).Order(StringComparer.Ordinal)];
        HashSet<string> chosen = names.Count == 0 ? [.. all] : Choose(all, names);

        var returns = new List<QuarantineReturn>();
        foreach (QuarantinedFile file in moved.Where(file => chosen.Contains(file.File.Path))) returns.Add(await quarantine.ReturnAsync(file, cancellationToken));
        HashSet<string> damaged = [.. returns.Where(file => file is { IsReturned: true, File.IsDamaged: true }).Select(file => file.File.File.Path)];
        HashSet<string> obstructed = [.. returns.Where(file => !file.IsReturned).Select(file => file.File.File.Path)];
        // Which entry a file belongs to whose reason is damaged is not known: it is one of those without a file.
        SourceFile[] free = [.. onlyEntered.Where(file => chosen.Contains(file.Path) && (damaged.Contains(file.Path) || !obstructed.Contains(file.Path)))];
        await ledger.RetryAsync(source, [.. returns.Where(file => file.IsReturned).Select(file => file.File.File), .. free], cancellationToken);
        return [.. returns.Select(file => new Retried(file.File.File.Path, file.Obstacle))
            .Concat(free.Where(file => !damaged.Contains(file.Path)).Select(file => new Retried(file.Path, null)))
            .OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    private static HashSet<string> Choose(string[] all, IReadOnlyList<string> names)
    {
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        var problems = new List<SettingProblem>();
        foreach (string name in names)
        {
            string[] found = [.. all.Where(path => path == name || path.EndsWith('/' + name, StringComparison.Ordinal) || path == Path.GetFileName(name))];
            chosen.UnionWith(found);
            if (found.Length == 0) problems.Add(new SettingProblem(Shown.Name(name), "no such file of this source is in quarantine.", Suggestion.For(name, all)));
        }
        return problems.Count == 0 ? chosen : throw new SettingsException(problems);
    }
}
