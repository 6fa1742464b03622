using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

/// <summary>
/// The place of one field of a reading: a column, the file's path, the lines above the table, or a constant. Immutable.
/// </summary>
public sealed record FieldSource
{
    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    private readonly Regex? _pattern;

    private FieldSource(FieldSourceKind kind, string text, Regex? pattern = null) => (Kind, Text, _pattern) = (kind, text, pattern);

    private const int MostColumns = 6;

    /// <summary>The file's name without folders and last extension: <c>L0042</c> for <c>north/L0042.csv</c>.</summary>
    public static FieldSource FileName { get; } = new(FieldSourceKind.FileName, "");

    /// <summary>The kind of place.</summary>
    internal FieldSourceKind Kind { get; }

    /// <summary>The column's name, the constant, the pattern or the label. Empty for <see cref="FileName"/>.</summary>
    public string Text { get; }

    /// <summary>The names of several columns; empty for all other kinds.</summary>
    internal IReadOnlyList<string> ColumnNames { get; private init; } = [];

    /// <summary>The 0-based line of the header, or -1 if the field is not in one line of it.</summary>
    internal int HeaderLineIndex => Kind == FieldSourceKind.HeaderLine ? int.Parse(Text, CultureInfo.InvariantCulture) - 1 : -1;

    /// <summary>The name of the column, or <see langword="null"/> if the field is not in one column.</summary>
    internal string? ColumnName => Kind == FieldSourceKind.Column ? Text : null;

