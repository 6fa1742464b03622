using System.Globalization;
using System.Text;
using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>
/// The column names of a CSV file, trimmed. Immutable, so any thread may use it; all files with the same header share one.
/// </summary>
public sealed class CsvHeader
{
    private const int LongestShown = 200;

    private readonly string[] _names;
    private readonly byte[] _raw;
    private readonly byte[] _rawUnits = [];
    private readonly string[][] _lines = [];
    private string? _shown;

    internal CsvHeader(CsvReader reader, CsvText text, long line, int[]? places, int count)
    {
        Text = text;
        Line = line;
        _raw = text.HasHeader ? reader.RawRecord.ToArray() : [];
        _names = text.HasHeader ? Texts(reader, places, count) : [.. Enumerable.Range(1, count).Select(i => $"#{i}")];
        Least = Array.FindLastIndex(_names, name => name.Length > 0) + 1;
    }

    /// <summary>A header over several lines: one more line below those of <paramref name="above"/>.</summary>
    internal CsvHeader(CsvHeader above, CsvReader next, int[]? places, int count, bool isLast)
    {
        (Text, Line, _raw) = (above.Text, above.Line, [.. above._raw, .. next.RawRecord]);
        _lines = [.. above._lines.Length == 0 ? [above._names] : above._lines, Texts(next, places, count)];
        int width = _lines.Max(line => line.Length);
        if (Text.HeaderSpans && isLast) _lines = [.. _lines[..^1].Select(line => Spanned(line, width)), _lines[^1]];
        _names = [.. Enumerable.Range(0, width).Select(column => Joined(column, -1))];
        Least = Array.FindLastIndex(_names, name => name.Length > 0) + 1;
    }

    /// <summary>A header together with the line of units below it.</summary>
    internal CsvHeader(CsvHeader header, CsvReader units, int[]? places, int count)
    {
        (Text, Line, _raw, _names, _lines) = (header.Text, header.Line, header._raw, header._names, header._lines);
        _rawUnits = units.RawRecord.ToArray();
        Units = Texts(units, places, Math.Min(count, _names.Length));
        Least = header.Least;
    }

    /// <summary>The names in the file's order. An empty one is a column without a name.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>
    /// The units in the line below the header, in the order of the names. There may be fewer units than names.
    /// Empty if the format has no units.
    /// </summary>
    public IReadOnlyList<string> Units { get; } = [];

    /// <summary>How many columns there are. A line has as many fields; empty ones may be missing at its end if they have no name.</summary>
    public int Count => _names.Length;

    /// <summary>The number of the header's line: 1, unless blank lines or a preamble come before it.</summary>
    public long Line { get; }

    /// <summary>Finds a column that must be there exactly once. Case does not matter.</summary>
    /// <param name="name">Its name. <c>#3</c> is the third column, unless a column has that name.</param>
    /// <param name="expected">All names that the file should have, for the error message.</param>
    /// <returns>Its 0-based index.</returns>
    /// <exception cref="BadFileException">
    /// The column is missing or there twice. If it is missing, the message contains the most similar name.
    /// </exception>
    public int Column(string name, string expected)
    {
        int index = IndexOf(name, 0);
        if (index < 0) index = Numbered(name);
        if (index < 0) throw new BadFileException(CsvDefects.MissingColumn(this, name, expected));
        if (IndexOf(name, index + 1) >= 0) throw new BadFileException(CsvDefects.DoubledColumn(this, name));
        return index;
    }

    /// <summary>The name of a column for a message, or its number such as <c>#3</c> if it has no name.</summary>
    /// <param name="index">The 0-based index of the column.</param>
    /// <returns>The name, at most 200 characters of it, without control characters.</returns>
    public string Describe(int index) =>
        index < _names.Length && _names[index].Length > 0 ? Shown(_names[index]) : $"#{index + 1}";

    /// <summary>
    /// The names with the file's separator between them, cut to 200 characters, because every rejected row may contain it.
    /// </summary>
    /// <returns>The text.</returns>
    public override string ToString() => _shown ??= Shown(string.Join(Text.Separator, _names));

    internal CsvText Text { get; }

    /// <summary>How many lines of the header were read.</summary>
    internal int Lines => Math.Max(1, _lines.Length);

    /// <summary>The text above a column in one line of a header over several lines, empty if there is none.</summary>
    internal string Part(int column, int line) =>
        line < _lines.Length && column < _lines[line].Length ? _lines[line][column] : "";

    /// <summary>A column's name, put together from its cells in all lines but one.</summary>
    internal string Joined(int column, int without)
    {
        var parts = new List<string>();
        for (int line = 0; line < _lines.Length; line++)
            if (line != without && Part(column, line) is { Length: > 0 } part && !parts.Contains(part)) parts.Add(part);
        return string.Join(' ', parts);
    }

    private static string[] Spanned(string[] cells, int width)
    {
        string[] spanned = [.. cells, .. Enumerable.Repeat("", width - cells.Length)];
        for (int i = 1; i < spanned.Length; i++)
            if (spanned[i].Length == 0) spanned[i] = spanned[i - 1];
        return spanned;
    }

    /// <summary>How many fields a line has at least: separators at the end of the header make columns that no line needs to have.</summary>
    internal int Least { get; }

    /// <summary>Whether the columns found for this header are also right for the other one: both have the same bytes and line.</summary>
    internal bool Is(CsvHeader other) =>
        Line == other.Line && Count == other.Count && ReferenceEquals(Text, other.Text)
        && _raw.AsSpan().SequenceEqual(other._raw) && _rawUnits.AsSpan().SequenceEqual(other._rawUnits);

    /// <summary>The same as <see cref="Is(CsvHeader)"/>, for a header without units of which there are only the bytes yet.</summary>
    internal bool Is(ReadOnlySpan<byte> raw, long line, CsvText text) =>
        Line == line && ReferenceEquals(Text, text) && raw.SequenceEqual(_raw);

    /// <summary>Whether a line is one of this header's.</summary>
    internal bool Has(ReadOnlySpan<byte> raw) => Lines == 1 ? raw.SequenceEqual(_raw) : _raw.AsSpan().IndexOf(raw) >= 0;

    internal int Length => _raw.Length + _rawUnits.Length;

    // Anybody may have written the names: they can be a megabyte long and contain control sequences for a terminal.
    private static string Shown(string text)
    {
        if (text.Length <= LongestShown && !text.Any(char.IsControl)) return text;
        string start = text.Length <= LongestShown ? text : string.Concat(text.AsSpan(0, LongestShown), "…");
        return string.Concat(start.Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }

    private int Numbered(string name) =>
        name is ['#', ..]
        && int.TryParse(name.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && number <= Count
            ? number - 1
            : -1;

    private static string[] Texts(CsvReader reader, int[]? places, int count)
    {
        var texts = new string[count];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = OneLine(Encoding.UTF8.GetString(reader.GetSpan(places is null ? i : places[i])).Trim());
        return texts;
    }

    /// <summary>A name without line breaks: spreadsheets put them into headers, and a blank means the same.</summary>
    private static string OneLine(string name) =>
        name.AsSpan().ContainsAny('\r', '\n')
            ? string.Join(' ', name.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            : name;

    private int IndexOf(string name, int from) =>
        Array.FindIndex(_names, from, n => n.Equals(name, StringComparison.OrdinalIgnoreCase));
}
