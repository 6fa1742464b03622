namespace Dynamo.Pipeline.Host;

/// <summary>Commands that a person may want to copy after a run.</summary>
internal static class NextSteps
{
    /// <summary>How to see what a run brought, and what it did not take.</summary>
    public static IReadOnlyList<(string Command, string What)> Look(HostSettings settings, PipelineResult result)
    {
        var steps = new List<(string, string)>();
        if (result.Books.RowsInserted + result.Books.RowsUpdated > 0 && Readings(settings) is { } readings)
            steps.Add((readings, "looks at the readings" + Where(settings)));
        if (result.Books.RowsRejected > 0 && result.Notable.Any(file => file.Outcome == FileOutcome.Loaded && file.Rejected > 0))
        {
            steps.Add((Rejects(settings),
                $"shows the bad rows{Where(settings)}. The rest of their files is loaded; a repaired file that is "
                + "sent again brings them too"));
        }
        return steps;
    }

    public static IReadOnlyList<(string Command, string What)> After(HostSettings settings, PipelineResult result, long inQuarantine)
    {
        bool hasQuarantined = result.Books.Quarantined + result.Books.AlreadyQuarantined + inQuarantine > 0;
        if (!hasQuarantined) return [];
        string from = settings.Folder.AfterCommit == AfterCommit.Keep ? "" : $" from {QuarantineOf(settings)}";
        return [(Pasted.Command("retry", settings, SettingOptions.OfReturning), $"{Retry}{from}")];
    }

    /// <summary>How to see what areas lose, and where.</summary>
    public static IReadOnlyList<(string Command, string What)> Events(HostSettings settings) =>
        [(Pasted.Command("events", settings, "sink"), "shows bursts and leaks of the areas, and where to look")];

    /// <summary>What to do about a file in quarantine; the page and docs/failures.md have the same words.</summary>
    public const string Retry =
        "A repaired file that is sent again is taken by itself. Once the cause is mended, for example in the format, retry "
        + "offers the same ones again";

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

    private static string? Readings(HostSettings settings)
    {
        TableSettings table = settings.Table;
        // A procedure puts the readings where it likes.
        if (settings.UsesSqlServer && settings.SqlServer.Procedure is not null) return null;
        return settings.UsesSqlServer
            ? Query(settings, $"SELECT TOP (10) {table.Logger}, {table.Channel}, COUNT(*), AVG({table.Value}) "
                + $"FROM {settings.SqlServer.Schema}.{table.Name} GROUP BY {table.Logger}, {table.Channel}")
            : Query(settings, $"select {table.Logger}, {table.Channel}, count(*), round(avg({table.Value}), 2) "
                + $"from {table.Name} group by 1, 2 limit 10");
    }

    private static string Rejects(HostSettings settings)
    {
        const string Columns = "Path, Line, ColumnName, Problem, Found";
        return settings.UsesSqlServer
            ? Query(settings, $"SELECT TOP (20) {Columns} FROM {settings.SqlServer.Schema}.{settings.SqlServer.RejectTable} "
                + "ORDER BY RejectId DESC")
            : Query(settings, $"select {Columns} from {settings.Sqlite.RejectTable} order by RejectId desc limit 20");
    }

    /// <summary>A command for SQLite; for SQL Server, whose clients log in in many ways, the statement.</summary>
    private static string Query(HostSettings settings, string query) => settings.UsesSqlServer ? query
        : $"sqlite3 {Pasted.Argument(Shown.Path(Path.GetFullPath(settings.Database)))} \"{query}\"";

    private static string Where(HostSettings settings) => settings.UsesSqlServer ? ", as a query of the database" : "";

    private static string QuarantineOf(HostSettings settings) => settings.Remote is { } remote
        ? $"{Shown.Name(remote.QuarantineFolder)} on {remote.Host}"
        : Shown.Path(Path.Combine(Path.GetFullPath(settings.Source!), settings.Folder.QuarantineFolder));
}
