namespace Dynamo.Pipeline.Host;

/// <summary>Where files come from, and what happens to them afterwards.</summary>
internal static class SourceSettings
{
    private const string DurationAllowed = "a duration such as 500ms, 5s, 2min or 0, up to a day";

    private static readonly (string, AfterCommit)[] s_after = [("keep", AfterCommit.Keep), ("archive", AfterCommit.Archive), ("delete", AfterCommit.Delete)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("source", "a folder, or sftp://user@host:port/path", From)
            with { Option = "--source", ValueName = "DIR|sftp://…", Rebase = Rebased, Help = "Folder or server to import from. Default: the bundled samples, when nothing else is set either." },
        Setting.One("pattern", "a pattern of names such as *.csv or *.csv;*.txt, without folders", (s, text) => Both(s, f => f with { Pattern = text }, r => r with { Pattern = text }))
            with { Option = "--pattern", ValueName = "PATTERN", Help = "Which names to import. Default: *.csv" },
        Setting.One("recursive", "true or false", (s, text) => Both(s, f => f with { Recursive = SettingText.Flag(text) }, r => r with { Recursive = SettingText.Flag(text) }))
            with { Option = "--recursive", Help = "Import folders below as well. Default: no.", Words = ["true", "false"] },
        Setting.Choice("after", s_after, (s, after) => Both(s, f => f with { AfterCommit = after }, r => r with { AfterCommit = after }))
            with { Option = "--after", ValueName = "keep|archive|delete", Help = "What happens to a file once its rows are committed. Default: keep." },
        Setting.One("settle", DurationAllowed, (s, text) => Both(s, f => f with { SettleTime = SettingText.Duration(text) }, r => r with { SettleTime = SettingText.Duration(text) }))
            with { Option = "--settle", ValueName = "TIME", Help = "How long a file must have been unchanged: 500ms, 5s, 2min, 0. Default: 2s, on a server 5s." },
        Setting.One("doneMarker", "an ending such as .done", (s, text) => Both(s, f => f with { DoneMarker = text }, r => r with { DoneMarker = text }))
            with { Option = "--done-marker", ValueName = "ENDING", Help = "Import x.csv once x.csv.done exists (ENDING .done). Default: no markers." },
        // Relative to the source wherever they are written: they are names inside the inbox rather than paths of the machine.
        Setting.One("archive", "a folder, relative to the source", (s, text) => Both(s, f => f with { ArchiveFolder = text }, r => r with { ArchiveFolder = text })),
        Setting.One("quarantine", "a folder, relative to the source", (s, text) => Both(s, f => f with { QuarantineFolder = text }, r => r with { QuarantineFolder = text })),
    ];

    /// <summary>What means the same for a folder and for a server.</summary>
    private static HostSettings Both(HostSettings settings, Func<FolderSourceOptions, FolderSourceOptions> folder, Func<SftpSourceOptions, SftpSourceOptions> remote) =>
        settings with { Folder = folder(settings.Folder), Sftp = remote(settings.Sftp) };

    private static HostSettings From(HostSettings settings, string text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new FormatException();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) return settings with { Source = text, Address = null };
        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase)) return settings with { Source = new Uri(text).LocalPath, Address = null };
        if (text.StartsWith("sftp://", StringComparison.OrdinalIgnoreCase)) return settings with { Source = text, Address = Parse(text) };
        throw new SettingValueException($"found an address ({text[..scheme]}://…), allowed is a folder or sftp://user@host:port/path.");
    }

    private static SftpSourceOptions Parse(string text)
    {
        try
        {
            return SftpSourceOptions.Parse(text);
        }
        catch (ArgumentException error)
        {
            if (error.Message.Contains("holds a password", StringComparison.Ordinal))
                throw new SettingValueException("found an address with a password in it. Leave it out, and set sftp:password in the configuration or DYNAMO__SFTP__PASSWORD in the environment.");
            // Without the name of a parameter, which is nothing the user wrote.
            string message = error.Message.Split(" (Parameter ", 2)[0].Split(Environment.NewLine, 2)[0];
            throw new SettingValueException($"found '{Secret.Masked(text)}', which is no address of a server: {message.TrimEnd('.')}.");
        }
    }

    private static string Rebased(string text, string folder) =>
        text.Contains("://", StringComparison.Ordinal) || string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text);
}
