using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo init</c>: writes a commented configuration, from a few answers and a look at the files.</summary>
internal sealed class InitCommand : Command, IExamples, IServerCommand
{
    private readonly Option<string?> _source = ValueOption.Named("--source", "DIR|sftp://…", "Folder or server to import from.");
    private readonly Option<string?> _sink =
        ValueOption.Named("--sink", "sqlite:FILE|sqlserver", "Where the readings go. Default: sqlite:readings.db");

    private readonly Option<string?> _after =
        ValueOption.Named("--after", "keep|archive|delete", "What happens to a file once its rows are committed. Default: archive");

    private readonly Option<string?> _zone =
        ValueOption.Named("--zone", "ZONE", "The zone of timestamps without an offset, such as Europe/Brussels. Default: UTC");

    private readonly Option<string?> _identity = ValueOption.Named(
        "--identity", "FILE", "Private key for an sftp:// source. Default: ssh's own choice; if that is denied, a terminal asks for it.");

    private readonly Option<string?> _out = ValueOption.Named("--out", "FILE", "The configuration to write. Default: dynamo.json");

    /// <summary>Where the files are, once that is answered.</summary>
    private string? _address;

    public InitCommand(CommandContext context)
        : base("init", "Writes a commented configuration: asks on a terminal, and looks at the files that are there.")
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_source, _sink, _after, _zone, _identity, _out]) Options.Add(option);
        SetAction((parsed, _) => WriteAsync(parsed, context));
    }

    public string Examples => """
        Examples:
          dynamo init                                       asks three questions
          dynamo init --source inbox
          dynamo init --source sftp://loggers@files.example.org/out --after archive --out stations.json
        """;

    public string Address(ParseResult parsed) => _address ?? parsed.GetValue(_source) ?? "";

    private async Task<int> WriteAsync(ParseResult parsed, CommandContext context)
    {
        string path = parsed.GetValue(_out) ?? "dynamo.json";
        if (File.Exists(path))
            throw new SettingsException("--out", $"there is a file {Shown.Name(path)} already. Name another one, or move it away.");
        var questions = new Questions(parsed, context);
        string source = questions.Ask(_source, "source", "Where are the files? A folder, or sftp://USER@HOST/DIR", Inbox());
        _address = source;
        string sink = questions.Ask(_sink, "sink", "Where do the readings go? sqlite:FILE, or sqlserver", "sqlite:readings.db");
        string after = questions.Ask(_after, "after", "What happens to a file that is imported? keep, archive, delete", "archive");
        string? zone = parsed.GetValue(_zone), identity = parsed.GetValue(_identity);
        if (identity is not null && !SampleSet.IsRemote(source))
            throw new SettingsException("--identity", "it is the key for a server; the source is a folder.");
        InferReport? looked;
        while (true)
        {
            try
            {
                looked = await LookAsync(source, zone, identity, context);
                break;
            }
            catch (SourceException denied) when (
                denied.Message.Contains(SshDiagnosis.Denied, StringComparison.Ordinal) && questions.AskIdentity(denied.Message) is { } file)
            {
                identity = file;
            }
        }
        if (zone is null && looked?.NeedsZone == true && questions.AskZone() is { } told)
            looked = await LookAsync(source, told, identity, context);
        // A folder that is yet to be made is one as well.
        (string, string)[] answers = [
            ("source", From(path, source)), ("sink", From(path, sink)), ("after", after),
            .. identity is null ? Array.Empty<(string, string)>() : [("sftp:identityFile", From(path, identity))]];
        try
        {
            Folder.OwnFile.Write(path, ConfigurationFile.Text(answers, looked));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new SettingsException("--out", $"the configuration cannot be written to '{path}': {error.Message}");
        }
        looked?.WriteFindings(context.Out);
        string config = Pasted.Argument(path);
        string then = after switch { "archive" => ", and moves them into the archive", "delete" => ", and deletes the files", _ => "" };
        context.Out.WriteLine($"The configuration is in {Shown.Path(path)}.");
        NextSteps.Write(context.Out,
        [
            ($"{Pasted.Program} check --config {config}", "shows what would be loaded, and changes nothing"),
            ($"{Pasted.Program} run --config {config}", $"imports what is there, once{then}"),
            ($"{Pasted.Program} watch --config {config} --listen 8080", "stays, and imports what lands; http://localhost:8080 shows it"),
        ]);
        return (int)(looked?.IsGood == false ? ExitCode.DoneWithBadData : ExitCode.Ok);
    }

    /// <summary>A path that was given relative to the current folder, as it is written in a file in another one.</summary>
    private static string From(string file, string value)
    {
        const string Sqlite = "sqlite:";
        bool isDatabase = value.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase);
        string path = isDatabase ? value[Sqlite.Length..] : value;
        bool isPath = isDatabase || (value != "sqlserver" && !value.Contains("://", StringComparison.Ordinal));
        if (!isPath || Path.GetDirectoryName(Path.GetFullPath(file)) == Environment.CurrentDirectory) return value;
        return (isDatabase ? Sqlite : "") + Path.GetFullPath(path);
    }

    private static string? Inbox() => Directory.Exists("inbox") ? "inbox" : null;

    /// <summary>Looks at the files, if there are any yet. A server that does not let us in is an error: nothing is written.</summary>
    private static async Task<InferReport?> LookAsync(string source, string? zone, string? identity, CommandContext context)
    {
        SampleSet? set = null;
        string? nothing;
        try
        {
            set = await SampleSet.ReadAsync([source], identity, context.Stopping);
            nothing = set.Nothing;
        }
        catch (SourceException error) when (!SampleSet.IsRemote(source))
        {
            nothing = error.Message;
        }
        if (nothing is null)
        {
            (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) =
                await FormatGuess.OfAsync(set!.Samples, zone, set.Root, context.Stopping);
            return new InferReport(set, proposals, [.. others, .. set.Bad]);
        }
        context.Out.WriteLine($"No look at the files: {Shown.Name(Secret.Free(nothing))}");
        context.Out.WriteLine(
            $"Once there are some, this shows what to set: {Pasted.Program} infer {Pasted.Argument(Secret.Pasted(source))}");
        context.Out.WriteLine();
        return null;
    }

    /// <summary>Answers from the options, on a terminal also from the person.</summary>
    private sealed class Questions(ParseResult parsed, CommandContext context)
    {
        private readonly bool _isTerminal = !Console.IsInputRedirected && !Console.IsOutputRedirected;

        public string Ask(Option<string?> option, string key, string question, string? usual)
        {
            if (parsed.GetValue(option) is { } given) return Checked(key, option.Name, given) is { } problem
                ? throw new SettingsException([problem])
                : given;
            if (!_isTerminal)
                return usual ?? throw new SettingsException(option.Name, "nothing says where the files are. Name a folder or a server.");
            while (true)
            {
                context.Out.Write($"{question}{(usual is null ? "" : $" [{usual}]")}: ");
                string? line = Console.In.ReadLine() ?? throw new OperationCanceledException();
                string answer = line.Trim() is { Length: > 0 } text ? text : usual ?? "";
                if (answer.Length == 0) continue;
                if (Checked(key, key, answer) is not { } wrong) return answer;
                context.Out.WriteLine(new SettingsException([wrong]).Message);
            }
        }

        /// <summary>The zone that the files do not tell; <see langword="null"/>: nobody is there to ask, or it is UTC.</summary>
        public string? AskZone()
        {
            while (_isTerminal)
            {
                context.Out.Write("Which zone do the loggers' clocks have? Such as Europe/Brussels [UTC]: ");
                string answer = (Console.In.ReadLine() ?? throw new OperationCanceledException()).Trim();
                if (answer.Length == 0) return "UTC";
                if (TimeZoneInfo.TryFindSystemTimeZoneById(answer, out _)) return answer;
                context.Out.WriteLine($"There is no zone {Shown.Name(answer)}.");
            }
            return null;
        }

        /// <summary>The key that the server may take; <see langword="null"/>: nobody is there to ask, or there is none.</summary>
        public string? AskIdentity(string denied)
        {
            if (!_isTerminal) return null;
            context.Out.WriteLine(Shown.Name(Secret.Free(denied)));
            while (true)
            {
                context.Out.Write("Which private key does the server take? A file; empty gives up: ");
                string answer = (Console.In.ReadLine() ?? throw new OperationCanceledException()).Trim();
                if (answer.Length == 0) return null;
                // No shell has seen it.
                if (answer.StartsWith("~/", StringComparison.Ordinal))
                    answer = Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), answer[2..]);
                if (File.Exists(answer)) return answer;
                context.Out.WriteLine($"There is no file {Shown.Name(answer)}.");
            }
        }

        private static SettingProblem? Checked(string key, string name, string value)
        {
            var problems = new List<SettingProblem>();
            new SettingLayer([(key, value)], _ => name).Apply(HostSettings.Default, problems);
            return problems.FirstOrDefault();
        }
    }
}
