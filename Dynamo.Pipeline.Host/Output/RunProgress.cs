using System.Runtime.CompilerServices;
using Spectre.Console;

namespace Dynamo.Pipeline.Host;

/// <summary>Shows the progress of one run.</summary>
internal interface IRunProgress : IProgress<PipelineProgress>, IAsyncDisposable;

internal static class RunProgress
{
    /// <summary>A bar on a terminal, lines in a log.</summary>
    public static IRunProgress For(CommandContext context) => Console.IsOutputRedirected || Console.IsErrorRedirected
        ? new LogProgress(context.Error, TimeProvider.System)
        : new TerminalProgress();

    /// <summary>The time that is left, or <see langword="null"/> while it is not known.</summary>
    public static TimeSpan? Remaining(PipelineProgress progress)
    {
        long done = progress.Books.FilesDone, left = progress.Books.Listed - done;
        return !progress.ListingDone || done == 0 ? null : progress.Elapsed / done * left;
    }

    /// <summary>
    /// Files, rows and rate: <c>120 of 27,000 files, 480 rows, 900 files/s</c>; while files are listed
    /// <c>120 files of 3,000 listed so far</c>, and <c>no file listed so far</c> before the first.
    /// </summary>
    public static string Counts(PipelineProgress progress)
    {
        RunBooks books = progress.Books;
        if (books.Listed == 0) return progress.ListingDone ? "no file listed" : "no file listed so far";
        string done = Shown.Count(books.FilesDone), listed = Shown.Count(books.Listed);
        string files = progress.ListingDone
            ? $"{done} of {Shown.Count(books.Listed, "file")}"
            : $"{Shown.Count(books.FilesDone, "file")} of {listed} listed so far";
        double rate = books.FilesDone / Math.Max(0.001, progress.Elapsed.TotalSeconds);
        return $"{files}, {Shown.Count(books.RowsRead, "row")}, {Shown.Count(rate)} files/s";
    }
}

/// <summary>A line every few seconds, for logs. A short run writes none.</summary>
internal sealed class LogProgress(TextWriter to, TimeProvider time) : IRunProgress
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(5);
    private readonly Standstill _standstill = new();
    private TimeSpan _next = s_every;
    private int _retries;

    public void Report(PipelineProgress value)
    {
        string? waiting = _standstill.Waiting(value);
        if (value.Elapsed < _next && value.Retries == _retries) return;
        _next = value.Elapsed + s_every;
        _retries = value.Retries;
        string remaining = RunProgress.Remaining(value) is { } left ? $", about {Shown.Time(left)} left" : "";
        string now = Shown.Utc(time.GetUtcNow().UtcDateTime);
        to.WriteLine($"{now} {RunProgress.Counts(value)}{remaining}{Standstill.Shown(waiting)}");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Tells what a run waits for that does not get on; a run that does waits as well, but only for moments.</summary>
internal sealed class Standstill
{
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(3);
    private long _done = -1;
    private TimeSpan _since;
    private int _retries;

    /// <returns>What is waited for, or why a batch is written again; <see langword="null"/> if the run gets on.</returns>
    public string? Waiting(PipelineProgress progress)
    {
        bool moved = progress.Books.FilesDone != _done;
        if (moved) (_done, _since) = (progress.Books.FilesDone, progress.Elapsed);
        bool again = progress.Retries > _retries;
        if (moved) _retries = progress.Retries;
        return again || progress.Elapsed - _since >= s_longest ? progress.Waiting : null;
    }

    public static string Shown(string? waiting) => waiting is null ? "" : $"; waiting: {Host.Shown.Name(Secret.Free(waiting))}";
}

/// <summary>
/// A bar with files, rows, rate and remaining time. It appears after half a second, so that a short run does not even load it.
/// </summary>
internal sealed class TerminalProgress : IRunProgress
{
    private static readonly TimeSpan s_after = TimeSpan.FromMilliseconds(500);
    private Bar? _bar;

    public void Report(PipelineProgress value)
    {
        if (value.Elapsed < s_after) return;
        Show(value);
    }

    public ValueTask DisposeAsync() => _bar is null ? ValueTask.CompletedTask : CloseAsync();

    [MethodImpl(MethodImplOptions.NoInlining)] // Spectre.Console is loaded with the first method that mentions it.
    private void Show(PipelineProgress value) => (_bar ??= new Bar()).Show(value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask CloseAsync() => _bar!.DisposeAsync();

    private sealed class Bar : IAsyncDisposable
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _display;
        private readonly Standstill _standstill = new();
        private ProgressTask? _files;

        public Bar() => _display = AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                _files = context.AddTask("listing");
                await _done.Task;
            });

        public void Show(PipelineProgress value)
        {
            if (_files is not { } files) return;
            string remaining = RunProgress.Remaining(value) is { } left ? $", {Shown.Time(left)} left" : "";
            files.MaxValue = Math.Max(1, value.Books.Listed);
            files.Value = value.Books.FilesDone;
            string waiting = Standstill.Shown(_standstill.Waiting(value));
            files.Description = Markup.Escape($"{RunProgress.Counts(value)}{remaining}{waiting}");
        }

        public async ValueTask DisposeAsync()
        {
            _done.SetResult();
            await _display;
        }
    }
}
