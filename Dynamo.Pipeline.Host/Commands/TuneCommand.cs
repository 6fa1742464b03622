using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo tune</c>: measures the source's files with many settings and recommends some.</summary>
internal sealed class TuneCommand : Command, ISettingsCommand, IExamples
{
    private readonly TuneOptions _sweep;
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout, nothing else there." };

    public TuneCommand(CommandContext context)
        : base("tune", "Measures which settings read your files fastest on this machine; changes nothing at the source.")
    {
        Settings = new SettingOptions(
            this, "source", "pattern", "recursive", "settle", "doneMarker", "sftp:identityFile", "sftp:knownHostsFile");
        _sweep = new TuneOptions(this);
        Options.Add(_json);
        SetAction((parsed, _) => TuneAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo tune --source inbox --quick                       an answer in under a minute
          dynamo tune --source inbox --out tuning                  the published experiment; repeat it after Ctrl+C to go on
          dynamo tune --source inbox --readers 1,2,4,auto --chunks 10,100,1000 --repeat 10
          dynamo tune --config dynamo.json --whole                 batch rows as well
        """;

    private async Task<int> TuneAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed);
        TuningGrid grid = _sweep.Grid(parsed);
        bool json = parsed.GetValue(_json);
        await using IFileSource source = Composition.Untouched(settings);
        var folder = new TuneFolder(_sweep.Folder(parsed));
        TuneProgress? progress = json ? null : new TuneProgress(context.Error);
        TuningResult result = await SweepAsync(source, settings, grid, folder, progress, context.Stopping);
        ExitCode code = result.WasCancelled ? ExitCode.Cancelled : ExitCode.Ok;
        if (result.Read is not null) folder.Write(result, settings);
        if (json)
            context.Out.WriteLine(TuneJson.Of(result, folder, code));
        else if (result.Files.Files == 0 && !result.WasCancelled)
            context.Out.WriteLine($"Nothing to measure: no complete file in {settings.ShownSource} is like {settings.Folder.Pattern}.");
        else
            TuneText.Write(context.Out, result, folder);
        return (int)code;
    }

    private static async Task<TuningResult> SweepAsync(
        IFileSource source, HostSettings settings, TuningGrid grid, TuneFolder folder, TuneProgress? progress, CancellationToken stopping)
    {
        using Measurements measurements = folder.OpenMeasurements();
        try
        {
            var sweep = new TuningSweep<Reading>(
                source, Composition.Format(settings), grid, settings.Pipeline, () => folder.NewDatabase(settings));
            return await sweep.RunAsync(measurements, progress, stopping);
        }
        catch (InvalidDataException error)
        {
            throw new SettingsException("--out", error.Message);
        }
        finally
        {
            progress?.Clear();
        }
    }
}
