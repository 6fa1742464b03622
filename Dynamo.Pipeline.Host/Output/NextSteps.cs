namespace Dynamo.Pipeline.Host;

/// <summary>Commands that a person may want to copy after a run.</summary>
internal static class NextSteps
{
    public static IReadOnlyList<(string Command, string What)> After(
        HostSettings settings, PipelineResult result, long inQuarantine, bool isDryRun)
    {
        bool hasQuarantined = result.Books.Quarantined + result.Books.AlreadyQuarantined + inQuarantine > 0;
        if (result.WasCancelled || isDryRun || !hasQuarantined) return [];
        string what = settings.Folder.AfterCommit == AfterCommit.Keep
            ? "offers quarantined files to the next run again, for example after a change of the format; repaired files need no retry"
            : $"moves the files back from {QuarantineOf(settings)}, once you have repaired them there";
        return [(Pasted.Command("retry", settings, SettingOptions.OfReturning), what)];
    }

    public static void Write(TextWriter to, IReadOnlyList<(string Command, string What)> steps)
    {
        if (steps.Count == 0) return;
        to.WriteLine();
        to.WriteLine("Next:");
        foreach ((string command, string what) in steps)
        {
            to.WriteLine($"  {command}");
            to.WriteLine($"      {what}");
        }
    }

    /// <summary>Looks into the table of readings.</summary>
    public static string Query(HostSettings settings)
    {
        TableSettings table = settings.Table;
        string query = $"select {table.Logger}, {table.Channel}, count(*), round(avg({table.Value}), 2) "
            + $"from {table.Name} group by 1, 2 limit 10";
        return $"sqlite3 {Pasted.Argument(Shown.Path(Path.GetFullPath(settings.Database)))} \"{query}\"";
    }

    private static string QuarantineOf(HostSettings settings) => settings.Remote is { } remote
        ? $"{Shown.Name(remote.QuarantineFolder)} on {remote.Host}"
        : Shown.Path(Path.Combine(Path.GetFullPath(settings.Source!), settings.Folder.QuarantineFolder));
}
