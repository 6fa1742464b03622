using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What is printed is the same on every machine, so nobody here needs cultures but SqlClient, which does not connect without them. To load them takes as long as
/// all else of a native program's start, so they are left out where nothing speaks of SQL Server.
/// </summary>
internal static class Cultures
{
    private const string LeftOut = "System.Globalization.Invariant";

    /// <summary>To be called before anything asks for a culture: the choice holds for the life of the process.</summary>
    public static void Choose(string[] args)
    {
        if (!AreNeeded(args)) AppContext.SetSwitch(LeftOut, true);
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
    }

    /// <summary>Whether a sink could be SQL Server, wherever it is named. To be wrong costs a moment.</summary>
    private static bool AreNeeded(string[] args) =>
        args.Any(arg => Says(arg)) || Environment.GetEnvironmentVariables().Values.Cast<object?>().Any(value => value is string text && Says(text)) || Configurations(args).Any(IsIn);

    private static IEnumerable<string> Configurations(string[] args)
    {
        const string Option = "--config";
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith(Option, StringComparison.Ordinal)) continue;
            if (args[i].Length > Option.Length) yield return args[i][(Option.Length + 1)..];
            else if (i + 1 < args.Length) yield return args[i + 1];
        }
    }

    /// <summary>A file that cannot be read is complained about later.</summary>
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

    /// <summary>Letter by letter: a comparison without case may ask for a culture.</summary>
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
