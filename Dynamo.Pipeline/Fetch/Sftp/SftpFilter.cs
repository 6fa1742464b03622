using System.IO.Enumeration;

namespace Dynamo.Pipeline;

/// <summary>Which names of a folder on a server are files to import, and which folders to look into. Thread-safe.</summary>
internal sealed class SftpFilter(SftpSourceOptions options)
{
    private static readonly string[] TemporaryEndings = [".tmp", ".part", ".filepart"];

    private readonly string[] _patterns = options.Pattern.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public bool IsMarker(string name) => options.DoneMarker is { } marker && name.EndsWith(marker, StringComparison.Ordinal);

    public bool WantsFile(string name) => name[0] != '.' && !IsTemporary(name) && !IsMarker(name) && Matches(name);

    public bool WantsFolder(string name) => options.Recursive && name[0] != '.';

    private bool Matches(string name)
    {
        foreach (string pattern in _patterns)
            if (FileSystemName.MatchesSimpleExpression(pattern, name)) return true;
        return false;
    }

    private static bool IsTemporary(string name)
    {
        foreach (string ending in TemporaryEndings)
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }
}
