using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>The parser's own help, followed by examples to copy.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int result = help.Invoke(parseResult);
        Command command = parseResult.CommandResult.Command;
        TextWriter to = parseResult.InvocationConfiguration.Output;
        to.WriteLine(command is IExamples with ? with.Examples : command is RootCommand ? Root : "");
        if (command is RootCommand && File.Exists(Configuration))
        {
            to.WriteLine();
            to.WriteLine($"There is a {Configuration} in this folder. This imports what it names:");
            to.WriteLine($"  {Pasted.Program} run --config {Configuration}");
        }
        return result;
    }

    public const string Configuration = "dynamo.json";

    private const string Root = """
        Examples:
          dynamo demo                                       import samples in a new folder
          dynamo init                                       write dynamo.json for your own files
          dynamo check --config dynamo.json                 try everything, change nothing
          dynamo run --config dynamo.json                   import what is there, once: for a scheduled task
          dynamo watch --config dynamo.json --listen 8080   stay, import what lands, and show it
          dynamo status --config dynamo.json
          dynamo help run

        Settings come from a JSON file (--config), then from DYNAMO__… variables, then from options: the last one wins.

        Exit codes:
          0 all well, or nothing to do     1 done, something was quarantined or rejected
          2 wrong arguments or settings    3 source unreachable    4 sink failed
          5 another run is at work         70 internal error       130 stopped
        """;
}

/// <summary>A command that shows examples below its help.</summary>
internal interface IExamples
{
    string Examples { get; }
}
