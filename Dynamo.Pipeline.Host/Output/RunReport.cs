using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>What a run did, for a tired reader: first the numbers, then what needs attention and why, then what to do.</summary>
internal sealed class RunReport(HostSettings settings, IStore store, bool isDryRun)
{
    private const int ShownFiles = 20;

    public string SourceName { get; } = settings.SourceName;

    public string SinkName => store.Name;

    public bool IsDryRun => isDryRun;

    /// <summary>Whether other sources have reports of their own. The commands that come next take one source.</summary>
    public bool IsOneOfSeveral { get; init; }

    /// <summary>Commands to copy beside those that the result asks for. Default none.</summary>
    public IReadOnlyList<(string Command, string What)> Next { get; init; } = [];

    /// <summary>How many files of the source are in quarantine, new and old; <see langword="null"/> if that was not asked.</summary>
    public long? InQuarantine { get; set; }

    public static ExitCode Code(PipelineResult result) => result switch
    {
        { WasCancelled: true } => ExitCode.Cancelled,
        { Books: { Quarantined: > 0 } or { RowsRejected: > 0 } } => ExitCode.DoneWithBadData,
        _ => ExitCode.Ok,
    };

    /// <summary>The events of areas that are new or have another state.</summary>
    public List<AreaEvent> Bursts { get; } = [];

    /// <summary>The exit code of the run, which also depends on what is in quarantine if that is set.</summary>
    public ExitCode CodeOf(PipelineResult result) => Code(result) is var code && code == ExitCode.Ok
        && settings.QuarantineAlarm && InQuarantine > 0 ? ExitCode.DoneWithBadData : code;

    public void Write(TextWriter to, PipelineResult result, bool failed = false)
    {
        RunBooks books = result.Books;
        to.WriteLine(Headline(result, failed));
        if (books.Listed == 0 && !failed)
        {
            string where = settings.Folder.Recursive ? "folders below included" : "not in folders below (--recursive does)";
            to.WriteLine($"  Looked for {settings.Folder.Pattern}, {where}.");
        }
        if (InQuarantine - books.Quarantined - books.AlreadyQuarantined is { } older and > 0)
            to.WriteLine($"  {Shown.Count(older, "file")} of earlier runs {(older == 1 ? "is" : "are")} still in quarantine.");
        if (books.Listed > 0 && !IsNothingNew(result)) WriteBooks(to, books);
        if (result.LastRetry is { } why)
            to.WriteLine($"  {Shown.Count(result.Retries, "further attempt")}, the last since {Shown.Name(Secret.Free(why))}");
        WriteNotable(to, result);
        EventText.Write(to, Bursts);
        if (failed || IsOneOfSeveral) return;
        bool isDone = !result.WasCancelled && !isDryRun;
        NextSteps.Write(to, [
            .. isDone ? NextSteps.Look(settings, result) : [], .. Bursts.Count > 0 ? NextSteps.Events(settings) : [], .. Next,
                .. isDone ? NextSteps.After(settings, result, InQuarantine ?? 0) : []]);
    }

    private static bool IsNothingNew(PipelineResult result) =>
        result.Books.Listed == result.Books.AlreadyLoaded && !result.WasCancelled;

    private string Headline(PipelineResult result, bool failed)
    {
        RunBooks books = result.Books;
        string from = settings.ShownSource, into = store.Shown, time = Shown.Time(result.Elapsed);
        if (failed)
            return $"Not finished after {time}: {from} into {into}. What is counted as loaded is safe; the next run imports the rest.";
        if (result.WasCancelled)
            return $"Stopped after {time}: {from} into {into}. "
                + $"What was read is {(isDryRun ? "counted" : "committed")}; the next run imports the rest.";
        if (books.Listed == 0) return $"Nothing to import: no file in {from}.";
        if (IsNothingNew(result))
        {
            string all = books.Listed == 1 ? "its one file is" : $"all {Shown.Count(books.Listed)} files are";
            return $"Nothing new in {from}: {all} already in {into}{KnownBad(books)}. ({time})";
        }
        if (books.Loaded == 0) return $"Nothing new was loaded from {from} into {into}. ({time})";
        return isDryRun
            ? $"Dry run, nothing was changed: {from} into {into} in {time} would be"
            : $"Imported {from} into {into} in {time}.";
    }

    private static string KnownBad(RunBooks books) =>
        books.AlreadyQuarantined == 0 ? "" : $", {Shown.Count(books.AlreadyQuarantined)} of them in quarantine";

