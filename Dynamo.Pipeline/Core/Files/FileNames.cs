using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Dynamo.Pipeline.Files;

/// <summary>Which paths of a source are below it, and names derived from file names, never longer than the 255 bytes a file system takes.</summary>
internal static class FileNames
{
    private const int LongestName = 255;
    private const int LongestExtension = 20;
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'.'fffffff'Z'";

    /// <summary>The path with an ending; a name that would be too long is cut, and a hash of it keeps it apart from others.</summary>
    public static string Append(string path, string ending)
    {
        string name = Path.GetFileName(path);
        if (Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(ending) <= LongestName) return path + ending;
        string tail = "~" + Hash(name) + ending;
        return Path.Join(Path.GetDirectoryName(path), Cut(name, LongestName - Encoding.UTF8.GetByteCount(tail)) + tail);
    }

    /// <summary><c>a.csv</c> becomes <c>a.20260101T000000.0000000Z.csv</c>, from the second on with a number.</summary>
    public static string WithTime(string path, DateTime modifiedUtc, int number)
    {
        // What follows the last dot of a very long name is no extension, and would leave no room.
        string extension = Path.GetExtension(path) is { Length: <= LongestExtension } found ? found : "";
        string stem = path[..^extension.Length];
        string time = modifiedUtc.ToString(TimeFormat, CultureInfo.InvariantCulture);
        string counter = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}");
        return Append(stem, $".{time}{counter}{extension}");
    }

    /// <summary>A hidden name in the same folder for content that is on its way; the same for the same target, so that litter is overwritten.</summary>
    public static string Temporary(string path) => Path.Join(Path.GetDirectoryName(path), "." + Hash(Path.GetFileName(path)) + ".tmp");

    /// <summary>Whether a path stays below the root, whoever wrote it.</summary>
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

    /// <summary>Refuses a path that does not stay below the root.</summary>
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