    /// <summary>A column of the file, by its name.</summary>
    /// <param name="name">
    /// The name in the header. Case and spaces around it do not matter. <c>#3</c> is the third column, unless a column has that name.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static FieldSource Column(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new(FieldSourceKind.Column, name.Trim());
    }

    /// <summary>A column of the file, by its number.</summary>
    /// <param name="number">The number of the column; 1 is the first.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public static FieldSource Column(int number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        return new(FieldSourceKind.Column, $"#{number}");
    }

    /// <summary>
    /// Several columns, whose texts are read as one with a space between them: year, month, day, hour, minute and second.
    /// </summary>
    /// <param name="names">Two to six names, each as in <see cref="Column(string)"/>.</param>
    /// <returns>The source, which is for <see cref="ReadingFormat.Timestamp"/> only.</returns>
    /// <exception cref="ArgumentException">There are fewer than two names or more than six, or one is empty.</exception>
    public static FieldSource Columns(params IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        if (names.Count is < 2 or > MostColumns || names.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("Columns needs two to six names of columns.", nameof(names));
        string[] trimmed = [.. names.Select(name => name.Trim())];
        return new(FieldSourceKind.Columns, string.Join(" + ", trimmed)) { ColumnNames = trimmed };
    }

    /// <summary>
    /// A part of a column's name. In <c>Temp, °C (LGR S/N: 1001)</c>, the pattern <c>S/N: (?&lt;logger&gt;[0-9]+)</c> gives <c>1001</c>.
    /// </summary>
    /// <param name="pattern">
    /// A regular expression as for <see cref="PathPattern"/>. In a wide file, the logger and the channel of a column are taken from the
    /// column's own name if it matches. Otherwise the first name in the header that matches is used.
    /// A file without such a name is quarantined.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The pattern is not a regular expression, has no named group, or is not allowed.</exception>
    public static FieldSource HeaderPattern(string pattern) =>
        new(FieldSourceKind.HeaderPattern, pattern, Compiled(pattern, "header"));

    /// <summary>
    /// The text above a column in one line of a header that is written over several lines (<see cref="CsvText.HeaderLines"/>), as the
    /// stations of a wide file: each column is then one of its station. The channel's name is put together from the other lines.
    /// </summary>
    /// <param name="line">The line of the header; 1 is the first.</param>
    /// <returns>The source, which is for <see cref="ReadingFormat.Logger"/> only.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The line is less than 1 or more than 10.</exception>
    public static FieldSource HeaderLine(int line)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(line, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(line, 10);
        return new(FieldSourceKind.HeaderLine, line.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The same text for every file.</summary>
    /// <param name="text">The content of the field, such as the logger's name.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    public static FieldSource Constant(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return new(FieldSourceKind.Constant, text);
    }

    /// <summary>
    /// A part of the file's path below the source. For example, <c>(?&lt;logger&gt;[^/]+)/[^/]+$</c> is the folder of the file.
    /// </summary>
    /// <param name="pattern">
    /// A regular expression with one named group. It may have several if one has the name of the field (<c>logger</c>,
    /// <c>channel</c>, <c>timestamp</c> and so on), so that several fields can share one pattern. Culture does not matter.
    /// Matching takes time linear in the length of the path; so look-around and back-references are not allowed.
    /// A file whose path does not match is quarantined.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The pattern is not a regular expression, has no named group, or is not allowed.</exception>
    public static FieldSource PathPattern(string pattern) => new(FieldSourceKind.PathPattern, pattern, Compiled(pattern, "path"));

    /// <summary>
    /// The text after a label in a line above the table. In <c>Logger ID: 12345</c>, the label <c>Logger ID</c> gives <c>12345</c>.
    /// </summary>
    /// <param name="label">
    /// The beginning of the line, up to a separator: a colon, an equals sign, a semicolon, a comma, a tab or two blanks. Case does not
    /// matter. The text goes to the next separator of the file, or to the end of the line. If the label stands alone, its text is the line
    /// below. A file without such a line is quarantined. <see cref="CsvText"/> sets which lines are above the table.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The label is empty.</exception>
    public static FieldSource Preamble(string label)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(label);
        return new(FieldSourceKind.Preamble, label.Trim());
    }

    /// <summary>A part of a line above the table.</summary>
    /// <param name="pattern">
    /// A regular expression as for <see cref="PathPattern"/>. The first line that matches is used.
    /// A file without such a line is quarantined.
    /// </param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The pattern is not a regular expression, has no named group, or is not allowed.</exception>
    public static FieldSource PreamblePattern(string pattern) =>
        new(FieldSourceKind.PreamblePattern, pattern, Compiled(pattern, "preamble"));

    /// <summary>Two sources are equal if their kind and text are equal.</summary>
    /// <param name="other">The source to compare with.</param>
    /// <returns>Whether they are equal.</returns>
    public bool Equals(FieldSource? other) => other is not null && Kind == other.Kind && Text == other.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Text);

    /// <summary>Describes the place, for messages.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Kind switch
    {
        FieldSourceKind.Column => $"column '{Text}'",
        FieldSourceKind.FileName => "the file's name",
        FieldSourceKind.Columns => $"columns '{Text}'",
        FieldSourceKind.HeaderPattern => $"header pattern '{Text}'",
        FieldSourceKind.HeaderLine => $"line {Text} of the header",
        FieldSourceKind.Constant => $"constant '{Text}'",
        FieldSourceKind.PathPattern => $"path pattern '{Text}'",
        FieldSourceKind.Preamble => $"'{Text}' above the table",
        _ => $"preamble pattern '{Text}'",
    };

    /// <summary>Returns this source; refuses a pattern that has several groups and none with the field's name.</summary>
    /// <exception cref="ArgumentException">The pattern has several groups and none has the field's name.</exception>
    internal FieldSource For(string field) =>
        _pattern is null || Group(field) is not null
            ? this
            : throw new ArgumentException($"The {Origin} pattern '{Text}' has several named groups: "
                + $"one of them must be called '{field}', or there must be only one.");

    /// <summary>The text of a field that is the same for a whole file.</summary>
    /// <exception cref="BadFileException">The file does not have it.</exception>
    internal string TextOf(in CsvFile file, string field)
    {
        if (Find(file, field) is { } text) return text;
        bool inPath = Kind == FieldSourceKind.PathPattern, inHeader = Kind == FieldSourceKind.HeaderPattern;
        string place = inPath ? "the file's path" : inHeader ? "the header" : "the lines above the table";
        throw new BadFileException(new Defect($"the {field} cannot be taken from {place}")
        {
            Found = inPath ? file.Source.Path : inHeader ? file.Header?.ToString() : string.Join(" | ", file.Preamble.Take(20)),
            Expected = inPath ? $"a path that matches {(Text.Length > 80 ? Text[..80] + "…" : Text)}"
                : inHeader ? $"a column whose name matches {Text}"
                : Kind == FieldSourceKind.Preamble ? $"a line such as '{Text}: …'"
                : $"a line that matches {Text}",
            Remedy = inPath ? "Rename the file, or change the format"
                : inHeader ? "Change the format"
                : $"Change the format: {OptionName.Of(nameof(CsvText.PreambleLines))}, {OptionName.Of(nameof(CsvText.TableStart))} "
                    + $"or {OptionName.Of(nameof(CsvText.Comment))} say which lines are above the table",
        });
    }

    /// <summary>The name of a logger or channel that is the same for a whole file.</summary>
    /// <exception cref="BadFileException">The file does not have it, or it is not a valid name.</exception>
    internal string NameOf(in CsvFile file, string field)
    {
        if (file.Names.Intern(TextOf(file, field), out string? problem) is { } name) return name;
        throw new BadFileException(new Defect($"the {field} taken from {this} {problem}")
        {
            Found = Find(file, field),
            Expected = "a name without control characters",
            Remedy = "Rename the file, or change the format",
        });
    }

    private string Origin => Kind switch
    {
        FieldSourceKind.PathPattern => "path",
        FieldSourceKind.HeaderPattern => "header",
        _ => "preamble",
    };

    private string? Find(in CsvFile file, string field) => Kind switch
    {
        FieldSourceKind.Constant => Text,
        FieldSourceKind.FileName => Path.GetFileNameWithoutExtension(file.Source.Path[(file.Source.Path.LastIndexOf('/') + 1)..]),
        FieldSourceKind.PathPattern => Matched(file.Source.Path, field)
            ?? (file.Source.Delivered is { } delivered ? Matched(delivered, field) : null),
        FieldSourceKind.PreamblePattern => file.Preamble.Select(line => Matched(line, field)).FirstOrDefault(text => text is not null),
        FieldSourceKind.HeaderPattern => file.Header?.Names.Select(name => Matched(name, field)).FirstOrDefault(text => text is not null),
        _ => LabelledIn(file.Preamble, file.Header?.Text.Separator ?? ','),
    };

    /// <summary>Whether a line has the text that is looked for above the table.</summary>
    internal bool IsIn(string line, char separator, string field) => Kind switch
    {
        FieldSourceKind.PreamblePattern => Matched(line, field) is not null,
        FieldSourceKind.Preamble => Labelled(line, separator) is not null,
        _ => false,
    };

    /// <summary>The part of a text that the pattern matches, or null.</summary>
    internal string? PartOf(string text, string field) => _pattern is null ? null : Matched(text, field);

    /// <summary>The text that the label in one of the lines is for; null if it is in none.</summary>
    internal string? LabelledIn(IReadOnlyList<string> lines, char separator)
    {
        for (int i = 0; i < lines.Count; i++)
        {
            if (Labelled(lines[i], separator) is { } text) return text;
            // A label that stands alone is for the line below.
            if (i + 1 < lines.Count && IsAlone(lines[i], separator) && Below(lines[i + 1], separator) is { } below) return below;
        }
        return null;
    }

    private bool IsAlone(string line, char separator) =>
        line.Trim([' ', '\t', '"', '\'', ':', '=', separator]).Equals(Text.TrimEnd(':', '=', ' '), StringComparison.OrdinalIgnoreCase);

    private static string? Below(string line, char separator)
    {
        string cell = line.Trim([' ', '\t', '"', separator]);
        return cell.Length > 0 && !cell.Contains(separator) && cell[^1] is not (':' or '=') ? cell : null;
    }

    private string? Matched(string text, string field)
    {
        Match match = _pattern!.Match(text);
        return match.Success && match.Groups[Group(field)!] is { Success: true } group ? group.Value.Trim() : null;
    }

    private string? Labelled(string line, char separator)
    {
        const string Blank = " \t\"'", Marks = ":=;,|\t";
        line = line.TrimStart(' ', '\t', '"', '\'');
        if (!line.StartsWith(Text, StringComparison.OrdinalIgnoreCase)) return null;
        // The label must end where its text ends: 'Device' is not the label of the line 'Device Properties'.
        ReadOnlySpan<char> rest = line.AsSpan(Text.Length);
        ReadOnlySpan<char> value = rest.TrimStart(Blank);
        bool isEnd = Marks.Contains(Text[^1])
            || rest.StartsWith("  ")
            || rest.StartsWith("\t")
            || (value is [var mark, ..] && Marks.Contains(mark));
        if (!isEnd) return null;
        value = value.TrimStart(Marks + Blank);
        // A quoted value ends with its quote, any other one with its cell.
        int at = rest.Length - value.Length;
        bool isQuoted = at > 0 && rest[at - 1] == '"';
        int end = value.IndexOf('\t') is var tab and >= 0 ? tab : value.Length;
        if (separator != ' ' && value.IndexOf(separator) is var cell and >= 0 && cell < end) end = cell;
        if (isQuoted && value.IndexOf('"') is var quote and > 0) end = quote;
        value = value[..end].Trim(Marks + Blank);
        return value.IsEmpty ? null : value.ToString();
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
                : throw new ArgumentException(
                    $"The {place} pattern '{pattern}' needs a named group, such as (?<logger>[^/]+).", nameof(pattern));
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException(
                $"The {place} pattern '{pattern}' uses look-around or back-references: {e.Message}", nameof(pattern), e);
        }
    }
}

/// <summary>The kinds of places where a field can be.</summary>
internal enum FieldSourceKind
{
    /// <summary>A column, see <see cref="FieldSource.Column(string)"/>.</summary>
    Column,

    /// <summary>The file's name without folders and last extension, see <see cref="FieldSource.FileName"/>.</summary>
    FileName,

    /// <summary>Several columns, see <see cref="FieldSource.Columns"/>.</summary>
    Columns,

    /// <summary>A part of a column's name, see <see cref="FieldSource.HeaderPattern"/>.</summary>
    HeaderPattern,

    /// <summary>The text above a column, see <see cref="FieldSource.HeaderLine"/>.</summary>
    HeaderLine,

    /// <summary>The same text for every file, see <see cref="FieldSource.Constant"/>.</summary>
    Constant,

    /// <summary>A part of the file's path, see <see cref="FieldSource.PathPattern"/>.</summary>
    PathPattern,

    /// <summary>The text after a label above the table, see <see cref="FieldSource.Preamble"/>.</summary>
    Preamble,

    /// <summary>A part of a line above the table, see <see cref="FieldSource.PreamblePattern"/>.</summary>
    PreamblePattern,
}
