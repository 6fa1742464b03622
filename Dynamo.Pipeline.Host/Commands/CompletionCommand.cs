using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo completion</c>: prints what makes a shell complete this program's commands and options.</summary>
/// <remarks>The shells ask the program itself, by the parser's directive <c>[suggest:POSITION]</c>.</remarks>
internal sealed class CompletionCommand : Command, IExamples
{
    private static readonly Dictionary<string, string> s_scripts = new()
    {
        ["bash"] = """
            _dynamo() {
                local candidates
                candidates=$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)
                mapfile -t COMPREPLY < <(compgen -W "${candidates}" -- "${COMP_WORDS[COMP_CWORD]}")
            }
            complete -o default -F _dynamo dynamo
            """,
        ["zsh"] = """
            #compdef dynamo
            _dynamo() {
                local -a candidates
                candidates=("${(@f)$(${words[1]} "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
                compadd -a candidates || _files
            }
            if [ "$funcstack[1]" = "_dynamo" ]; then _dynamo "$@"; else compdef _dynamo dynamo; fi
            """,
        ["pwsh"] = """
            Register-ArgumentCompleter -Native -CommandName dynamo -ScriptBlock {
                param($word, $line, $position)
                dynamo "[suggest:$position]" "$line" | Where-Object { $_ -like "$word*" } | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }
            """,
    };

    private readonly Argument<string> _shell = new("SHELL") { Description = "bash, zsh or pwsh." };

    public CompletionCommand(CommandContext context) : base("completion", "Prints a script that completes commands and options in a shell.")
    {
        Arguments.Add(_shell);
        SetAction(parsed => Write(parsed.GetValue(_shell)!, context));
    }

    public string Examples => """
        Examples:
          eval "$(dynamo completion bash)"                                    in ~/.bashrc
          dynamo completion zsh > "${fpath[1]}/_dynamo"
          dynamo completion pwsh | Out-String | Invoke-Expression             in $PROFILE
        """;

    private static int Write(string shell, CommandContext context)
    {
        if (!s_scripts.TryGetValue(shell, out string? script))
        {
            throw new SettingsException(
                "SHELL", $"found '{Shown.Name(shell)}', allowed is bash, zsh or pwsh.", Suggestion.For(shell, [.. s_scripts.Keys]));
        }
        context.Out.WriteLine(script);
        return (int)ExitCode.Ok;
    }
}
