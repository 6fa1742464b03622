using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

/// <summary>Where a reading's logger or channel comes from: a column, the file's path, or a constant. Immutable.</summary>
public sealed record FieldSource
{
    private readonly string? _constant;
    private readonly Regex? _pattern;
    private readonly string _description;

    private FieldSource(string description, string? column, string? constant, Regex? pattern) =>
        (_description, ColumnName, _constant, _pattern) = (description, column, constant, pattern);

    /// <summary>The file's name without folders and without its last extension: <c>north/L0042.csv</c> is <c>L0042</c>.</summary>
    public static FieldSource FileName { get; } = new("the file's name", null, null, null);

    /// <summary>The column it is in, or <see langword="null"/> when it is the same for the whole file.</summary>
    internal string? ColumnName { get; }

    /// <summary>A column of the file.</summary>
    /// <param name="name">The name in the header, compared without case and without spaces around it.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static FieldSource Column(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new($"column '{name.Trim()}'", name.Trim(), null, null);
    }

    /// <summary>The same text for every file.</summary>
    /// <param name="text">The logger's or channel's name.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    public static FieldSource Constant(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return new($"constant '{text}'", null, text, null);
    }

    /// <summary>A part of the file's path below the source, such as <c>(?&lt;logger&gt;[^/]+)/[^/]+$</c> for the folder the file is in.</summary>
    /// <param name="pattern">
    /// A regular expression with one named group, matched without regard to culture and in time linear in the path, for which it has no look-around
    /// and no back-references. A file whose path does not match is quarantined.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">Not a regular expression, or not with one named group.</exception>
    public static FieldSource PathPattern(string pattern)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        Regex regex;
        try
        {
            regex = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException($"The path pattern '{pattern}' uses look-around or back-references: {e.Message}", nameof(pattern), e);
        }
        if (regex.GetGroupNumbers().Length != 2)
            throw new ArgumentException($"The path pattern '{pattern}' needs exactly one named group, such as (?<logger>[^/]+).", nameof(pattern));
        return new($"path pattern '{pattern}'", null, null, regex);
    }

    /// <summary>Two sources are equal when they are described alike.</summary>
    /// <param name="other">The other one.</param>
    /// <returns>Whether they are equal.</returns>
    public bool Equals(FieldSource? other) => other is not null && _description == other._description;

    /// <inheritdoc/>
    public override int GetHashCode() => _description.GetHashCode(StringComparison.Ordinal);

    /// <summary>Which source it is.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => _description;

    /// <summary>The text for a whole file.</summary>
    /// <exception cref="BadFileException">The path does not match, or what it gives is no name.</exception>
    internal string ForFile(SourceFile file, string what, CsvNames names)
    {
        string? problem = null;
        return Text(file) is { } text && names.Intern(text, out problem) is { } name ? name : throw new BadFileException(new Defect(
            problem is null ? $"the {what} cannot be taken from the file's path" : $"the {what} taken from {_description} {problem}")
        {
            Found = file.Path,
            Expected = _pattern is null ? "a name without control characters" : $"a path that matches {_pattern}",
            Remedy = "Rename the file, or change the format",
        });
    }

    private string? Text(SourceFile file)
    {
        if (_constant is not null) return _constant;
        if (_pattern is null) return Path.GetFileNameWithoutExtension(file.Path[(file.Path.LastIndexOf('/') + 1)..]);
        Match match = _pattern.Match(file.Path);
        return match.Success ? match.Groups[1].Value : null;
    }
}
