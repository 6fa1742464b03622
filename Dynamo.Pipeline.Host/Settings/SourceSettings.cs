namespace Dynamo.Pipeline.Host;

/// <summary>Where files come from, and what happens to them afterwards.</summary>
internal static class SourceSettings
{
    private const string DurationAllowed = "a duration such as 500ms, 5s, 2min or 0, up to a day";

    private static readonly (string, AfterCommit)[] s_after = [("keep", AfterCommit.Keep), ("archive", AfterCommit.Archive), ("delete", AfterCommit.Delete)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("source", "a folder", (s, text) => s with { Source = Folder(text) })
            with { Option = "--source", ValueName = "DIR", Rebase = Rebased, Help = "Folder to import. Default: the bundled samples, when nothing else is set either." },
        Setting.One("pattern", "a pattern of names such as *.csv or *.csv;*.txt, without folders", (s, text) => s with { Folder = s.Folder with { Pattern = text } })
            with { Option = "--pattern", ValueName = "PATTERN", Help = "Which names to import. Default: *.csv" },
        Setting.One("recursive", "true or false", (s, text) => s with { Folder = s.Folder with { Recursive = SettingText.Flag(text) } })
            with { Option = "--recursive", Help = "Import folders below as well. Default: no.", Words = ["true", "false"] },
        Setting.Choice("after", s_after, (s, after) => s with { Folder = s.Folder with { AfterCommit = after } })
            with { Option = "--after", ValueName = "keep|archive|delete", Help = "What happens to a file once its rows are committed. Default: keep." },
        Setting.One("settle", DurationAllowed, (s, text) => s with { Folder = s.Folder with { SettleTime = SettingText.Duration(text) } })
            with { Option = "--settle", ValueName = "TIME", Help = "How long a file must have been unchanged: 500ms, 5s, 2min, 0. Default: 2s." },
        Setting.One("doneMarker", "an ending such as .done", (s, text) => s with { Folder = s.Folder with { DoneMarker = text } })
            with { Option = "--done-marker", ValueName = "ENDING", Help = "Import x.csv once x.csv.done exists (ENDING .done). Default: no markers." },
        // Relative to the source wherever they are written: they are names inside the inbox rather than paths of the machine.
        Setting.One("archive", "a folder, relative to the source", (s, text) => s with { Folder = s.Folder with { ArchiveFolder = text } }),
        Setting.One("quarantine", "a folder, relative to the source", (s, text) => s with { Folder = s.Folder with { QuarantineFolder = text } }),
    ];

    private static string Folder(string text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new FormatException();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) return text;
        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase)) return new Uri(text).LocalPath;
        throw new SettingValueException(
            $"found an address ({text[..scheme]}://…), but this version imports from folders only. Copy or mount the files into a folder and name that.");
    }

    private static string Rebased(string text, string folder) =>
        text.Contains("://", StringComparison.Ordinal) || string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text);
}
