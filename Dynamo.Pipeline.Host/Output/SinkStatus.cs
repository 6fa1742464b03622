using System.Text.Json;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo status</c> shows.</summary>
internal sealed class SinkStatus
{
    private const int ShownQuarantined = 20;

    /// <summary>A watch writes its books once a minute at least.</summary>
    private static readonly TimeSpan s_signOfLife = TimeSpan.FromMinutes(2);

    private readonly IStore _store;
    private readonly DateTime _now;
    private readonly IReadOnlyList<ImportedRun> _runs;
    private readonly LedgerTotals _totals;
    private readonly IReadOnlyList<(HostSettings Source, LedgerTotals Totals)> _sources;
    private readonly DateTime? _newest;
    private readonly string? _procedure;
    private readonly IReadOnlyList<(string Path, Defect Defect, DateTime Since)> _quarantined;

    private SinkStatus(
        IStore store,
        IReadOnlyList<ImportedRun> runs,
        LedgerTotals totals,
        IReadOnlyList<(HostSettings, LedgerTotals)> sources,
        DateTime? newest,
        string? procedure,
        IReadOnlyList<(string, Defect, DateTime)> quarantined) =>
        (_store, _now, _runs, _totals, _sources, _newest, _procedure, _quarantined) =
            (store, DateTime.UtcNow, runs, totals, sources, newest, procedure, quarantined);

    /// <exception cref="SinkException">The database is missing or cannot be read.</exception>
    public static async Task<SinkStatus> ReadAsync(HostSettings settings, int runs, CancellationToken cancellationToken)
    {
        IStore store = Composition.Store(settings);
        ILedger ledger = Composition.Ledger(settings);
        var quarantined = await ledger.QuarantinedAsync(null, ShownQuarantined, cancellationToken);
        var sources = new List<(HostSettings, LedgerTotals)>();
        foreach (HostSettings source in settings.Sources.Count > 0 ? SeveralSources.Of(settings) : [])
            sources.Add((source, await ledger.TotalsAsync(source.SourceName, cancellationToken)));
        return new SinkStatus(
            store,
            await ledger.RunsAsync(runs, cancellationToken),
            await ledger.TotalsAsync(null, cancellationToken),
            sources,
            await ledger.NewestAsync(Composition.Table(settings), cancellationToken),
            settings.UsesSqlServer ? settings.SqlServer.Procedure : null,
            [.. quarantined.Select(file => (file.File.Path, file.Defect, file.QuarantinedUtc))]);
    }

    public void Write(TextWriter to)
    {
        to.WriteLine(_store.Bytes is { } bytes ? $"{_store.Shown}, {Shown.Count(bytes)} bytes" : _store.Shown);
        to.WriteLine();
        to.WriteLine($"  files    {Shown.Count(_totals.Loaded)} loaded, {Shown.Count(_totals.Quarantined)} in quarantine");
        to.WriteLine($"  rows     {Shown.Count(_totals.Rows)} read, {Shown.Count(_totals.Rejected)} of them rejected");
        to.WriteLine(_newest is { } newest ? $"  newest   {Shown.Utc(newest)}, {Lag(newest)}"
            : _procedure is null ? "  newest   no reading yet"
            : $"  newest   not known: the procedure {Shown.Name(_procedure)} puts the readings where it likes");
        if (_sources.Count > 0) to.WriteLine();
        foreach ((HostSettings source, LedgerTotals totals) in _sources)
        {
            to.WriteLine($"  {source.ShownSource}: {Shown.Count(totals.Loaded)} loaded, {Shown.Count(totals.Quarantined)} in quarantine, "
                + $"{Shown.Count(totals.Rows)} rows read, {Shown.Count(totals.Rejected)} rejected");
        }
        WriteRuns(to);
        WriteQuarantined(to);
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("sink", _store.Name);
        json.WriteStartObject("totals");
        Write(json, _totals);
        json.WriteEndObject();
        if (_sources.Count > 0) json.WriteStartArray("sources");
        foreach ((HostSettings source, LedgerTotals totals) in _sources)
        {
            json.WriteStartObject();
            json.WriteString("source", source.SourceName);
            Write(json, totals);
            json.WriteEndObject();
        }
        if (_sources.Count > 0) json.WriteEndArray();
        if (_newest is { } newest)
        {
            json.WriteString("newestReadingUtc", newest);
            json.WriteNumber("lagSeconds", Math.Round((_now - newest).TotalSeconds));
        }
        if (_procedure is not null) json.WriteString("newestReadingUnknown", $"the procedure {_procedure} takes the readings");
        WriteRuns(json);
        WriteQuarantined(json);
    }

    private static void Write(Utf8JsonWriter json, LedgerTotals totals)
    {
        json.WriteNumber("loaded", totals.Loaded);
        json.WriteNumber("quarantined", totals.Quarantined);
        json.WriteNumber("rowsRead", totals.Rows);
        json.WriteNumber("rowsRejected", totals.Rejected);
    }

