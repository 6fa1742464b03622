namespace Dynamo.Pipeline.Host;

/// <summary>A watch that lets other commands in that ask for its source; see <see cref="Turns"/>.</summary>
internal static class InTurns
{
    /// <summary>Watches until it is stopped, and lets commands in that ask for the source: what was read is written first.</summary>
    public static async Task<PipelineResult> WatchAsync(FilePipeline<Reading> pipeline, LiveImport import, string source)
    {
        (HostSettings settings, LiveProgress told, _, _, CommandContext context, CancellationToken stopping) = import;
        IStore store = Composition.Store(settings);
        PipelineResult? before = null;
        while (true)
        {
            using var watch = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            Task<bool> turns = Turns.WatchAsync(store, source, watch);
            PipelineResult result;
            try
            {
                result = await OneAsync(watch.Token);
            }
            finally
            {
                await watch.CancelAsync();
                await ((Task)turns).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            if (before is not null)
                result = result with { Books = before.Books.Plus(result.Books), Elapsed = before.Elapsed + result.Elapsed };
            if (stopping.IsCancellationRequested || !await turns) return result;
            context.Error.WriteLine(
                $"{Shown.Utc(DateTime.UtcNow)} Another command asks for {settings.ShownSource}; the watch goes on after it.");
            await Turns.AreOverAsync(store, source, stopping);
            if (stopping.IsCancellationRequested) return result;
            // What was left is listed again.
            before = result with { Books = result.Books with { Listed = result.Books.FilesDone } };
        }

        async Task<PipelineResult> OneAsync(CancellationToken until)
        {
            // A command may have come before the watch that gave others their turn.
            for (int left = before is null ? 0 : 100; ; left--)
            {
                try
                {
                    return await pipeline.WatchAsync(settings.Watch, told, told, until);
                }
                catch (AlreadyRunningException) when (left > 0)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(100), until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
    }
}
