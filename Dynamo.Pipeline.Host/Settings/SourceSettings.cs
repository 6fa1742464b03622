namespace Dynamo.Pipeline.Host;

/// <summary>Where files come from, and what happens to them afterwards.</summary>
internal static class SourceSettings
{
    private const string DurationAllowed = "a duration such as 500ms, 5s, 2min or 0, up to a day";

    private static readonly (string, AfterCommit)[] s_after =
        [("keep", AfterCommit.Keep), ("archive", AfterCommit.Archive), ("delete", AfterCommit.Delete)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("source", "a folder, or sftp://user@host:port/path", From) with
        {
            Option = "--source",
            ValueName = "DIR|sftp://…",
            Rebase = Rebased,
            Help = "Folder or server to import from.",
        },
        Both("pattern", "a pattern of names such as *.csv or *.csv;*.txt, without folders", (o, text) => o with { Pattern = text }) with
        {
            Option = "--pattern",
            ValueName = "PATTERN",
            Help = "Which names to import. Default: *.csv",
        },
        Both("recursive", "true or false", (o, text) => o with { Recursive = SettingText.Flag(text) }) with
        {
            Option = "--recursive",
            Help = "Import folders below as well. Default: no.",
            Words = ["true", "false"],
        },
        Setting.Choice("after", s_after, (s, after) => Both(s, o => o with { AfterCommit = after })) with
        {
            Option = "--after",
            ValueName = "keep|archive|delete",
            Help = "What happens to a file once its rows are committed. Default: keep.",
        },
        Both("settle", DurationAllowed, (o, text) => o with { SettleTime = SettingText.Duration(text) }) with
        {
            Option = "--settle",
            ValueName = "TIME",
            Help = "How long a file must have been unchanged: 500ms, 5s, 2min, 0. Default: 2s, on a server 5s.",
        },
        Both("doneMarker", "an ending such as .done", (o, text) => o with { DoneMarker = text }) with
        {
            Option = "--done-marker",
            ValueName = "ENDING",
            Help = "Import x.csv once x.csv.done exists (ENDING .done). Default: no markers.",
        },
        Both("followLinks", "true or false", (o, text) => o with { FollowLinks = SettingText.Flag(text) }) with
        {
            Words = ["true", "false"],
        },
        // Relative to the source, wherever they are written: they are names inside the inbox, not paths of the machine.
        Both("archive", "a folder, relative to the source", (o, text) => o with { ArchiveFolder = text }),
        Both("quarantine", "a folder, relative to the source", (o, text) => o with { QuarantineFolder = text }),
    ];

    private static Setting Both(string key, string allowed, Func<FileSourceOptions, string, FileSourceOptions> apply) =>
        Setting.One(key, allowed, (s, text) => Both(s, options => apply(options, text)));

    /// <summary>Sets what means the same for a folder and for a server.</summary>
    private static HostSettings Both(HostSettings settings, Func<FileSourceOptions, FileSourceOptions> apply) => settings with
    {
        Folder = (FolderSourceOptions)apply(settings.Folder),
        Sftp = (SftpSourceOptions)apply(settings.Sftp),
    };

    private static HostSettings From(HostSettings settings, string text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new FormatException();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) return settings with { Source = text, Address = null };
        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase))
            return settings with { Source = new Uri(text).LocalPath, Address = null };
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
                throw new SettingValueException(
                    "found an address with a password in it. Leave it out of the address, "
                    + "and set sftp:password in the configuration or DYNAMO__SFTP__PASSWORD in the environment.");
            throw new SettingValueException(
                $"found '{Secret.Masked(text)}', which is not a server's address: {SettingProblem.Sentence(error)}");
        }
    }

    private static string Rebased(string text, string folder) =>
        text.Contains("://", StringComparison.Ordinal) || string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text);
}