    private string Lag(DateTime newest) => newest <= _now
        ? $"{Shown.Time(_now - newest)} ago"
        : $"{Shown.Time(newest - _now)} ahead of this machine's clock";

    /// <summary>A killed run cannot close its row. Until the next run does, the killed one looks like one that still runs.</summary>
    private string Outcome(ImportedRun run)
    {
        if (run.Outcome != "running") return run.Outcome;
        if (run.EndedUtc is not { } life) return "running, or killed (the next run of this source tells)";
        TimeSpan silent = _now - life;
        return silent < s_signOfLife ? "watching" : $"watching, but killed or in an outage: its last sign of life is {Lag(life)}";
    }

    private void WriteRuns(TextWriter to)
    {
        to.WriteLine();
        to.WriteLine(_runs.Count == 0 ? "No run yet." : "Last runs:");
        foreach (ImportedRun run in _runs)
        {
            string took = run.Outcome != "running" && run.EndedUtc is { } ended ? $" in {Shown.Time(ended - run.StartedUtc)}" : "";
            to.WriteLine($"  {Shown.Utc(run.StartedUtc)}  {Outcome(run)}{took}  {Shown.Name(run.Source)}");
            if (run.Reason is { } reason) to.WriteLine($"      {Shown.Name(Secret.Free(reason))}");
            RunBooks books = run.Books;
            to.WriteLine($"      {Shown.Count(books.Listed)} files: {Shown.Count(books.Loaded)} loaded, "
                + $"{Shown.Count(books.AlreadyLoaded)} already loaded, {Shown.Count(books.Quarantined)} quarantined, "
                + $"{Shown.Count(books.Deferred)} deferred; {Shown.Count(books.RowsInserted)} rows new"
                + (books.RowsCollided > 0 ? $", {Shown.Count(books.RowsCollided)} replaced each other within their file" : "")
                + (books.RowsSkipped > 0 ? $", {Shown.Count(books.RowsSkipped)} without a value" : ""));
            WriteWorkers(to, run);
        }
    }

    /// <summary>The books of a dispatcher's workers together. What a killed worker did last is in the ledger, and may lack here.</summary>
    private void WriteWorkers(TextWriter to, ImportedRun run)
    {
        if (run.Workers.Count == 0) return;
        RunBooks books = Sum(run);
        int atWork = run.Workers.Count(worker => worker is { Outcome: "running", EndedUtc: { } life } && _now - life < s_signOfLife);
        to.WriteLine($"      {Shown.Count(run.Workers.Count, "worker")}, {Shown.Count(atWork)} at work, together: "
            + $"{Shown.Count(books.Loaded)} loaded, {Shown.Count(books.Quarantined)} quarantined, "
            + $"{Shown.Count(books.AlreadyLoaded)} already "
            + $"loaded, {Shown.Count(books.Deferred)} deferred; {Shown.Count(books.RowsInserted)} rows new");
    }

    private static RunBooks Sum(ImportedRun run) => run.Workers.Aggregate(new RunBooks(), (sum, worker) => sum.Plus(worker.Books));

    private void WriteQuarantined(TextWriter to)
    {
        if (_quarantined.Count == 0) return;
        to.WriteLine();
        to.WriteLine("In quarantine:");
        foreach ((string path, Defect defect, DateTime since) in _quarantined)
        {
            to.WriteLine($"  {Shown.Name(path)}, since {Shown.Utc(since)}");
            to.WriteLine($"      {defect}");
        }
        long more = _totals.Quarantined - _quarantined.Count;
        if (more > 0) to.WriteLine($"  … {Shown.Count(more, "more file")}");
    }

    private void WriteRuns(Utf8JsonWriter json)
    {
        json.WriteStartArray("runs");
        foreach (ImportedRun run in _runs)
        {
            json.WriteStartObject();
            json.WriteNumber("runId", run.RunId);
            json.WriteString("source", run.Source);
            json.WriteString("startedUtc", run.StartedUtc);
            if (run.EndedUtc is { } ended) json.WriteString("endedUtc", ended);
            json.WriteString("outcome", run.Outcome);
            json.WriteString("host", run.Host);
            if (run.Reason is { } reason) json.WriteString("reason", Secret.Free(reason));
            foreach ((string name, Func<RunBooks, long> of) in RunColumns.Counts)
                json.WriteNumber(JsonNamingPolicy.CamelCase.ConvertName(name), of(run.Books));
            if (run.Workers.Count > 0)
            {
                json.WriteStartObject("workers");
                json.WriteNumber("count", run.Workers.Count);
                foreach ((string name, Func<RunBooks, long> of) in RunColumns.Counts)
                    json.WriteNumber(JsonNamingPolicy.CamelCase.ConvertName(name), of(Sum(run)));
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private void WriteQuarantined(Utf8JsonWriter json)
    {
        json.WriteStartArray("quarantined");
        foreach ((string path, Defect defect, DateTime since) in _quarantined)
        {
            json.WriteStartObject();
            json.WriteString("file", path);
            json.WriteString("sinceUtc", since);
            JsonText.Defect(json, defect);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
