using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>One wrong key or value.</summary>
/// <param name="Where">Its key, as the user wrote it: <c>dynamo.json: format:separator</c>, <c>--readers</c>.</param>
/// <param name="Problem">What is wrong, with what was found and what is allowed.</param>
/// <param name="Suggestion">The key or value that was most likely meant.</param>
internal sealed record SettingProblem(string Where, string Problem, string? Suggestion = null)
{
    /// <summary>
    /// What the library says about a value, in one sentence and without the parameter's name, which the user never wrote.
    /// </summary>
    public static string Sentence(ArgumentException error) =>
        error.Message.Split(" (Parameter ", 2)[0].Split(Environment.NewLine, 2)[0].TrimEnd('.') + ".";

    public override string ToString() => Suggestion is null ? $"{Where}: {Problem}" : $"{Where}: {Problem} Did you mean {Suggestion}?";
}

/// <summary>The arguments or the configuration are wrong: all problems in one message, before anything is read.</summary>
internal sealed class SettingsException(IReadOnlyList<SettingProblem> problems) : Exception(Describe(problems))
{
    public SettingsException(string where, string problem, string? suggestion = null)
        : this([new SettingProblem(where, problem, suggestion)]) { }

    public IReadOnlyList<SettingProblem> Problems => problems;

    private static string Describe(IReadOnlyList<SettingProblem> problems)
    {
        if (problems.Count == 1) return problems[0].ToString();
        var text = new StringBuilder($"{problems.Count} problems with the settings; nothing was read or written.");
        foreach (SettingProblem problem in problems)
            text.Append("\n  ").Append(problem);
        return text.ToString();
    }
}
