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
        parseResult.InvocationConfiguration.Output.WriteLine(command is IExamples with ? with.Examples : Root);
        return result;
    }

    private const string Root = """
        Examples:
          dynamo                                            import the bundled samples into dynamo.db
          dynamo run --source inbox --sink sqlite:readings.db --after archive
          dynamo run --config dynamo.json --json            for a scheduled task
          dynamo check --config dynamo.json                 try everything, change nothing
          dynamo run --source sftp://loggers@files.example.org/out --sink sqlite:readings.db
          dynamo tune --source inbox --quick                which settings are fastest here
          dynamo status

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
