using System.Globalization;
using System.Text;
using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>The names in a CSV file's first line, trimmed. Immutable; shared by all files with the same header.</summary>
public sealed class CsvHeader
{
    private const int LongestShown = 200;

    private readonly string[] _names;
    private readonly byte[] _raw;
    private readonly byte[] _rawUnits = [];
    private string? _shown;

    internal CsvHeader(CsvReader reader, CsvText text, long line, int[]? places, int count)
    {
        Text = text;
        Line = line;
        _raw = text.HasHeader ? reader.RawRecord.ToArray() : [];
        _names = text.HasHeader ? Texts(reader, places, count) : [.. Enumerable.Range(1, count).Select(i => $"#{i}")];
    }

    /// <summary>The header with the units under it.</summary>
    internal CsvHeader(CsvHeader header, CsvReader units, int[]? places, int count)
    {
        (Text, Line, _raw, _names) = (header.Text, header.Line, header._raw, header._names);
        _rawUnits = units.RawRecord.ToArray();
        Units = Texts(units, places, Math.Min(count, _names.Length));
    }

    /// <summary>The names, in the file's order; an empty one is a column without a name.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The units in the line under the header, in step with the names, perhaps fewer; empty when the format has none.</summary>
    public IReadOnlyList<string> Units { get; } = [];

    /// <summary>How many columns there are, and so how many fields each line must have.</summary>
    public int Count => _names.Length;

    /// <summary>The line the header stands on: 1, unless blank lines come before it.</summary>
    public long Line { get; }

    /// <summary>Finds a column that must be there once, ignoring case.</summary>
    /// <param name="name">Its name; <c>#3</c> is the third one, unless one is named so.</param>
    /// <param name="expected">All the names the file should have, for the message.</param>
    /// <returns>Its index.</returns>
    /// <exception cref="BadFileException">It is missing (with what looks like it) or doubled.</exception>
    public int Column(string name, string expected)
    {
        int index = IndexOf(name, 0);
        if (index < 0) index = Numbered(name);
        if (index < 0) throw new BadFileException(CsvDefects.MissingColumn(this, name, expected));
        if (IndexOf(name, index + 1) >= 0) throw new BadFileException(CsvDefects.DoubledColumn(this, name));
        return index;
    }

    /// <summary>The column's name for a message: <c>#3</c> when it has none.</summary>
    /// <param name="index">The 0-based column.</param>
    /// <returns>The name.</returns>
    public string Describe(int index) => index < _names.Length && _names[index].Length > 0 ? Shown(_names[index]) : $"#{index + 1}";

    /// <summary>The names with the file's separator between them, cut to 200 characters: every reject may carry it.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => _shown ??= Shown(string.Join(Text.Separator, _names));

    internal CsvText Text { get; }

    /// <summary>Whether a file with this header, on this line, is bound as this one is.</summary>
    internal bool Is(CsvHeader other) =>
        Line == other.Line && Count == other.Count && ReferenceEquals(Text, other.Text)
        && _raw.AsSpan().SequenceEqual(other._raw) && _rawUnits.AsSpan().SequenceEqual(other._rawUnits);

    /// <summary>As <see cref="Is(CsvHeader)"/>, for a header without units that is not made yet.</summary>
    internal bool Is(ReadOnlySpan<byte> raw, long line, CsvText text) =>
        Line == line && ReferenceEquals(Text, text) && raw.SequenceEqual(_raw);

    internal int Length => _raw.Length + _rawUnits.Length;

    // A stranger wrote the names: they may be a megabyte long, and hold what a terminal obeys.
    private static string Shown(string text)
    {
        if (text.Length <= LongestShown && !text.Any(char.IsControl)) return text;
        string start = text.Length <= LongestShown ? text : string.Concat(text.AsSpan(0, LongestShown), "…");
        return string.Concat(start.Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }

    private int Numbered(string name) =>
        name is ['#', ..] && int.TryParse(name.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= Count ? number - 1 : -1;

    private static string[] Texts(CsvReader reader, int[]? places, int count)
    {
        var texts = new string[count];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = Encoding.UTF8.GetString(reader.GetSpan(places is null ? i : places[i])).Trim();
        return texts;
    }

    private int IndexOf(string name, int from) =>
        Array.FindIndex(_names, from, n => n.Equals(name, StringComparison.OrdinalIgnoreCase));
}
