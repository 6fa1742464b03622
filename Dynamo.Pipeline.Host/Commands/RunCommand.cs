using System.CommandLine;
using System.Text.Json;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// <c>dynamo run</c>: one pass over the source, then exit.
/// This folder has one class for each command: it declares the options, lets the other rooms do the work and prints their report.
/// </summary>
internal sealed class RunCommand : Command, ISettingsCommand, IExamples
{
    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Read everything and show what would be loaded; change neither source nor sink.",
    };

    private readonly Option<string?> _trace = ValueOption.Named(
        "--trace", "FILE", "Record what readers and writers do, and when, into a file for chrome://tracing or ui.perfetto.dev.");

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout, nothing else there." };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress; on success, no report either." };

    public RunCommand(CommandContext context)
        : base("run", "Imports what is in the source, once.")
    {
        Settings = new SettingOptions(this);
        Options.Add(_dryRun);
        Options.Add(_trace);
        Options.Add(_json);
        Options.Add(_quiet);
        SetAction((parsed, _) => RunAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo run --source inbox --sink sqlite:readings.db
          dynamo run --source inbox --sink sqlite:readings.db --after archive --recursive
          dynamo run --config dynamo.json --readers 8 --json
          dynamo run --source inbox --dry-run
          dynamo run --source inbox --settings dynamo-tune/settings.json
          dynamo run --source inbox --trace run.trace.json
          dynamo run --source sftp://loggers@files.example.org/out --sink sqlite:readings.db --after archive
        """;

    private async Task<int> RunAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.ReadAll(parsed).WithSource();
        context.StopWithin(settings.Pipeline.StopDeadline);
        await using Observation? observed = await Observation.BeginAsync("run", settings, context.Error);
        if (observed?.Address is { } address) context.Error.WriteLine($"The status page: {address}");
        if (settings.Sources.Count > 0) return (int)await RunEachAsync(settings, parsed, observed, context);
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet);
        bool dryRun = parsed.GetValue(_dryRun);
        using RunTrace? trace = RunTrace.To(parsed.GetValue(_trace));
        if (trace is not null) settings = settings with { Pipeline = settings.Pipeline with { Trace = trace.Recorder } };
        IStore store = Composition.Store(settings);
        var report = new RunReport(settings, store, dryRun);
        try
        {
            PipelineResult result =
                await ImportAsync(settings, store, dryRun, json || quiet ? null : context, context, observed, report.Bursts);
            report.InQuarantine = await InQuarantineAsync(settings, result, dryRun, context.Stopping);
            ExitCode code = report.CodeOf(result);
            if (json) context.Out.WriteLine(RunJson.Of(report, result, code, null));
            else if (!quiet || code != ExitCode.Ok) report.Write(context.Out, result);
            return (int)code;
        }
        catch (PipelineException error) when (error.Result is { } result)
        {
            Failure failure = Failure.Of(error, context.Stopping);
            if (json) context.Out.WriteLine(RunJson.Of(report, result, failure.Code, failure.Message));
            else report.Write(context.Out, result, failed: true);
            throw new ReportedException(failure);
        }
    }

    /// <summary>One pass over each of several sources. One that fails leaves the others alone; the worst exit code counts.</summary>
    private async Task<ExitCode> RunEachAsync(HostSettings settings, ParseResult parsed, Observation? observed, CommandContext context)
    {
        bool json = parsed.GetValue(_json), quiet = parsed.GetValue(_quiet), dryRun = parsed.GetValue(_dryRun);
        if (parsed.GetValue(_trace) is not null)
            throw new SettingsException("--trace", $"it records one source, and {SeveralSources.Key} has several. Name one with --source.");
        var worst = ExitCode.Ok;
        var sources = new List<Action<Utf8JsonWriter>>();
        foreach (HostSettings source in SeveralSources.Of(settings))
        {
            if (context.Stopping.IsCancellationRequested) break;
            IStore store = Composition.Store(source);
            var report = new RunReport(source, store, dryRun) { IsOneOfSeveral = true };
            ExitCode code;
            try
            {
                PipelineResult result =
                    await ImportAsync(source, store, dryRun, json || quiet ? null : context, context, observed, report.Bursts);
                report.InQuarantine = await InQuarantineAsync(source, result, dryRun, context.Stopping);
                code = report.CodeOf(result);
                sources.Add(members => RunJson.Write(members, report, result, code, null));
                if (!json && (!quiet || code != ExitCode.Ok)) report.Write(context.Out, result);
            }
            catch (Exception error) when (error is PipelineException or SettingsException or OperationCanceledException)
            {
                Failure failure = Failure.Of(error, context.Stopping);
                code = failure.Code;
                PipelineResult? result = (error as PipelineException)?.Result;
                if (result is null) sources.Add(members => failure.WriteJson(members, source.SourceName));
                else sources.Add(members => RunJson.Write(members, report, result, code, failure.Message));
                if (!json && result is not null) report.Write(context.Out, result, failed: true);
                context.Error.WriteLine($"dynamo: {source.ShownSource}: {Secret.Free(failure.Message)}");
            }
            if (code > worst) worst = code;
        }
        if (context.Stopping.IsCancellationRequested) worst = ExitCode.Cancelled;
        if (json) context.Out.WriteLine(JsonText.OfSources(sources, members => members.WriteNumber("exitCode", (int)worst)));
        return worst;
    }

    /// <summary>
    /// Asks for the files in quarantine if there is nothing else to tell, as nothing new does not mean that all is well. What is
    /// imported is imported, so an error here is none of the run.
    /// </summary>
    private static async Task<long?> InQuarantineAsync(
        HostSettings settings, PipelineResult result, bool dryRun, CancellationToken cancellationToken)
    {
        bool isNothingNew = result.Books.Listed == result.Books.AlreadyLoaded;
        if (dryRun || result.WasCancelled || !(isNothingNew || settings.QuarantineAlarm)) return null;
        try
        {
            return await Composition.Ledger(settings).CountQuarantinedAsync(settings.SourceName, cancellationToken);
        }
        catch (Exception error) when (error is SinkException or OperationCanceledException)
        {
            return null;
        }
    }

    internal static async Task<PipelineResult> ImportAsync(
        HostSettings settings, IStore store, bool dryRun, CommandContext? shown, CommandContext context, Observation? observed = null,
        List<AreaEvent>? bursts = null)
    {
        SourceBoard? board = observed?.Add(settings);
        settings = observed?.Logged(settings) ?? settings;
        await using IFileSource origin = dryRun ? Composition.Untouched(settings) : Composition.Source(settings);
        IFileSource source = dryRun ? new ReadOnlySource(origin) : origin;
        await using IBatchSink<Reading> sink = dryRun ? new DryRunSink(store) : store.Sink();
        await using IRunProgress? progress = shown is null ? null : RunProgress.For(shown);
        FilePipeline<Reading> pipeline = FilePipeline
            .From(source)
            .Read(Composition.Format(settings))
            .WriteTo(sink, settings.Pipeline with { Settings = settings.Text });
        await using AreaAnalysis? areas = dryRun || bursts is null ? null : AreaAnalysis.For(settings, Told, context.Error);
        observed?.LookAt(areas);
        if (areas is not null) pipeline = areas.Beside(pipeline);
        PipelineResult result = board is null
            ? await pipeline.RunAsync(progress, context.Stopping)
            : await board.RunAsync(pipeline, progress, context.Stopping);
        if (areas is not null && !result.WasCancelled) await areas.CatchUpAsync(context.Stopping);
        if (origin is SftpSource { ClockOffset: { } offset } server && offset.Duration() > server.Options.ClockSkew)
        {
            context.Error.WriteLine($"dynamo: the server's clock is {Shown.Time(offset.Duration())} "
                + $"{(offset < TimeSpan.Zero ? "behind" : "ahead of")} this machine's. That is taken into account; set one of them right.");
        }
        return result;

        void Told(AreaEvent told)
        {
            bursts.Add(told);
            observed?.Tell(told);
        }
    }
}
