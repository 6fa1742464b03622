using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Dynamo.Pipeline.Host;

/// <summary>The commands, and what is wrong with the arguments, in the same words as what is wrong with the configuration.</summary>
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

    public static bool WantsStack(string[] args) => args.Contains(Verbose) || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DYNAMO_DEBUG"));

    private static RootCommand Root(CommandContext context)
    {
        var root = new RootCommand("Imports sensor files into a database: fast, and every reading exactly once. Without a command: run.")
        {
            new RunCommand(context), new CheckCommand(context), new StatusCommand(context), new RetryCommand(context), new HostKeyCommand(context), new SchemaCommand(context), new InferCommand(context), new GenerateCommand(context), new TuneCommand(context),
            new Option<bool>(Verbose) { Description = "Show where an unexpected error came from.", Recursive = true },
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary><c>dynamo</c> is <c>dynamo run</c>, and so is <c>dynamo --json</c>.</summary>
    private static string[] Completed(string[] args) =>
        args.Length == 0 || (args[0].StartsWith("--", StringComparison.Ordinal) && args[0] is not ("--help" or "--version")) ? ["run", .. args] : args;
}
