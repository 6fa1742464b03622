namespace Dynamo.Pipeline.Host;

/// <summary>Commands that a person may want to copy after a run.</summary>
internal static class NextSteps
{
    public static IReadOnlyList<(string Command, string What)> After(
        HostSettings settings, IStore store, PipelineResult result, long inQuarantine, bool isSample, bool isDryRun)
    {
        if (result.WasCancelled) return [];
        string dynamo = SampleInbox.CommandName(), sink = isSample ? "" : $" --sink {store.Argument}";
        bool hasQuarantined = result.Books.Quarantined + result.Books.AlreadyQuarantined + inQuarantine > 0;
        var next = new List<(string, string)>();
        if (isSample && !isDryRun) next.Add((Query(settings), "looks at the readings"));
        if (isSample && !isDryRun) next.Add(($"{dynamo} status", "shows what was imported, and what is in quarantine"));
        if (hasQuarantined && !isDryRun) next.Add(Retry(settings, dynamo, isSample, sink));
        if (isSample) next.Add(($"{dynamo} run --source DIR --sink sqlite:FILE", "imports your own folder; add --dry-run to try it first"));
        return next;
    }

    private static (string, string) Retry(HostSettings settings, string dynamo, bool isSample, string sink)
    {
        string source = isSample ? "" : $" --source \"{(settings.Remote is null ? settings.ShownSource : settings.Source)}\"";
        string what = settings.Folder.AfterCommit == AfterCommit.Keep
            ? "offers quarantined files to the next run again, for example after a change of the format; repaired files need no retry"
            : $"moves the files back from {QuarantineOf(settings)}, once you have repaired them there";
        // What the files of settings say of the ledger, such as its schema, no option does.
        string files = string.Concat(settings.Files.Select(file => $" {file.Option} \"{Shown.Path(Path.GetFullPath(file.Path))}\""));
        return ($"{dynamo} retry{source}{sink}{files}", what);
    }

    private static string QuarantineOf(HostSettings settings) => settings.Remote is { } remote
        ? $"{Shown.Name(remote.QuarantineFolder)} on {remote.Host}"
        : Shown.Path(Path.Combine(Path.GetFullPath(settings.Source!), settings.Folder.QuarantineFolder));

    private static string Query(HostSettings settings)
    {
        TableSettings table = settings.Table;
        string query = $"select {table.Logger}, {table.Channel}, count(*), round(avg({table.Value}), 2) "
            + $"from {table.Name} group by 1, 2 limit 10";
        return $"sqlite3 {Shown.Path(Path.GetFullPath(settings.Database))} \"{query}\"";
    }
}
