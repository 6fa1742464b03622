using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Dynamo.Pipeline.Host;

/// <summary>Parses the arguments. Wrong arguments are reported in the same words as wrong settings.</summary>
internal static class CommandLine
{
    private const string Verbose = "--verbose";
    private const string Json = "--json";

    public static ParseResult Parse(string[] args, CommandContext context)
    {
        args = Completed(args);
        var how = new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
        return Root(context, args.FirstOrDefault("")).Parse(args, how);
    }

    /// <summary>Refuses wrong arguments, together with wrong settings of the same command.</summary>
    /// <exception cref="SettingsException">Something is wrong.</exception>
    public static void Check(ParseResult parsed)
    {
        if (parsed.Action is not ParseErrorAction) return;
        var problems = ArgumentProblems.Of(parsed).ToList();
        if (parsed.CommandResult.Command is ISettingsCommand command)
        {
            command.Settings.Read(parsed, problems);
        }
        throw new SettingsException(problems);
    }

    public static Task<int> InvokeAsync(ParseResult parsed, CommandContext context) => parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null, // StopSignals handles the signals: it knows how long the command may take to stop.
        Output = context.Out,
        Error = context.Error,
    }, CancellationToken.None);

    public static bool WantsJson(string[] args) => args.Contains(Json);

    public static bool WantsStack(string[] args) =>
        args.Contains(Verbose) || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DYNAMO_DEBUG"));

    /// <summary>Only the command that is named is made: the options of all of them take as long as the import of some files.</summary>
    private static RootCommand Root(CommandContext context, string first)
    {
        Dictionary<string, Func<Command>> commands = Commands(context);
        Func<Command>[] made = commands.TryGetValue(first, out Func<Command>? named) ? [named] : [.. commands.Values];
        var root = new RootCommand("Imports sensor files into a database: fast, and every reading exactly once.")
        {
            new Option<bool>(Verbose) { Description = "Show where an unexpected error came from.", Recursive = true },
        };
        foreach (Func<Command> command in made) root.Subcommands.Add(command());
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        var withExamples = new HelpWithExamples((HelpAction)help.Action!);
        help.Action = withExamples;
        root.Options.OfType<VersionOption>().Single().Action = new ProgramVersion();
        root.SetAction(parsed => AloneAsync(withExamples.Invoke(parsed), context));
        return root;
    }

    /// <summary><c>dynamo</c> and nothing else: after the help, on a terminal, the configuration of this folder is offered.</summary>
    private static async Task<int> AloneAsync(int helped, CommandContext context)
    {
        const string Configuration = HelpWithExamples.Configuration;
        if (!File.Exists(Configuration) || Console.IsInputRedirected || Console.IsOutputRedirected) return helped;
        context.Out.Write("Run it now? [y/N] ");
        if (Console.In.ReadLine()?.Trim() is not ("y" or "Y" or "yes")) return helped;
        return await InvokeAsync(Parse(["run", "--config", Configuration], context), context);
    }

    private static Dictionary<string, Func<Command>> Commands(CommandContext context) => new(StringComparer.Ordinal)
    {
        ["demo"] = () => new DemoCommand(context),
        ["init"] = () => new InitCommand(context),
        ["run"] = () => new RunCommand(context),
        [WatchCommand.Word] = () => new WatchCommand(context),
        [DispatchCommand.Word] = () => new DispatchCommand(context),
        [WorkCommand.Word] = () => new WorkCommand(context),
        ["check"] = () => new CheckCommand(context),
        ["status"] = () => new StatusCommand(context),
        ["events"] = () => new EventsCommand(context),
        ["replay"] = () => new ReplayCommand(context),
        ["retry"] = () => new RetryCommand(context),
        ["lineage"] = () => new LineageCommand(context),
        ["undo"] = () => new UndoCommand(context),
        ["prune"] = () => new PruneCommand(context),
        ["hostkey"] = () => new HostKeyCommand(context),
        ["schema"] = () => new SchemaCommand(context),
        ["infer"] = () => new InferCommand(context),
        ["generate"] = () => new GenerateCommand(context),
        ["tune"] = () => new TuneCommand(context),
        ["headroom"] = () => new HeadroomCommand(context),
        ["completion"] = () => new CompletionCommand(context),
        // Shown in the list of commands; Completed makes an option of it.
        ["help"] = () => new Command("help", "Explains a command: dynamo help run."),
    };

    /// <summary><c>dynamo help run</c> means <c>dynamo run --help</c>, and <c>dynamo --json</c> means <c>dynamo run --json</c>.</summary>
    private static string[] Completed(string[] args) => args switch
    {
        ["help", .. var command] => [.. command, "--help"],
        [var first, ..] when IsOptionOfRun(first) => ["run", .. args],
        _ => args,
    };

    private static bool IsOptionOfRun(string arg) => arg.StartsWith("--", StringComparison.Ordinal) && arg is not ("--help" or "--version");
}
