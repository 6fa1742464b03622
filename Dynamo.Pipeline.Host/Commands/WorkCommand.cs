namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo work</c>: stays, and imports what a dispatcher hands out.</summary>
internal sealed class WorkCommand(CommandContext context) : LiveCommand(
    Word,
    "Stays, and imports the files that dynamo dispatch hands out. Start as many as you like, on any machine. Ctrl+C or SIGTERM ends it.",
    "Only outages and what needs attention.", context)
{
    public const string Word = "work";

    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(1), s_longest = TimeSpan.FromSeconds(30);

    public override string Examples => """
        Examples:
          dynamo work --config dynamo.json
          dynamo work --config dynamo.json --listen 8081
          dynamo work --source sftp://loggers@files.example.org/out --sink sqlserver --after archive
        """;

    /// <summary>A worker sees a part of the readings only; the dispatcher looks after areas.</summary>
    protected override bool LooksAfterAreas => false;

    protected override void Check(HostSettings source)
    {
        QueueSettings.Checked(source);
        _ = Composition.Source(source, mustBeThere: false);
        _ = Composition.Format(source);
        _ = ScaleOutSink.Worker(source, 1);
    }

    protected override async Task<PipelineResult> ImportAsync(LiveImport import)
    {
        HostSettings settings = import.Settings;
        QueueOptions queue = QueueSettings.Checked(settings);
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        _ = ScaleOutSink.Worker(settings, 1);
        await using var chunks = new QueuedChunks(queue, source.Name, import.Told.Report);
        var told = new Waits(chunks, import.Told);
        chunks.Start();
        import.Told.Report(new WatchStarted(DateTime.UtcNow, source.Name, Composition.Store(settings).Name, IsTold: true));
        return await ScaleOutSink.WhileItWorksAsync(chunks, async stopping =>
        {
            PipelineResult? all = null;
            for (TimeSpan pause = s_first; ;)
            {
                try
                {
                    long run = await chunks.NextRunAsync(stopping);
                    await using SqlServerSink<Reading> sink = ScaleOutSink.Worker(settings, run);
                    FilePipeline<Reading> pipeline = import.Telling(FilePipeline
                        .From(source)
                        .Read(Composition.Format(settings))
                        .WriteTo(sink, settings.Pipeline with { Settings = settings.Text }));
                    PipelineResult result = await pipeline.WorkAsync(chunks.OfRunAsync(run, stopping), told, import.Told, stopping);
                    all = all is null ? result
                        : result with { Books = all.Books.Plus(result.Books), Elapsed = all.Elapsed + result.Elapsed };
                    pause = s_first;
                }
                catch (OperationCanceledException) when (stopping.IsCancellationRequested)
                {
                    // It waited for a chunk.
                }
                catch (PipelineException error) when (
                    error.InnerException is not SettingsException && error is not SinkException { IsFinal: true })
                {
                    // One file may be the reason. Others of this dispatcher are imported meanwhile, by this worker too.
                    import.Context.Error.WriteLine(
                        $"{Shown.Utc(DateTime.UtcNow)} The import failed and begins anew: {Secret.Free(error.Message)}");
                    await chunks.FailedAsync(error.Message);
                    await Task.Delay(pause, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    pause = 2 * pause < s_longest ? 2 * pause : s_longest;
                }
                if (stopping.IsCancellationRequested) return all ?? new PipelineResult(new RunBooks(), TimeSpan.Zero, false, []);
            }
        }, import.Stopping);
    }

    /// <summary>Tells the dispatcher what this worker waits for.</summary>
    private sealed class Waits(QueuedChunks chunks, IProgress<WatchEvent> others) : IProgress<WatchEvent>
    {
        public void Report(WatchEvent value)
        {
            if (value is OutageBegan outage) chunks.WaitsFor = Secret.Free(outage.Reason);
            else if (value is OutageEnded) chunks.WaitsFor = null;
            if (value is not WatchStarted) others.Report(value);
        }
    }
}
