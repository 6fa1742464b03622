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
    /// <param name="source">The source.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="names">Paths or names; none stands for all.</param>
    /// <param name="cancellationToken">Gives up before the ledger is changed.</param>
    /// <exception cref="SettingsException">A name is not in quarantine.</exception>
    public static async Task<IReadOnlyList<Retried>> RunAsync(FolderSource source, SqliteLedger ledger, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var quarantine = new Quarantine(source);
        var moved = quarantine.List().Where(file => file.Source == source.Name).ToList();
        var entered = await ledger.QuarantinedAsync(source.Name, int.MaxValue, cancellationToken);
        // A file whose copy somebody removed is still in the ledger: the source may have the original.
        string[] all = [.. moved.Select(file => file.File.Path).Union(entered.Select(file => file.File.Path)).Order(StringComparer.Ordinal)];
        HashSet<string> chosen = names.Count == 0 ? [.. all] : Choose(all, names);

        var retried = chosen.ToDictionary(path => path, path => new Retried(path, null), StringComparer.Ordinal);
        foreach (var file in moved.Where(file => chosen.Contains(file.File.Path)))
        {
            if (quarantine.Return(file).Obstacle is { } obstacle) retried[file.File.Path] = new Retried(file.File.Path, obstacle);
        }
        string[] back = [.. retried.Values.Where(file => file.Obstacle is null).Select(file => file.Path)];
        await ledger.RetryAsync(source.Name, back, cancellationToken);
        return [.. retried.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];
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
