using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Texts for the page and for messages that leave the machine: without secrets, and without the paths of this machine, of which only the
/// last part is kept.
/// </summary>
internal static partial class PublicText
{
    /// <summary>A source: its kind, and the name of its folder or server.</summary>
    public static string Source(HostSettings settings) => settings.Remote is { } remote
        ? $"server {remote.Host}" : $"folder {Last(Path.GetFullPath(settings.Source ?? ""))}";

    /// <summary>A database: its kind, and the name of its file.</summary>
    public static string Sink(HostSettings settings) => settings.UsesSqlServer ? "SQL Server" : $"SQLite {Last(settings.Database)}";

    /// <summary>An error or another sentence about a source and its database, whose own paths may have blanks.</summary>
    public static string Of(string text, HostSettings settings)
    {
        string database = Path.GetFullPath(settings.Database);
        text = text.Replace(database, "…/" + Last(database), StringComparison.Ordinal);
        if (settings.Remote is not { } remote)
            return Of(Replaced(text, Path.GetFullPath(settings.Source ?? ""), "…/" + Last(Path.GetFullPath(settings.Source ?? ""))));
        text = Replaced(text, remote.ToString(), $"server {remote.Host}");
        return Of(Replaced(text, $"{remote.User}@", ""));

        static string Replaced(string text, string what, string by) =>
            what.Length > 1 ? text.Replace(what, by, StringComparison.Ordinal) : text;
    }

    /// <summary>An error or another sentence.</summary>
    public static string Of(string text) => AbsolutePath()
        .Replace(Connection().Replace(Secret.Free(text), "$1=…"), path => "…/" + Last(path.Value));

    private static string Last(string path)
    {
        string last = Path.GetFileName(path.TrimEnd('/', '\\').Replace('\\', '/'));
        return last.Length > 0 ? last : "/";
    }

    // An address keeps its server. A path ends where a sentence goes on; what looks like one without being one loses nothing that matters.
    [GeneratedRegex(@"(?<![\w.:/~…-])(?:~?/|[A-Za-z]:\\|\\\\)[^\s'"",;:)<>|]+|(?<=://[^/\s]+)/[^\s'"",;)<>|]+",
        RegexOptions.CultureInvariant)]
    private static partial Regex AbsolutePath();

    [GeneratedRegex(@"\b(Server|Data Source|User ID|Uid|Initial Catalog|Database)\s*=\s*[^;\r\n]*",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Connection();
}
