using System.Globalization;
using System.Runtime.CompilerServices;
using Spectre.Console;

namespace Dynamo.Pipeline.Host;

/// <summary>A bar with files, rows, rate and remaining time. Appears after half a second, so that a short run does not even load it.</summary>
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
            RunBooks books = value.Books;
            string remaining = RunProgress.Remaining(value) is { } left ? $"{Shown.Time(left)} left" : "still listing";
            files.MaxValue = Math.Max(1, books.Listed);
            files.Value = books.FilesDone;
            files.Description = Markup.Escape(string.Create(CultureInfo.InvariantCulture,
                $"{Shown.Count(books.FilesDone)} of {Shown.Count(books.Listed)} files, {Shown.Count(books.RowsRead)} rows, {RunProgress.FilesPerSecond(value):N0} files/s, {remaining}"));
        }

        public async ValueTask DisposeAsync()
        {
            _done.SetResult();
            await _display;
        }
    }
}
