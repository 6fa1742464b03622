using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Removes what is older than the settings say, from the archive first and then from the ledger, which knows the archive's files.
/// </summary>
internal static class Pruning
{
    /// <summary>
    /// A file is archived after it is imported, perhaps by a run of the next day, and its day must be over. So long must its entry outlast
    /// it.
    /// </summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromDays(2);

    /// <exception cref="SourceException">The source or its archive cannot be listed: then nothing of the ledger is removed.</exception>
    /// <exception cref="SinkException">The database cannot be written.</exception>
    public static async Task<PrunedAll> RunAsync(
        HostSettings settings, bool dryRun, DateTime nowUtc, CancellationToken cancellationToken)
    {
        Retention retention = settings.Retention;
        IStore store = Composition.Store(settings);
        await using IFileSource source = Composition.Untouched(Everything(settings));
        Pruned archived = Pruned.Nothing;
        if (retention.Archive is { } archive)
        {
            var old = new ArchiveRetention(
                nowUtc - archive, (files, token) => store.LookUpAsync(source.Name, files, token)) { DryRun = dryRun };
            archived = await Composition.Archive(source).PruneAsync(old, cancellationToken);
        }
        string? note = null;
        ListedPaths? listed = null;
        if (retention.Ledger is not null)
        {
            listed = await ListedPaths.OfAsync(source, cancellationToken);
            // A share that is not mounted is an empty folder. Where files are taken away, an empty folder is the usual thing.
            if (listed.Count == 0 && !source.TakesFiles)
            {
                note = $"{settings.ShownSource} keeps its files, and there is none: no entry of the ledger is removed. Is it mounted?";
                listed = null;
            }
        }
        var records = new LedgerRetention(source.Name)
        {
            FilesBeforeUtc = listed is null ? null : nowUtc - LedgerAge(retention),
            RejectsBeforeUtc = nowUtc - retention.Rejects,
            RunsBeforeUtc = nowUtc - retention.Runs,
            AtSource = listed,
            KeepsLineage = retention.KeepsLineage,
            DryRun = dryRun,
        };
        PrunedLedger ledger = await Composition.Ledger(settings).PruneAsync(Composition.Table(settings), records, cancellationToken);
        return new PrunedAll(archived, ledger, note);
    }

    /// <summary>What the ledger knows no more, the archive keeps: so entries stay at least as long as files.</summary>
    private static TimeSpan LedgerAge(Retention retention)
    {
        TimeSpan age = retention.Ledger!.Value;
        return retention.Archive + s_margin is { } least && least > age ? least : age;
    }

    /// <summary>All names at the source: what is no longer imported, by another pattern, is still known by the ledger.</summary>
    private static HostSettings Everything(HostSettings settings) => settings with
    {
        Folder = settings.Folder with { Pattern = "*", Recursive = true },
        Sftp = settings.Sftp with { Pattern = "*", Recursive = true },
    };
}

/// <summary>What was, or would be, removed.</summary>
/// <param name="Archive">Files of the archive.</param>
/// <param name="Ledger">Records in the database.</param>
/// <param name="Note">Why less was removed than is set; null if it was not.</param>
internal sealed record PrunedAll(Pruned Archive, PrunedLedger Ledger, string? Note)
{
    public bool IsNothing => Archive.Count + Ledger.Files.Count + Ledger.Rejects.Count + Ledger.Runs.Count == 0;

    /// <summary>One line for each kind.</summary>
    public IEnumerable<string> Lines =>
    [
        Line(Archive, "archived file", Archive.Count == 0 ? "" : $", {Shown.Size(Archive.Bytes)}"),
        Line(Ledger.Files, "ledger entry", ""),
        Line(Ledger.Rejects, "reject", ""),
        Line(Ledger.Runs, "run", ""),
    ];

    public void WriteJson(Utf8JsonWriter json)
    {
        Write(json, "archive", Archive);
        json.WriteNumber("archiveBytes", Archive.Bytes);
        Write(json, "ledger", Ledger.Files);
        Write(json, "rejects", Ledger.Rejects);
        Write(json, "runs", Ledger.Runs);
        JsonText.Optional(json, "note", Note);
    }

    private static void Write(Utf8JsonWriter json, string name, Pruned pruned)
    {
        json.WriteNumber(name, pruned.Count);
        if (pruned.OldestUtc is { } oldest) json.WriteString(name + "OldestUtc", oldest);
    }

    private static string Line(Pruned pruned, string noun, string more)
    {
        bool isRegular = pruned.Count == 1 || !noun.EndsWith('y');
        string what = isRegular ? Shown.Count(pruned.Count, noun) : $"{Shown.Count(pruned.Count)} {noun[..^1]}ies";
        return what + more + (pruned.OldestUtc is { } oldest ? $", the oldest of {Shown.Utc(oldest)}" : "");
    }
}

/// <summary>
/// Removes old records and files beside a watch, five minutes after its start, so that one that is started again and again prunes too, and
/// then every hour. An error is a line in the log, and the next
/// round tries again. Disposing it waits for a round only shortly: what a round was doing is rolled back or stays done.
/// </summary>
internal sealed class HourlyPruning : IAsyncDisposable
{
    private static readonly TimeSpan s_first = TimeSpan.FromMinutes(5), s_hour = TimeSpan.FromHours(1),
        s_longestEnd = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _rounds;

    /// <param name="settings">The settings. Without a retention, nothing is done.</param>
    /// <param name="round">One round.</param>
    /// <param name="log">Gets a line for each round that removed something or failed.</param>
    /// <param name="time">The clock.</param>
    internal HourlyPruning(
        HostSettings settings, Func<DateTime, CancellationToken, Task<PrunedAll>> round, TextWriter log, TimeProvider time) =>
        _rounds = settings.Retention.IsSet ? Task.Run(() => RunAsync(settings.ShownSource, round, log, time)) : Task.CompletedTask;

    public static HourlyPruning Beside(HostSettings settings, TextWriter log) => new(
        settings, (now, token) => Pruning.RunAsync(settings, dryRun: false, now, token), log, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAny(_rounds, Task.Delay(s_longestEnd));
    }

    private async Task RunAsync(
        string source, Func<DateTime, CancellationToken, Task<PrunedAll>> round, TextWriter log, TimeProvider time)
    {
        try
        {
            for (TimeSpan pause = s_first; ; pause = s_hour)
            {
                await Task.Delay(pause, time, _stop.Token);
                string? line = await RoundAsync(source, round, time.GetUtcNow().UtcDateTime);
                if (line is not null) await log.WriteLineAsync(line);
            }
        }
        catch (OperationCanceledException)
        {
            // The watch ends.
        }
    }

    private async Task<string?> RoundAsync(string source, Func<DateTime, CancellationToken, Task<PrunedAll>> round, DateTime now)
    {
        try
        {
            PrunedAll pruned = await round(now, _stop.Token);
            return pruned.IsNothing ? pruned.Note : $"{Shown.Utc(now)} removed of {source}: {string.Join("; ", pruned.Lines)}";
        }
#pragma warning disable CA1031 // Whatever it is, the import goes on, and the next round tries again.
        catch (Exception error) when (error is not OperationCanceledException || !_stop.IsCancellationRequested)
#pragma warning restore CA1031
        {
            return $"dynamo: {Shown.Utc(now)} old records of {source} were not removed: {Secret.Free(Failure.Of(error, default).Message)}";
        }
    }
}
