using System.CommandLine;
using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>Commands of this program for a person to copy and paste: as it was called, with the settings it was given.</summary>
internal static class Pasted
{
    /// <summary>How this process was called.</summary>
    public static string Program
    {
        get
        {
            if (Repository() is { } root && Environment.CurrentDirectory == root) return "dotnet run --project Dynamo.Pipeline.Host --";
            if (IsOnPath()) return "dynamo";
            string process = Environment.ProcessPath ?? "dynamo";
            return Path.GetFileNameWithoutExtension(process) == "dotnet"
                ? $"dotnet {Argument(Path.Join(AppContext.BaseDirectory, "dynamo.dll"))}"
                : Argument(process);
        }
    }

    /// <summary>
    /// Another command with the files of settings and the options that this one was given, as far as the other one has them. What the
    /// environment sets, it still sets.
    /// </summary>
    /// <param name="word">The command.</param>
    /// <param name="settings">The settings of this one.</param>
    /// <param name="keys">The settings that the other one has options for; none named: all.</param>
    public static string Command(string word, HostSettings settings, params ReadOnlySpan<string> keys)
    {
        var words = new List<string> { Program, word };
        foreach ((string option, string path) in settings.Files) words.Add($"{option} {Argument(path)}");
        foreach ((string key, string value) in settings.Arguments)
        {
            Setting setting = SettingCatalogue.Find(key)!;
            if (setting.IsForImports || (keys.Length > 0 && !keys.Contains(key))) continue;
            words.Add(setting.ValueName is null ? setting.Option! : $"{setting.Option} {Argument(Secret.Pasted(value))}");
        }
        return string.Join(' ', words);
    }

    /// <summary>A failure that asks for the server's key, with the command that adds it as it can be pasted.</summary>
    public static Failure In(Failure failure, ParseResult parsed)
    {
        const string AddKey = "dynamo hostkey HOST";
        if (!failure.Message.Contains(AddKey, StringComparison.Ordinal)) return failure;
        HostSettings settings = parsed.CommandResult.Command switch
        {
            ISettingsCommand command => command.Settings.Read(parsed, []),
            IServerCommand command => SampleSet.Server(command.Address(parsed), null, []),
            _ => HostSettings.Default,
        };
        if (settings.Remote is not { } server) return failure;
        string host = server.Port is { } port ? string.Create(CultureInfo.InvariantCulture, $"{server.Host}:{port}") : server.Host;
        string added = $"{Command("hostkey", settings, "sftp:knownHostsFile")} {Argument(host)}";
        return failure with { Message = failure.Message.Replace(AddKey, added, StringComparison.Ordinal) };
    }

    /// <summary>A text as one argument: as it is, or in quotes that a shell takes away again.</summary>
    public static string Argument(string text)
    {
        const string Plain = "-_./:@%+=,~\\";
        // A shell expands a leading ~, and on Unix takes a backslash for itself.
        bool isPlain = text.Length > 0 && text[0] != '~' && text.All(c => char.IsAsciiLetterOrDigit(c) || Plain.Contains(c))
            && (OperatingSystem.IsWindows() || !text.Contains('\\'));
        if (isPlain) return text;
        return OperatingSystem.IsWindows()
            ? $"\"{Shown.Name(text).Replace("\"", "\\\"", StringComparison.Ordinal)}\""
            : $"'{Shown.Name(text).Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    private static bool IsOnPath()
    {
        string name = OperatingSystem.IsWindows() ? "dynamo.exe" : "dynamo";
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Join(folder, name)));
    }

    /// <summary>The checkout this program was built in, if it was.</summary>
    private static string? Repository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Dynamo.Pipeline.sln"))) return folder.FullName;
        }
        return null;
    }
}
