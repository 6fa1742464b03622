using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// An option that is no setting: it belongs to one command. Its value is read like a setting's, and a wrong one is reported alike.
/// </summary>
internal static class ValueOption
{
    public static Option<string?> Named(string name, string valueName, string help) =>
        new(name) { HelpName = valueName, Description = help };

    /// <summary>A whole number, 1 or more; or what holds without the option.</summary>
    /// <exception cref="SettingsException">It is none.</exception>
    public static T Count<T>(ParseResult parsed, Option<string?> option, T otherwise) where T : INumber<T>
    {
        if (parsed.GetValue(option) is not { } text) return otherwise;
        return T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out T? count) && count > T.Zero
            ? count
            : throw new SettingsException(option.Name, $"found '{text}', allowed is a whole number, 1 or more.");
    }

    /// <summary>Applies the option's value, if there is one, or adds to <paramref name="problems"/> what is wrong with it.</summary>
    public static T Apply<T>(
        ParseResult parsed, Option<string?> option, string allowed, T target, Func<T, string, T> apply, List<SettingProblem> problems)
    {
        if (parsed.GetValue(option) is not { } text) return target;
        try
        {
            return apply(target, text);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
        {
            problems.Add(new SettingProblem(option.Name, $"found '{text}', allowed is {allowed}."));
            return target;
        }
    }
}
