using System.Text;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

/// <summary>A pattern of file names or paths. Immutable, thread-safe; matches in time linear in the path.</summary>
internal sealed class FilePattern
{
    private readonly string _text;
    private readonly (Regex Pattern, bool OfPath)[] _alternatives;

    /// <exception cref="ArgumentException">The pattern is empty.</exception>
    public FilePattern(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        _text = text;
        _alternatives = [.. text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(one => (Compile(one), one.Contains('/')))];
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
        return new Regex(regex.Append("\\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.Singleline);
    }
}
