using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>A line every few seconds, for logs. A short run writes none.</summary>
internal sealed class LogProgress(TextWriter to, TimeProvider time) : IRunProgress
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(5);
    private TimeSpan _next = s_every;

    public void Report(PipelineProgress value)
    {
        if (value.Elapsed < _next) return;
        _next = value.Elapsed + s_every;
        RunBooks books = value.Books;
        string listed = value.ListingDone ? Shown.Count(books.Listed) : $"{Shown.Count(books.Listed)} listed so far";
        string remaining = RunProgress.Remaining(value) is { } left ? $", about {Shown.Time(left)} left" : "";
        to.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Shown.Utc(time.GetUtcNow().UtcDateTime)} {Shown.Count(books.FilesDone)} of {listed} files, {Shown.Count(books.RowsRead)} rows, {RunProgress.FilesPerSecond(value):N0} files/s{remaining}"));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
