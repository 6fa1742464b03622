using System.IO.Enumeration;

namespace Dynamo.Pipeline.Files;

/// <summary>Decides which names of a folder are files to import and which folders to list. Thread-safe.</summary>
internal sealed class FileSelection
{
    private static readonly string[] TemporaryEndings = [".tmp", ".part", ".filepart"];

    private readonly string[] _patterns;
    private readonly string? _marker;

    public FileSelection(FileSourceOptions options)
    {
        _patterns = options.Pattern.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        _marker = options.DoneMarker;
        Recursive = options.Recursive;
    }

    public bool Recursive { get; }

    /// <summary>Whether to import a file with this name.</summary>
    public bool WantsFile(ReadOnlySpan<char> name)
    {
        if (name[0] == '.' || IsTemporary(name)) return false;
        if (_marker is not null && name.EndsWith(_marker, StringComparison.Ordinal)) return false;
        foreach (string pattern in _patterns)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, name)) return true;
        }
        return false;
    }

    /// <summary>Whether to list a folder with this name.</summary>
    public bool WantsFolder(ReadOnlySpan<char> name) => Recursive && name[0] != '.';

    private static bool IsTemporary(ReadOnlySpan<char> name)
    {
        foreach (string ending in TemporaryEndings)
        {
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }
}
