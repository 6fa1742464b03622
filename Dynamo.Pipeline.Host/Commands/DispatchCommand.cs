namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo dispatch</c>: stays, and hands out files as they land to workers on this machine and others.</summary>
internal sealed class DispatchCommand(CommandContext context) : LiveCommand(
    Word, "Stays, and hands out files as they land to workers on several machines. Ctrl+C or SIGTERM ends it.",
    "No waves; only outages and what needs attention.", context)
{
    public const string Word = "dispatch";

    /// <summary>A dispatcher that waits looks this often whether it is its turn.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(1);

    public override string Examples => """
        Examples:
          dynamo dispatch --config dynamo.json
          dynamo dispatch --config dynamo.json --listen 8080
          dynamo dispatch --source sftp://loggers@files.example.org/out --sink sqlserver --after archive
        """;

    protected override void Check(HostSettings source)
    {
        QueueSettings.Checked(source);
        _ = Composition.Source(source, mustBeThere: false);
        _ = ScaleOutSink.Dispatcher(source);
    }

    protected override async Task<PipelineResult> ImportAsync(LiveImport import)
    {
        HostSettings settings = import.Settings;
        QueueOptions queue = QueueSettings.Checked(settings);
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        await using SqlServerSink<Reading> sink = ScaleOutSink.Dispatcher(settings);
        await using HourlyPruning pruning = HourlyPruning.Beside(settings, Console.Error);
        await using var workers = new QueueWorkers(queue, source.Name, settings.Watch.FreshFor, import.Told.Report);
        workers.RunId = () => sink.RunId;
        import.Board?.Workers = workers;
        workers.Start();
        FilePipeline<Reading> pipeline = FilePipeline
            .From(source)
            .HandOut(workers, sink, settings.Pipeline with { Settings = settings.Text, FilesPerMessage = queue.ChunkFiles })
            .Telling(import.Told.Committed);
        // Readings go past it; what the workers have written is in the database.
        import.Areas?.LookAgain(import.Stopping);
        return await ScaleOutSink.WhileItWorksAsync(workers, async stopping =>
        {
            bool isTold = false;
            while (true)
            {
                using var lost = CancellationTokenSource.CreateLinkedTokenSource(stopping);
                Task losing = LosesAsync(sink, lost);
                try
                {
                    PipelineResult result = await InTurns.WatchAsync(pipeline, import with { Stopping = lost.Token }, source.Name);
                    if (stopping.IsCancellationRequested || !lost.IsCancellationRequested)
                        return result;
                    Say(import, "Another dispatcher has taken the source, because this one did not renew its claim; it waits now.");
                    isTold = true;
                }
                catch (AlreadyRunningException error)
                {
                    if (stopping.IsCancellationRequested) return Nothing;
                    if (!isTold) Say(import, $"{error.Message} This dispatcher waits, and takes over.");
                    isTold = true;
                }
                finally
                {
                    await lost.CancelAsync();
                    await losing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                await Task.Delay(s_soon, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (stopping.IsCancellationRequested) return Nothing;
            }
        }, import.Stopping);
    }

    private static PipelineResult Nothing => new(new RunBooks(), TimeSpan.Zero, false, []);

    private static void Say(LiveImport import, string what) =>
        import.Context.Error.WriteLine($"{Shown.Utc(DateTime.UtcNow)} {Secret.Free(what)}");

    /// <summary>Ends the import when another dispatcher has taken the source.</summary>
    private static async Task LosesAsync(SqlServerSink<Reading> sink, CancellationTokenSource import)
    {
        while (!import.IsCancellationRequested)
        {
            await Task.Delay(s_soon, import.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (sink.LeaseLost.IsCancellationRequested) await import.CancelAsync();
        }
    }
}
