using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The output is the same on every machine, so only SqlClient needs cultures: it does not connect without them.
/// Loading them takes as long as everything else in a native program's start. So they are loaded only when SQL Server is mentioned
/// somewhere.
/// </summary>
internal static class Cultures
{
    private const string LeftOut = "System.Globalization.Invariant";

    private static readonly string[] s_files = ["--config", "--settings"];

    /// <summary>Must be called before anything asks for a culture: the choice holds for the life of the process.</summary>
    public static void Choose(string[] args)
    {
        if (!AreNeeded(args)) AppContext.SetSwitch(LeftOut, true);
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
    }

    /// <summary>
    /// Whether the sink could be SQL Server, whether it is named in an argument, in the environment or in a configuration file.
    /// A wrong yes costs a few milliseconds.
    /// </summary>
    private static bool AreNeeded(string[] args) =>
        args.Any(arg => Says(arg))
        || Environment.GetEnvironmentVariables().Values.Cast<object?>().Any(value => value is string text && Says(text))
        || Configurations(args).Any(IsIn);

    /// <summary>The files of <c>--config</c> and <c>--settings</c>.</summary>
    private static IEnumerable<string> Configurations(string[] args)
    {
        for (int i = 0; i < args.Length; i++)
        {
            foreach (string option in s_files)
            {
                if (!args[i].StartsWith(option, StringComparison.Ordinal)) continue;
                if (args[i].Length > option.Length) yield return args[i][(option.Length + 1)..];
                else if (i + 1 < args.Length) yield return args[i + 1];
            }
        }
    }

    /// <summary>A file that cannot be read is reported later, when the settings are read.</summary>
    private static bool IsIn(string file)
    {
        try
        {
            return Says(string.Concat(File.ReadAllBytes(file).Select(b => (char)b)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    /// <summary>Compares letter by letter, because a case-insensitive comparison may ask for a culture.</summary>
    private static bool Says(string text)
    {
        const string Name = "sqlserver";
        for (int from = 0; from + Name.Length <= text.Length; from++)
        {
            int same = 0;
            while (same < Name.Length && (text[from + same] | 0x20) == Name[same]) same++;
            if (same == Name.Length) return true;
        }
        return false;
    }
}
