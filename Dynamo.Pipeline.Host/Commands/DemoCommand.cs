using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo demo</c>: writes sample files into a folder of its own, imports them, and says what to look at.</summary>
internal sealed class DemoCommand : Command, IExamples
{
    private const string Configuration = """
        {
          // What dynamo demo was run with. Paths start at the folder of this file.
          "source": "inbox",
          "sink": "sqlite:readings.db"
        }

        """;

    private readonly Option<string?> _to = ValueOption.Named(
        "--to", "DIR", "The folder for samples, configuration and database; nothing else is touched. Default: dynamo-demo");

    public DemoCommand(CommandContext context) : base("demo", "Imports 200 sample files in a new folder, and says what to look at.")
    {
        Options.Add(_to);
        SetAction((parsed, _) => ImportAsync(parsed.GetValue(_to) ?? "dynamo-demo", context));
    }

    public string Examples => """
        Examples:
          dynamo demo                imports samples into ./dynamo-demo; the exit code is 1, because three of them are bad on purpose
          dynamo demo --to demo
        """;

    private static async Task<int> ImportAsync(string folder, CommandContext context)
    {
        string config = Path.Join(folder, "dynamo.json");
        Write(folder, config, context.Stopping);
        var problems = new List<SettingProblem>();
        HostSettings settings = SettingLayer.FromFile(config).Apply(HostSettings.Default, problems) with { Files = [("--config", config)] };
        if (problems.Count > 0) throw new SettingsException(problems);
        IStore store = Composition.Store(settings);
        var report = new RunReport(settings, store, isDryRun: false)
        {
            Next =
            [
                (Pasted.Command("status", settings), "shows what was imported, and what is in quarantine"),
                (Pasted.Command("watch", settings) + " --listen 8080", "stays, and imports what lands; http://localhost:8080 shows it"),
                ($"{Pasted.Program} init", "writes the configuration for your own files"),
            ],
        };
        PipelineResult result = await RunCommand.ImportAsync(settings, store, dryRun: false, shown: null, context);
        report.Write(context.Out, result);
        return (int)report.CodeOf(result);
    }

    /// <exception cref="SettingsException">The folder holds something else, or cannot be written.</exception>
    private static void Write(string folder, string config, CancellationToken stopping)
    {
        if (File.Exists(config)) return;
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new SettingsException("--to", $"the folder {Shown.Name(folder)} holds something else. Name a new one.");
        try
        {
            new LoggerFiles(GenerateOptions.Samples(Path.Join(folder, "inbox"))).Write(cancellationToken: stopping);
            Folder.OwnFile.Write(config, Configuration);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SettingsException("--to", $"the samples cannot be written to {Shown.Name(folder)}: {error.Message}");
        }
    }
}
