using System.CommandLine;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the commands that stay have in common: they are told when to stop and when to read their settings again, say what happens, and tell
/// the service manager and whoever looks on.
/// </summary>
internal abstract class LiveCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<string?> _for = ValueOption.Named(
        "--for", "TIME", "Stop after this time, such as 90s, 2h or 7d. Default: never.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line on stdout, nothing else there." };
    private readonly Option<bool> _quiet;

    protected LiveCommand(string name, string description, string quiet, CommandContext context) : base(name, description)
    {
        _quiet = new Option<bool>("--quiet") { Description = quiet };
        Settings = new SettingOptions(this);
        Options.Add(_for);
        Options.Add(_json);
        Options.Add(_quiet);
        SetAction((parsed, _) => StayAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public abstract string Examples { get; }

    /// <summary>
    /// Finds what can be found without source and sink, so that what is under way is not stopped for settings that end the next one.
    /// </summary>
    /// <exception cref="SettingsException">Something is wrong.</exception>
    protected abstract void Check(HostSettings source);

    /// <summary>Whether it looks after the areas in the settings.</summary>
    protected virtual bool LooksAfterAreas => true;

    /// <summary>Imports one source until it is stopped.</summary>
    protected abstract Task<PipelineResult> ImportAsync(LiveImport import);

    private async Task<int> StayAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping);
        if (Duration(parsed) is { } time) stop.CancelAfter(time);
        using var again = new SettingsAgain(() => Checked(Settings.ReadAll(parsed)), context);
        while (true)
        {
            int code = await StayAsync(settings, parsed, context, again.Until(stop.Token));
            if (stop.IsCancellationRequested || again.Take() is not { } changed) return code;
            settings = changed;
        }
    }

    private HostSettings Checked(HostSettings settings)
    {
        ObserveSettings.Check(settings.Observe);
        foreach (HostSettings source in SeveralSources.Of(settings)) Check(source);
        return settings;
    }

    private async Task<int> StayAsync(HostSettings settings, ParseResult parsed, CommandContext context, CancellationToken until)
    {
        IReadOnlyList<HostSettings> sources = SeveralSources.Of(settings);
        context.StopWithin(settings.Pipeline.StopDeadline);
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(until);
        using ServiceNotice? service = ServiceNotice.Begin(sources.Count, settings.Pipeline.StallTimeout);
        using CancellationTokenRegistration stopping = context.Stopping.Register(() => service?.Stopping());
        await using Observation? observed = await Observation.BeginAsync(Name, settings, context.Error);
        if (observed?.Address is { } address) context.Error.WriteLine($"The status page: {address}");
        await using AreaAnalysis? areas = LooksAfterAreas
            ? AreaAnalysis.For(settings, told => Tell(told, json, observed, context), Console.Error) : null;
        observed?.LookAt(areas);
        Task begun = areas?.BeginAsync(stop.Token) ?? Task.CompletedTask;
        // A source that fails for good stops the others, so that somebody notices. An outage does not.
        Task<ExitCode>[] watches = [.. sources.Select(source => Task.Run(async () =>
        {
            try
            {
                IWatchReport report = WatchReport.For(context, source, sources.Count > 1, json, quiet);
                return await StayAsync(source, report, service, observed, areas, context, stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }))];
        await ((Task)Task.WhenAll(watches)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await begun.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (watches.FirstOrDefault(watch => watch.IsFaulted) is { } failed) await failed;
        return (int)watches.Max(watch => watch.Result);
    }

    private async Task<ExitCode> StayAsync(
        HostSettings settings, IWatchReport to, ServiceNotice? service, Observation? observed, AreaAnalysis? areas, CommandContext context,
        CancellationToken stopping)
    {
        SourceBoard? board = observed?.Add(settings);
        settings = observed?.Logged(settings) ?? settings;
        var told = new LiveProgress(to, service, settings.SourceName, board);
        await using IWatchReport report = to;
        try
        {
            PipelineResult result = await ImportAsync(new LiveImport(settings, told, board, areas, context, stopping));
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

    /// <summary>An event of an area, on one line; with <c>--json</c> as the others are.</summary>
    private static void Tell(AreaEvent told, bool json, Observation? observed, CommandContext context)
    {
        observed?.Tell(told);
        string now = Shown.Utc(DateTime.UtcNow);
        if (!json)
        {
            if (DateTime.UtcNow - told.Event.Changed < EventText.News) Console.Error.WriteLine($"{now} {EventText.Line(told)}");
            return;
        }
        string text = JsonText.Of(members =>
        {
            members.WriteString("event", "burst");
            members.WriteString("atUtc", DateTime.UtcNow);
            EventText.Write(members, told);
        });
        lock (context.Out)
        {
            context.Out.WriteLine(text);
            context.Out.Flush();
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
}

/// <summary>One source of a command that stays.</summary>
/// <param name="Settings">The settings of the source.</param>
/// <param name="Told">Who is told what happens.</param>
/// <param name="Board">What the page shows of it; <see langword="null"/>: nobody looks on.</param>
/// <param name="Areas">The areas that are looked after; <see langword="null"/>: none.</param>
/// <param name="Context">The command's surroundings.</param>
/// <param name="Stopping">Ends it.</param>
internal sealed record LiveImport(
    HostSettings Settings, LiveProgress Told, SourceBoard? Board, AreaAnalysis? Areas, CommandContext Context, CancellationToken Stopping)
{
    /// <summary>
    /// A pipeline that tells of its commits: the page, whoever watches of what goes into quarantine, and those who look after areas.
    /// </summary>
    public FilePipeline<Reading> Telling(FilePipeline<Reading> pipeline) =>
        (Areas?.Beside(pipeline) ?? pipeline).Telling(Told.Committed);
}

/// <summary>Whoever watches, and the service manager. Told by one thread at a time.</summary>
internal sealed class LiveProgress(IWatchReport report, ServiceNotice? service, string source, SourceBoard? board)
    : IProgress<WatchEvent>, IProgress<PipelineProgress>
{
    /// <summary>Of so many bad files in a wave each has a line of its own. The line of the wave has their number.</summary>
    private const int MostQuarantined = 20;

    private readonly Lock _gate = new();
    private int _quarantined;

    public void Committed(CommittedBatch<Reading> batch)
    {
        foreach (FileResult result in batch.Results)
            if (result.Outcome == FileOutcome.Quarantined && Interlocked.Increment(ref _quarantined) <= MostQuarantined)
                report.Quarantined(result);
        board?.Committed(batch);
    }

    public void Report(WatchEvent value)
    {
        lock (_gate)
        {
            if (value is WaveCommitted) Volatile.Write(ref _quarantined, 0);
            report.Report(value);
            service?.Report(source, value);
            board?.Report(value);
        }
    }

    public void Report(PipelineProgress value)
    {
        lock (_gate)
        {
            report.Report(value);
            service?.Report(source, value);
            board?.Report(value);
        }
    }
}
