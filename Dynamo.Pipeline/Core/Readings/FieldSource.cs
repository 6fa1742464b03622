using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

/// <summary>Where a field of a reading comes from: a column, the file's path, the lines above the table, or a constant. Immutable.</summary>
public sealed record FieldSource
{
    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    private readonly Regex? _pattern;

    private FieldSource(FieldSourceKind kind, string text, Regex? pattern = null) => (Kind, Text, _pattern) = (kind, text, pattern);

    /// <summary>The file's name without folders and without its last extension: <c>north/L0042.csv</c> is <c>L0042</c>.</summary>
    public static FieldSource FileName { get; } = new(FieldSourceKind.FileName, "");

    /// <summary>Which kind of place it is.</summary>
    public FieldSourceKind Kind { get; }

    /// <summary>The column's name, the constant, the pattern or the label; empty for <see cref="FileName"/>.</summary>
    public string Text { get; }

    /// <summary>The column it is in, or <see langword="null"/> when it is the same for the whole file.</summary>
    internal string? ColumnName => Kind == FieldSourceKind.Column ? Text : null;

    /// <summary>A column of the file.</summary>
    /// <param name="name">The name in the header, compared without case and without spaces around it; <c>#3</c> is the third column, unless one is named so.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static FieldSource Column(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new(FieldSourceKind.Column, name.Trim());
    }

    /// <summary>A column of the file, by its place.</summary>
    /// <param name="number">1 for the first.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public static FieldSource Column(int number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        return new(FieldSourceKind.Column, $"#{number}");
    }

    /// <summary>The same text for every file.</summary>
    /// <param name="text">The logger's or channel's name, or what the field is.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    public static FieldSource Constant(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return new(FieldSourceKind.Constant, text);
    }

    /// <summary>A part of the file's path below the source, such as <c>(?&lt;logger&gt;[^/]+)/[^/]+$</c> for the folder the file is in.</summary>
    /// <param name="pattern">
    /// A regular expression with one named group, or with several of which one is called as the field is (<c>logger</c>, <c>channel</c>, <c>timestamp</c>, …), so that
    /// one pattern serves several fields. Matched without regard to culture and in time linear in the path, for which it has no look-around and no
    /// back-references. A file whose path does not match is quarantined.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">Not a regular expression, or without a named group.</exception>
    public static FieldSource PathPattern(string pattern) => new(FieldSourceKind.PathPattern, pattern, Compiled(pattern, "path"));

    /// <summary>What follows a label in a line above the table: for <c>Logger ID: 12345</c>, the label <c>Logger ID</c> gives <c>12345</c>.</summary>
    /// <param name="label">
    /// The beginning of the line, without case. Colons, equals signs, separators, quotes and blanks after it are passed over, and those at the line's end as well.
    /// A file without such a line is quarantined. Which lines are above the table is set in <see cref="CsvText"/>.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The label is empty.</exception>
    public static FieldSource Preamble(string label)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(label);
        return new(FieldSourceKind.Preamble, label.Trim());
    }

    /// <summary>A part of a line above the table.</summary>
    /// <param name="pattern">A regular expression as for <see cref="PathPattern"/>; the first line that matches counts. A file without one is quarantined.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">Not a regular expression, or without a named group.</exception>
    public static FieldSource PreamblePattern(string pattern) => new(FieldSourceKind.PreamblePattern, pattern, Compiled(pattern, "preamble"));

    /// <summary>Two sources are equal when they are the same place.</summary>
    /// <param name="other">The other one.</param>
    /// <returns>Whether they are equal.</returns>
    public bool Equals(FieldSource? other) => other is not null && Kind == other.Kind && Text == other.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Text);

    /// <summary>Which source it is.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Kind switch
    {
        FieldSourceKind.Column => $"column '{Text}'",
        FieldSourceKind.FileName => "the file's name",
        FieldSourceKind.Constant => $"constant '{Text}'",
        FieldSourceKind.PathPattern => $"path pattern '{Text}'",
        FieldSourceKind.Preamble => $"'{Text}' above the table",
        _ => $"preamble pattern '{Text}'",
    };

    /// <summary>Refuses a pattern of several groups none of which has the field's name.</summary>
    internal FieldSource For(string field) =>
        _pattern is null || Group(field) is not null
            ? this
            : throw new ArgumentException($"The {Place} pattern '{Text}' has several named groups: one of them must be called '{field}', or there must be only one.");

    /// <summary>The text for a whole file.</summary>
    /// <exception cref="BadFileException">It is not there.</exception>
    internal string TextOf(in CsvFile file, string field)
    {
        if (Find(file, field) is { } text) return text;
        bool inPath = Kind == FieldSourceKind.PathPattern;
        throw new BadFileException(new Defect($"the {field} cannot be taken from {(inPath ? "the file's path" : "the lines above the table")}")
        {
            Found = inPath ? file.Source.Path : string.Join(" | ", file.Preamble.Take(20)),
            Expected = inPath ? $"a path that matches {Text}" : Kind == FieldSourceKind.Preamble ? $"a line such as '{Text}: …'" : $"a line that matches {Text}",
            Remedy = inPath ? "Rename the file, or change the format" : "Change the format: PreambleLines, TableStart or Comment say which lines are above the table",
        });
    }

    /// <summary>The name for a whole file.</summary>
    /// <exception cref="BadFileException">It is not there, or it is no name.</exception>
    internal string NameOf(in CsvFile file, string field) =>
        file.Names.Intern(TextOf(file, field), out string? problem) ?? throw new BadFileException(new Defect($"the {field} taken from {this} {problem}")
        {
            Found = Find(file, field),
            Expected = "a name without control characters",
            Remedy = "Rename the file, or change the format",
        });

    private string Place => Kind == FieldSourceKind.PathPattern ? "path" : "preamble";

    private string? Find(in CsvFile file, string field) => Kind switch
    {
        FieldSourceKind.Constant => Text,
        FieldSourceKind.FileName => Path.GetFileNameWithoutExtension(file.Source.Path[(file.Source.Path.LastIndexOf('/') + 1)..]),
        FieldSourceKind.PathPattern => Matched(file.Source.Path, field),
        FieldSourceKind.PreamblePattern => file.Preamble.Select(line => Matched(line, field)).FirstOrDefault(text => text is not null),
        _ => file.Preamble.Select(Labelled).FirstOrDefault(text => text is not null),
    };

    private string? Matched(string text, string field)
    {
        Match match = _pattern!.Match(text);
        return match.Success && match.Groups[Group(field)!] is { Success: true } group ? group.Value.Trim() : null;
    }

    private string? Labelled(string line)
    {
        const string Between = " \t:=;,|\"'";
        line = line.TrimStart(' ', '\t', '"');
        if (!line.StartsWith(Text, StringComparison.OrdinalIgnoreCase) || line.Length == Text.Length) return null;
        // The label is a word of its own: 'ID' is not the beginning of 'IDENTIFICATION 7'.
        ReadOnlySpan<char> rest = line.AsSpan(Text.Length);
        if (char.IsLetterOrDigit(rest[0]) && char.IsLetterOrDigit(Text[^1])) return null;
        rest = rest.Trim(Between);
        return rest.IsEmpty ? null : rest.ToString();
    }

    private string? Group(string field)
    {
        string[] named = [.. _pattern!.GetGroupNames().Where(name => name != "0")];
        return named.Length == 1 ? named[0] : named.FirstOrDefault(name => name.Equals(field, StringComparison.OrdinalIgnoreCase));
    }

    private static Regex Compiled(string pattern, string place)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        try
        {
            var regex = new Regex(pattern, Linear);
            return regex.GetGroupNumbers().Length >= 2
                ? regex
                : throw new ArgumentException($"The {place} pattern '{pattern}' needs a named group, such as (?<logger>[^/]+).", nameof(pattern));
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException($"The {place} pattern '{pattern}' uses look-around or back-references: {e.Message}", nameof(pattern), e);
        }
    }
}

/// <summary>The kinds of places where a field may be.</summary>
public enum FieldSourceKind
{
    /// <summary>In a column.</summary>
    Column,

    /// <summary>The file's name without folders and without its last extension.</summary>
    FileName,

    /// <summary>The same for every file.</summary>
    Constant,

    /// <summary>In the file's path.</summary>
    PathPattern,

    /// <summary>After a label above the table.</summary>
    Preamble,

    /// <summary>In a line above the table.</summary>
    PreamblePattern,
}
