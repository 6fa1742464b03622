using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Dynamo.Pipeline.Files;

/// <summary>
/// Checks that paths stay below their source, and makes new names from file names. A new name never has more than 255 bytes,
/// the limit of common file systems.
/// </summary>
internal static class FileNames
{
    /// <summary>Why a link is deferred.</summary>
    public static string NotFollowed { get; } =
        $"a symbolic link; links are not followed ({OptionName.Of(nameof(FileSourceOptions.FollowLinks))})";

    private const int LongestName = 255;
    private const int LongestExtension = 20;
    private const string Ours = ".dynamo-", TemporaryEnding = ".tmp", Claims = Ours + "claimed-";
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'.'fffffff'Z'";

    /// <summary>Appends an ending. A name that would be too long is cut and gets a hash, so that it stays different from others.</summary>
    public static string Append(string path, string ending)
    {
        string name = Path.GetFileName(path);
        if (Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(ending) <= LongestName) return path + ending;
        string tail = "~" + Hash(name) + ending;
        return Path.Join(Path.GetDirectoryName(path), Cut(name, LongestName - Encoding.UTF8.GetByteCount(tail)) + tail);
    }

    /// <summary>
    /// Adds the time to a name: <c>a.csv</c> becomes <c>a.20260101T000000.0000000Z.csv</c>.
    /// A <paramref name="number"/> above 1 is added too.
    /// </summary>
    public static string WithTime(string path, DateTime modifiedUtc, int number)
    {
        // A very long text after the last dot is not an extension, and it would leave no room for the time.
        string extension = Path.GetExtension(path) is { Length: <= LongestExtension } found ? found : "";
        string stem = path[..^extension.Length];
        string time = modifiedUtc.ToString(TimeFormat, CultureInfo.InvariantCulture);
        string counter = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}");
        return Append(stem, $".{time}{counter}{extension}");
    }

    /// <summary>Whether <see cref="WithTime"/> made the name from another one.</summary>
    public static bool IsWithTime(string name, string original, DateTime modifiedUtc)
    {
        int dash = name.LastIndexOf("Z-", StringComparison.Ordinal) + 2, end = dash < 2 ? dash : dash + CountDigits(name.AsSpan(dash));
        if (dash < 2 || !int.TryParse(name.AsSpan(dash, end - dash), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            number = 1;
        return name == WithTime(original, modifiedUtc, number) || name == WithTime(original, modifiedUtc, 1);

        static int CountDigits(ReadOnlySpan<char> text) =>
            text.IndexOfAnyExceptInRange('0', '9') is var other and >= 0 ? other : text.Length;
    }

    /// <summary>The name from which <see cref="WithTime"/> made another one; the name itself if it did not, or had to cut it.</summary>
    public static string WithoutTime(string name, DateTime modifiedUtc)
    {
        string time = "." + modifiedUtc.ToString(TimeFormat, CultureInfo.InvariantCulture);
        int at = name.LastIndexOf(time, StringComparison.Ordinal), end = at + time.Length;
        if (at < 0) return name;
        if (end < name.Length && name[end] == '-')
            end = name.AsSpan(end + 1).IndexOfAnyExceptInRange('0', '9') is var other and >= 0 ? end + 1 + other : name.Length;
        return name[..at] + name[end..];
    }

    /// <summary>A hidden name that nobody can guess, for a file that is still being written.</summary>
    public static string NewTemporary() => $"{Ours}{Guid.NewGuid():N}{TemporaryEnding}";

    /// <summary>Whether <see cref="NewTemporary"/> made the name.</summary>
    public static bool IsTemporary(string name) =>
        name.StartsWith(Ours, StringComparison.Ordinal) && name.EndsWith(TemporaryEnding, StringComparison.Ordinal);

    /// <summary>
    /// A hidden name that nobody can guess, for a folder beside the files of a source. A file is set aside there while it is archived,
    /// deleted or quarantined.
    /// </summary>
    public static string NewClaims() => $"{Claims}{Guid.NewGuid():N}";

    /// <summary>Whether <see cref="NewClaims"/> made the name.</summary>
    public static bool IsClaims(ReadOnlySpan<char> name) =>
        name.Length == Claims.Length + 32 && name.StartsWith(Claims, StringComparison.Ordinal);

    /// <summary>The folder of a listed path; empty for a name alone.</summary>
    public static string FolderOf(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "";

    /// <summary>A path below a folder that may be empty, as the path may be.</summary>
    public static string Join(string folder, string path) =>
        folder.Length == 0 ? path : path.Length == 0 ? folder : $"{folder}/{path}";

    /// <summary>The name at the end of a listed path.</summary>
    public static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>Whether a path stays below the root. The path may come from anywhere, a hostile server included.</summary>
    public static bool IsBelow(string path)
    {
        if (path.Length == 0 || path.Contains('\0') || Path.IsPathRooted(path)) return false;
        if (OperatingSystem.IsWindows() && path.AsSpan().IndexOfAny('\\', ':') >= 0) return false;
        if (path[0] != '.' && !path.Contains("/.", StringComparison.Ordinal) && !path.Contains("//", StringComparison.Ordinal)) return true;
        foreach (Range part in path.AsSpan().Split('/'))
        {
            if (path.AsSpan()[part] is "" or "." or "..") return false;
        }
        return true;
    }

    /// <summary>Throws if a path does not stay below the root.</summary>
    /// <exception cref="ArgumentException">The path does not stay below the root.</exception>
    public static void CheckBelow(SourceFile file)
    {
        if (!IsBelow(file.Path)) throw new ArgumentException($"'{file.Path}' is not a path below the source's folder", nameof(file));
    }

    private static string Hash(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 8));

    private static string Cut(string name, int bytes)
    {
        var kept = new StringBuilder();
        foreach (Rune rune in name.EnumerateRunes())
        {
            if ((bytes -= rune.Utf8SequenceLength) < 0) break;
            kept.Append(rune.ToString());
        }
        return kept.ToString();
    }
}
