using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// States as monitoring systems know them: the exit codes of the Monitoring Plugins' guidelines (monitoring-plugins.org, 2.4).
/// </summary>
internal enum HealthState
{
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// <summary>What <c>dynamo status --check</c> says: the worst of all that it looked at, in one line with the figures behind it.</summary>
internal sealed record Health(HealthState State, string Text, IReadOnlyList<(string Name, string Value)> Figures)
{
    /// <summary>How far back the last run of a source is looked for, while others run more often.</summary>
    private const int MostRuns = 5_000;

    /// <summary>The line as the guidelines have it: the state, what is wrong, and the figures behind a bar.</summary>
    public string Line => $"DYNAMO {State.ToString().ToUpperInvariant()} - {Shown.Name(Text.ReplaceLineEndings(" ")).Replace('|', '/')}"
        + (Figures.Count == 0 ? "" : $" | {string.Join(' ', Figures.Select(one => $"{one.Name}={one.Value}"))}");

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("state", State.ToString().ToLowerInvariant());
        json.WriteNumber("exitCode", (int)State);
        json.WriteString("message", Text);
        json.WriteStartObject("figures");
        foreach ((string name, string value) in Figures) json.WriteString(name, value);
        json.WriteEndObject();
    }

    /// <summary>Looks at the database. One that cannot be read is no error here: the state is not known, and why is in the line.</summary>
    public static async Task<Health> ReadAsync(HostSettings settings, TimeSpan maxAge, int? maxLate, CancellationToken cancellationToken)
    {
        try
        {
            DateTime now = DateTime.UtcNow;
            ILedger ledger = Composition.Ledger(settings);
            string[] sources = Sources(settings);
            IReadOnlyList<ImportedRun> runs = await ledger.RunsAsync(sources.Length == 0 ? 1 : MostRuns, cancellationToken);
            (int Late, int Known)? loggers = null;
            if (maxLate is not null)
            {
                LoggersReport report = await LoggersReport.ReadAsync(settings, lateOnly: false, cancellationToken);
                loggers = (report.Late, report.Known);
            }
            // A source that works hides none that does not.
            var healths = new List<Health>();
            foreach (string? source in sources.DefaultIfEmpty(null))
            {
                ImportedRun? last = runs.FirstOrDefault(run => source is null || run.Source == source);
                long quarantined = await ledger.CountQuarantinedAsync(sources.Length < 2 ? null : source, cancellationToken);
                Health one = Of(last, quarantined, loggers, maxAge, maxLate, now);
                healths.Add(sources.Length < 2 ? one : one with { Text = $"{source}: {one.Text}" });
            }
            return healths.MaxBy(one => one.State)!;
        }
        catch (Exception error) when (error is SinkException or SettingsException)
        {
            return new Health(HealthState.Unknown, Secret.Free(error.Message), []);
        }
    }

    /// <summary>Those whose last runs count; none: the last one in the database does, whichever it was of.</summary>
    private static string[] Sources(HostSettings settings) => settings.Source is null && settings.Sources.Count == 0
        ? [] : [.. SeveralSources.Of(settings).Select(one => one.SourceName)];

    /// <summary>The verdict. Pure.</summary>
    public static Health Of(
        ImportedRun? last, long quarantined, (int Late, int Known)? loggers, TimeSpan maxAge, int? maxLate, DateTime nowUtc)
    {
        if (last is null) return new Health(HealthState.Critical, "no run yet", []);
        var said = new List<(HealthState State, string Text)>();
        TimeSpan age = nowUtc - (last.EndedUtc ?? last.StartedUtc);
        bool isRunning = last.Outcome == "running";
        string why = last.Reason is { } reason ? $": {Secret.Free(reason)}" : "";
        if (last.Outcome == "failed") said.Add((HealthState.Critical, $"the last run failed{why}"));
        if (last.Outcome == "interrupted") said.Add((HealthState.Critical, $"the last run was killed{why}"));
        string life = isRunning ? $"its last sign of life is {Shown.Time(age)} old" : $"the last run ended {Shown.Time(age)} ago";
        said.Add((age > maxAge ? HealthState.Critical : HealthState.Ok, life));
        if (quarantined > 0) said.Add((HealthState.Warning, Shown.Count(quarantined, "file is in quarantine", "files are in quarantine")));
        if (loggers is { } known)
            said.Add((known.Late > maxLate ? HealthState.Warning : HealthState.Ok,
                $"{Shown.Count(known.Late)} of {Shown.Count(known.Known)} loggers late"));
        List<(string, string)> figures =
            [("age", Figure($"{age.TotalSeconds:0}s;;{maxAge.TotalSeconds:0}")), ("quarantined", Figure($"{quarantined};0"))];
        if (loggers is { } all) figures.Add(("late", Figure($"{all.Late};{maxLate}")));
        // The worst first: it is what a pager shows.
        return new Health(said.Max(one => one.State), string.Join("; ", said.OrderByDescending(one => one.State).Select(one => one.Text)),
            figures);
    }

    private static string Figure(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
