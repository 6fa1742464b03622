using System.CommandLine.Parsing;
using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>What the parser found wrong, in the form in which wrong settings are reported.</summary>
internal static class ArgumentProblems
{
    public static IEnumerable<SettingProblem> Of(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        bool afterUnknownOption = false;
        foreach (string token in parsed.UnmatchedTokens)
        {
            bool isOption = token.StartsWith('-');
            // The token after an unknown option is most likely its value, and may be a password. It is not shown.
            if (isOption || !afterUnknownOption) yield return Unknown(isOption ? token.Split('=', 2)[0] : token, command);
            afterUnknownOption = isOption;
        }
        foreach (ParseError error in parsed.Errors)
        {
            if (error.SymbolResult is OptionResult option)
                yield return new SettingProblem(option.Option.Name, error.Message);
            else if (parsed.UnmatchedTokens.Count == 0)
                yield return new SettingProblem("dynamo " + command.Name, error.Message);
        }
    }

    private static SettingProblem Unknown(string token, Command command)
    {
        bool isOption = token.StartsWith('-');
        IEnumerable<string> known = isOption
            ? command.Options.Select(option => option.Name).Append("--help")
            : command.Subcommands.Select(sub => sub.Name);
        string what = isOption ? "there is no such option"
            : command is RootCommand ? "there is no such command"
            : "this argument has no meaning here";
        string help = command is RootCommand ? "dynamo --help" : $"dynamo {command.Name} --help";
        return new SettingProblem(Secret.Masked(token), $"{what} ({help} shows all).", Suggestion.For(token, known));
    }
}
