namespace Dynamo.Pipeline.Host;

/// <summary>A progress display that lasts for one run.</summary>
internal interface IRunProgress : IProgress<PipelineProgress>, IAsyncDisposable;

internal static class RunProgress
{
    /// <summary>A bar where somebody watches, lines in a log otherwise.</summary>
    public static IRunProgress For(CommandContext context) => Console.IsOutputRedirected || Console.IsErrorRedirected
        ? new LogProgress(context.Error, TimeProvider.System)
        : new TerminalProgress();

    /// <summary>What is left, or <see langword="null"/> while that is not known.</summary>
    public static TimeSpan? Remaining(PipelineProgress progress)
    {
        long done = progress.Books.FilesDone, left = progress.Books.Listed - done;
        return !progress.ListingDone || done == 0 ? null : progress.Elapsed / done * left;
    }

    public static double FilesPerSecond(PipelineProgress progress) => progress.Books.FilesDone / Math.Max(0.001, progress.Elapsed.TotalSeconds);
}
