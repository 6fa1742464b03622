using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>Finds the pattern of names that all files of a kind have, also those that come later.</summary>
internal static partial class FilePatternGuess
{
    // A configuration and a database that lie beside the files are none of them.
    private static readonly string[] s_ours = ["dynamo.json", "readings.db", "readings.db-wal", "readings.db.0.lock"];

    /// <param name="files">The files of the kind.</param>
    /// <param name="others">Other samples, which must not match.</param>
    public static string Of(IReadOnlyList<string> files, IReadOnlyList<string> others)
    {
        string[] names = [.. files.Select(file => Path.GetFileName(file)!).Distinct()];
        string[] foreign = [.. others.Select(file => Path.GetFileName(file)!)];
        string[] extensions = [.. names.Select(Extension).Distinct()];
        foreach (string pattern in (string[])
            [string.Join(';', extensions.Select(extension => "*" + extension)), string.Join(';', names.Select(Start).Distinct()),
                string.Join(';', names.Select(name => Digits().Replace(name, "*")).Distinct())])
        {
            if (!foreign.Any(name => IsLike(name, pattern)) && !s_ours.Any(name => IsLike(name, pattern))) return pattern;
        }
        return string.Join(';', names);
    }

    /// <summary>The last part of a name: <c>.csv</c>, or <c>.csv.gz</c>.</summary>
    private static string Extension(string name) => Path.GetExtension(Packed.Inside(name)) + name[Packed.Inside(name).Length..];

    /// <summary>Whether a pattern matches a name, as a source would say.</summary>
    public static bool IsLike(string name, string pattern) => pattern.Split(';').Any(one =>
        Regex.IsMatch(
            name,
            "^" + Regex.Escape(one).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal) + "$"));

    /// <summary>The letters at a name's beginning and its extension.</summary>
    private static string Start(string name)
    {
        Match match = Letters().Match(name);
        return match.Length > 0 ? match.Value + "*" + Extension(name) : name;
    }

    [GeneratedRegex(@"^[^0-9_.\-]{2,}[_-]?", RegexOptions.CultureInvariant)]
    private static partial Regex Letters();

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
