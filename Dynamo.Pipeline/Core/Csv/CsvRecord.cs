using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>One line of a CSV file (several, when line breaks are quoted) with as many fields as the header. Lives while it is parsed.</summary>
public readonly ref struct CsvRecord
{
    private readonly CsvReader _reader;
    private readonly CsvHeader _header;
    private readonly CsvNames _names;
    private readonly int[]? _places;

    /// <param name="reader">The engine, on the record.</param>
    /// <param name="header">The table's header.</param>
    /// <param name="names">The names.</param>
    /// <param name="line">The line of the file.</param>
    /// <param name="places">Where the engine has each field, when it sees more of them than there are: several spaces that are one separator.</param>
    internal CsvRecord(CsvReader reader, CsvHeader header, CsvNames names, long line, int[]? places)
    {
        _reader = reader;
        _header = header;
        _names = names;
        _places = places;
        Line = line;
    }

    /// <summary>The 1-based line of the file where it starts.</summary>
    public long Line { get; }

    /// <summary>A field as UTF-8 (not validated): quotes removed, doubled quotes single, without spaces and tabs around it.</summary>
    /// <param name="column">The 0-based column, below <see cref="CsvHeader.Count"/>.</param>
    /// <returns>The bytes, valid while the record is parsed.</returns>
    public ReadOnlySpan<byte> Field(int column)
    {
        if (_places is not null) column = _places[column];
        // What is not quoted stands in the file as it is: the engine's decoding, which costs more than parsing a value, is only for quotes.
        ReadOnlySpan<byte> raw = Blanks.Trim(_reader.GetRawSpan(column));
        return raw.IsEmpty || raw[0] != _header.Text.Quote ? raw : Blanks.Trim(_reader.GetSpan(column));
    }

    /// <summary>A field as a name: valid UTF-8, not empty, at most 400 bytes, no control characters. Equal names are one string.</summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="defect">What is wrong with it, when the result is <see langword="null"/>.</param>
    /// <returns>The name, or <see langword="null"/>.</returns>
    public string? Name(int column, out Defect? defect)
    {
        string? name = _names.Intern(Field(column), out string? problem);
        defect = name is null ? Defect(column, $"the name {problem}", $"a name of 1 to {CsvNames.LongestName} bytes without control characters") : null;
        return name;
    }

    /// <summary>Describes what is wrong with a field: line, column, what was found and the raw line are filled in.</summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="problem">What is wrong: "the value is not a number".</param>
    /// <param name="expected">What would have been right.</param>
    /// <param name="remedy">What to do about it.</param>
    /// <returns>The defect, for <see cref="RowBatch{TRow}.Reject"/>.</returns>
    public Defect Defect(int column, string problem, string? expected = null, string? remedy = null) => new(problem)
    {
        Line = Line,
        Column = _header.Describe(column),
        Found = CsvDefects.Text(Field(column)),
        Expected = expected,
        Remedy = remedy,
        RawText = CsvDefects.Text(_reader.RawRecord),
    };
}

/// <summary>Spaces and tabs around a field.</summary>
internal static class Blanks
{
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text)
    {
        // Nearly every field has none.
        if (text.IsEmpty || (text[0] > ' ' && text[^1] > ' ')) return text;
        return text.Trim(" \t"u8);
    }
}
