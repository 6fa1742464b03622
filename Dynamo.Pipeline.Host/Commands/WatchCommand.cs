using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo watch</c>: stays, and imports files as they land.</summary>
internal sealed class WatchCommand : Command, ISettingsCommand, IExamples
{
    public const string Word = "watch";

    private readonly Option<string?> _for = ValueOption.Named(
        "--for", "TIME", "Stop after this time, such as 90s, 2h or 7d. Default: never.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line on stdout, nothing else there." };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No waves; only outages and what needs attention." };

    public WatchCommand(CommandContext context)
        : base(Word, "Stays, and imports files as they land. Ctrl+C or SIGTERM ends it.")
    {
        Settings = new SettingOptions(this);
        Options.Add(_for);
        Options.Add(_json);
        Options.Add(_quiet);
        SetAction((parsed, _) => WatchAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo watch --source inbox --sink sqlite:readings.db --after archive
          dynamo watch --config dynamo.json --json
          dynamo watch --source sftp://loggers@files.example.org/out --sink sqlite:readings.db --after archive
          dynamo watch --source inbox --sink sqlite:readings.db --for 1h
        """;

    private async Task<int> WatchAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping);
        if (Duration(parsed) is { } time) stop.CancelAfter(time);
        using var again = new SettingsAgain(() => Checked(Settings.ReadAll(parsed)), context);
        while (true)
        {
            int code = await WatchAsync(settings, parsed, context, again.Until(stop.Token));
            if (stop.IsCancellationRequested || again.Take() is not { } changed) return code;
            settings = changed;
        }
    }

    /// <summary>
    /// Finds what can be found without source and sink, so that a watch is not stopped for settings that end the next one.
    /// </summary>
    /// <exception cref="SettingsException">Something is wrong.</exception>
    private static HostSettings Checked(HostSettings settings)
    {
        ObserveSettings.Check(settings.Observe);
        foreach (HostSettings source in SeveralSources.Of(settings))
        {
            // They open nothing until they are used.
            _ = Composition.Source(source, mustBeThere: false);
            _ = Composition.Format(source);
            _ = Composition.Store(source).Sink();
        }
        return settings;
    }

    private async Task<int> WatchAsync(HostSettings settings, ParseResult parsed, CommandContext context, CancellationToken until)
    {
        IReadOnlyList<HostSettings> sources = SeveralSources.Of(settings);
        context.StopWithin(settings.Pipeline.StopDeadline);
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(until);
        using ServiceNotice? service = ServiceNotice.Begin(sources.Count, settings.Pipeline.StallTimeout);
        using CancellationTokenRegistration stopping = context.Stopping.Register(() => service?.Stopping());
        await using Observation? observed = await Observation.BeginAsync(Word, settings, context.Error);
        if (observed?.Address is { } address) context.Error.WriteLine($"The status page: {address}");
        // A source that fails for good stops the others, so that somebody notices. An outage does not.
        Task<ExitCode>[] watches = [.. sources.Select(source => Task.Run(async () =>
        {
            try
            {
                IWatchReport report = WatchReport.For(context, source, sources.Count > 1, json, quiet);
                return await WatchAsync(source, report, service, observed, context, stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }))];
        await ((Task)Task.WhenAll(watches)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (watches.FirstOrDefault(watch => watch.IsFaulted) is { } failed) await failed;
        return (int)watches.Max(watch => watch.Result);
    }

    private static async Task<ExitCode> WatchAsync(
        HostSettings settings, IWatchReport to, ServiceNotice? service, Observation? observed, CommandContext context,
        CancellationToken stopping)
    {
        SourceBoard? board = observed?.Add(settings);
        settings = observed?.Logged(settings) ?? settings;
        var told = new Told(to, service, settings.SourceName, board);
        await using IWatchReport report = to;
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        await using IBatchSink<Reading> sink = Composition.Store(settings).Sink();
        await using HourlyPruning pruning = HourlyPruning.Beside(settings, Console.Error);
        try
        {
            FilePipeline<Reading> pipeline = FilePipeline
                .From(source)
                .Read(Composition.Format(settings))
                .WriteTo(sink, settings.Pipeline with { Settings = settings.Text });
            if (board is not null) pipeline = pipeline.Telling(board.Committed);
            PipelineResult result = await InTurnsAsync(pipeline, settings, source.Name, told, context, stopping);
            // Stopped is how a watch ends. Cancelled is one that had read what it could not write.
            bool isLeft = result.WasCancelled && result.Books.Listed > result.Books.FilesDone;
            ExitCode code = isLeft ? ExitCode.Cancelled : ExitCode.Ok;
            report.Stopped(result, code, null);
            board?.Ended();
            return code;
        }
        catch (PipelineException error) when (error.Result is { } result)
        {
            Failure failure = Failure.Of(error, context.Stopping);
            report.Stopped(result, failure.Code, failure.Message);
            board?.Failed(error, failure.Message);
            throw new ReportedException(failure);
        }
    }

    /// <summary>Watches until it is stopped, and lets commands in that ask for the source: what was read is written first.</summary>
    private static async Task<PipelineResult> InTurnsAsync(
        FilePipeline<Reading> pipeline, HostSettings settings, string source, Told told, CommandContext context, CancellationToken stopping)
    {
        IStore store = Composition.Store(settings);
        PipelineResult? before = null;
        while (true)
        {
            using var watch = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            Task<bool> turns = Turns.WatchAsync(store, source, watch);
            PipelineResult result;
            try
            {
                result = await WatchAsync(watch.Token);
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

        async Task<PipelineResult> WatchAsync(CancellationToken until)
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

    /// <exception cref="SettingsException">It is no duration, or too long for a timer.</exception>
    private TimeSpan? Duration(ParseResult parsed)
    {
        if (parsed.GetValue(_for) is not { } text) return null;
        var problems = new List<SettingProblem>();
        TimeSpan time = ValueOption.Apply(parsed, _for, "a duration such as 90s, 2h or 7d, below 24 days", TimeSpan.Zero, (_, value) =>
            SettingText.Duration(value) is var given && given > TimeSpan.Zero && given.TotalMilliseconds < int.MaxValue
                ? given : throw new FormatException(), problems);
        return problems.Count == 0 ? time : throw new SettingsException(problems);
    }

    /// <summary>
    /// SIGHUP: the settings are read again. Good ones end the watch that is under way, so that the next one takes them; wrong ones are
    /// refused by name, and the watch goes on. Thread-safe.
    /// </summary>
    private sealed class SettingsAgain : IDisposable
    {
        private readonly Lock _gate = new();
        private readonly Func<HostSettings> _read;
        private CancellationTokenSource? _watch;
        private HostSettings? _next;

        public SettingsAgain(Func<HostSettings> read, CommandContext context)
        {
            _read = read;
            context.OnHangUp(Read);
        }

        /// <summary>A token that ends with the one given, and when there are other settings.</summary>
        public CancellationToken Until(CancellationToken stopping)
        {
            lock (_gate)
            {
                _watch?.Dispose();
                _watch = CancellationTokenSource.CreateLinkedTokenSource(stopping);
                if (_next is not null) _watch.Cancel();
                return _watch.Token;
            }
        }

        /// <summary>The settings that came since the last call, if any did.</summary>
        public HostSettings? Take()
        {
            lock (_gate)
            {
                HostSettings? next = _next;
                _next = null;
                return next;
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _watch?.Dispose();
                _watch = null;
            }
        }

        private void Read()
        {
            lock (_gate)
            {
                if (_watch is null) return;
                string now = Shown.Utc(DateTime.UtcNow);
                try
                {
                    _next = _read();
                    Console.Error.WriteLine($"{now} The settings are read again: what is under way is written, then they hold.");
                    _watch.Cancel();
                }
                catch (SettingsException error)
                {
                    Console.Error.WriteLine(
                        $"{now} The settings are not taken, and those of before still hold. {Secret.Free(error.Message)}");
                }
            }
        }
    }

    /// <summary>Whoever watches, and the service manager.</summary>
    private sealed class Told(IWatchReport report, ServiceNotice? service, string source, SourceBoard? board)
        : IProgress<WatchEvent>, IProgress<PipelineProgress>
    {
        public void Report(WatchEvent value)
        {
            report.Report(value);
            service?.Report(source, value);
            board?.Report(value);
        }

        public void Report(PipelineProgress value)
        {
            report.Report(value);
            service?.Report(source, value);
            board?.Report(value);
        }
    }
}
