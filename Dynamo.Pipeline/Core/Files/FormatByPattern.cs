using System.Text;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

/// <summary>
/// Chooses the format of each file by its name or path: the first pattern that matches wins.
/// A file that matches no pattern is quarantined. Thread-safe.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class FormatByPattern<TRow> : IFileFormat<TRow>
{
    private readonly (FilePattern Pattern, IFileFormat<TRow> Format)[] _formats;

    /// <summary>Creates a format that chooses among others.</summary>
    /// <param name="formats">
    /// Patterns with their formats, in order. <c>*</c> stands for any text without a slash, <c>?</c> for any character but a slash,
    /// <c>**</c> for any text; <c>;</c> separates alternatives. A pattern without a slash is compared with the file's name,
    /// a pattern with a slash with the path below the source. Case does not matter.
    /// </param>
    /// <exception cref="ArgumentNullException">The list or a format is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">There are no formats, or a pattern is empty.</exception>
    public FormatByPattern(IEnumerable<(string Pattern, IFileFormat<TRow> Format)> formats)
    {
        ArgumentNullException.ThrowIfNull(formats);
        _formats = [.. formats.Select(f =>
            (new FilePattern(f.Pattern), f.Format ?? throw new ArgumentNullException(nameof(formats))))];
        if (_formats.Length == 0) throw new ArgumentException("At least one format is needed.", nameof(formats));
    }

    /// <inheritdoc/>
    /// <exception cref="BadFileException">No pattern matches.</exception>
    public IRowReader<TRow> Open(SourceFile file, FileContent content)
    {
        ArgumentNullException.ThrowIfNull(file);
        foreach ((FilePattern pattern, IFileFormat<TRow> format) in _formats)
            if (pattern.Matches(file.Path) || (file.Delivered is { } delivered && pattern.Matches(delivered)))
                return format.Open(file, content);
        throw new BadFileException(new Defect("no format is for this file")
        {
            Found = file.Path,
            Expected = $"a name like {string.Join(", or ", _formats.Select(f => f.Pattern))}",
            Remedy = "Add a format whose pattern matches, or leave such files out of the source's pattern",
        });
    }
}

/// <summary>A pattern of file names or paths. Matching takes time linear in the length of the path. Immutable, so thread-safe.</summary>
internal sealed class FilePattern
{
    private readonly string _text;
    private readonly (Regex Pattern, bool OfPath)[] _alternatives;

    /// <exception cref="ArgumentException">The pattern is empty.</exception>
    public FilePattern(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        _text = text;
        _alternatives = [.. text
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(one => (Compile(one), one.Contains('/')))];
        if (_alternatives.Length == 0) throw new ArgumentException($"The file pattern '{text}' is empty.", nameof(text));
    }

    public bool Matches(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        foreach ((Regex pattern, bool ofPath) in _alternatives)
            if (pattern.IsMatch(ofPath ? path : name)) return true;
        return false;
    }

    public override string ToString() => _text;

    private static Regex Compile(string pattern)
    {
        var regex = new StringBuilder("^");
        for (int i = 0; i < pattern.Length; i++)
        {
            bool isDouble = pattern.AsSpan(i).StartsWith("**"), isFolders = pattern.AsSpan(i).StartsWith("**/");
            regex.Append(pattern[i] switch
            {
                '*' when isFolders => "(?:.*/)?",
                '*' when isDouble => ".*",
                '*' => "[^/]*",
                '?' => "[^/]",
                char c => Regex.Escape(c.ToString()),
            });
            i += isFolders ? 2 : isDouble ? 1 : 0;
        }
        return new Regex(
            regex.Append("\\z").ToString(),
            RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.Singleline);
    }
}