    private void WriteBooks(TextWriter to, RunBooks books)
    {
        to.WriteLine();
        string files = Parts(
            (books.Loaded, "loaded"),
            (books.AlreadyLoaded, "already loaded"),
            (books.Quarantined, "quarantined"),
            (books.Deferred, "deferred"));
        string rows = isDryRun
            ? Parts((books.RowsRead - books.RowsRejected, "good"), (books.RowsRejected, "rejected"))
            : Parts(
                (books.RowsInserted, "new"),
                (books.RowsUpdated, "replaced"),
                (books.RowsUnchanged, "already there"),
                (books.RowsRejected, "rejected"));
        to.WriteLine($"  files {Shown.Count(books.Listed),12}   {files}");
        to.WriteLine($"  rows  {Shown.Count(books.RowsRead),12}   {rows}");
        WriteUnusual(to, books);
    }

    private static void WriteUnusual(TextWriter to, RunBooks books)
    {
        if (books.RowsSkipped > 0) to.WriteLine($"  no value {Shown.Count(books.RowsSkipped),9}   skipped, as the format says");
        if (books.RowsCollided > 0)
            to.WriteLine($"  collided {Shown.Count(books.RowsCollided),9}   had the key of an earlier row of their file");
        if (books.RowsFlagged > 0) to.WriteLine($"  doubtful {Shown.Count(books.RowsFlagged),9}   loaded and flagged, as the format says");
    }

    private static string Parts(params (long Count, string What)[] parts)
    {
        string text = string.Join(", ", parts.Where(part => part.Count > 0).Select(part => $"{Shown.Count(part.Count)} {part.What}"));
        return text.Length == 0 ? "none" : text;
    }

    private void WriteNotable(TextWriter to, PipelineResult result)
    {
        FileResult[] With(FileOutcome outcome) => [.. result.Notable.Where(file => file.Outcome == outcome)];
        WriteFiles(to, With(FileOutcome.Quarantined), result.Books.Quarantined, n =>
            $"{Shown.Count(n, "file")} {(isDryRun ? "would go" : "went")} into quarantine, none of {Its(n)} rows loaded:");
        FileResult[] rejected = [.. With(FileOutcome.Loaded).Where(file => file.Rejected > 0)];
        WriteFiles(to, rejected, rejected.Length, n =>
            $"{Shown.Count(n, "file")} {(isDryRun ? "would be" : n == 1 ? "was" : "were")} loaded without {Its(n)} bad rows:");
        WriteCollided(to, [.. With(FileOutcome.Loaded).Where(file => file.Collided > 0)]);
        WriteFlagged(to, [.. With(FileOutcome.Loaded).Where(file => file.Flagged > 0)]);
        WriteFiles(to, With(FileOutcome.Deferred), result.Books.Deferred, n => $"{Shown.Count(n, "file")} left for the next run:");
    }

    private static string Its(long files) => files == 1 ? "its" : "their";

    private static void WriteCollided(TextWriter to, FileResult[] collided)
    {
        if (collided.Length == 0) return;
        to.WriteLine();
        to.WriteLine($"{Shown.Count(collided.Length, "file")} with readings of the same logger, channel and time, of which one is left. "
            + "A format that takes the wrong columns looks like that:");
        foreach (FileResult file in collided.OrderByDescending(file => file.Collided).Take(ShownFiles))
        {
            long rows = file.Inserted + file.Updated + file.Unchanged + file.Rejected;
            to.WriteLine($"  {Shown.Name(file.File.Path)}: {Shown.Count(file.Collided)} of {Shown.Count(rows)} rows replaced each other");
        }
    }

    private static void WriteFlagged(TextWriter to, FileResult[] flagged)
    {
        if (flagged.Length == 0) return;
        to.WriteLine();
        to.WriteLine($"{Shown.Count(flagged.Length, "file")} with doubtful readings, which were loaded:");
        foreach (FileResult file in flagged.OrderBy(file => file.File.Path, StringComparer.Ordinal).Take(ShownFiles))
            to.WriteLine($"  {Shown.Name(file.File.Path)}: {Shown.Count(file.Flagged)}, the first: {file.Flags[0]}");
    }

    private static void WriteFiles(TextWriter to, FileResult[] files, long count, Func<long, string> title)
    {
        if (files.Length == 0) return;
        to.WriteLine();
        to.WriteLine(title(count));
        foreach (FileResult file in files.OrderBy(file => file.File.Path, StringComparer.Ordinal).Take(ShownFiles))
        {
            to.WriteLine($"  {Shown.Name(file.File.Path)}");
            bool isLoaded = file.Outcome == FileOutcome.Loaded;
            foreach (Defect defect in isLoaded ? file.Rejects : [file.Defect ?? new Defect("no reason was given")])
                to.WriteLine($"    {defect}");
            if (isLoaded && file.Rejected > file.Rejects.Count)
                to.WriteLine($"    … {Shown.Count(file.Rejected - file.Rejects.Count)} more");
        }
        if (count > ShownFiles) to.WriteLine($"  … {Shown.Count(count - ShownFiles, "more file")}");
    }
}
