using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Dynamo.Pipeline.Host;

/// <summary>Parses the arguments. Wrong arguments are reported in the same words as wrong settings.</summary>
internal static class CommandLine
{
    private const string Verbose = "--verbose";
    private const string Json = "--json";

    public static ParseResult Parse(string[] args, CommandContext context) =>
        Root(context).Parse(Completed(args), new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });

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

    public static bool WantsJson(string[] args) => args.Contains(Json);

    public static bool WantsStack(string[] args) =>
        args.Contains(Verbose) || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DYNAMO_DEBUG"));

    private static RootCommand Root(CommandContext context)
    {
        var root = new RootCommand("Imports sensor files into a database: fast, and every reading exactly once. Without a command: run.")
        {
            new RunCommand(context),
            new CheckCommand(context),
            new StatusCommand(context),
            new RetryCommand(context),
            new LineageCommand(context),
            new UndoCommand(context),
            new HostKeyCommand(context),
            new SchemaCommand(context),
            new InferCommand(context),
            new GenerateCommand(context),
            new TuneCommand(context),
            new Option<bool>(Verbose) { Description = "Show where an unexpected error came from.", Recursive = true },
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary><c>dynamo</c> means <c>dynamo run</c>, and <c>dynamo --json</c> means <c>dynamo run --json</c>.</summary>
    private static string[] Completed(string[] args) => args is [] || IsOptionOfRun(args[0]) ? ["run", .. args] : args;

    private static bool IsOptionOfRun(string arg) => arg.StartsWith("--", StringComparison.Ordinal) && arg is not ("--help" or "--version");
}
