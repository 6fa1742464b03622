using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;
using CsvHelper;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline;

/// <summary>
/// One line of a CSV file with as many fields as the header. It is several lines of text if line breaks are quoted.
/// Valid only while it is parsed.
/// </summary>
/// <remarks>
/// Columns are numbered from 0: in the list of names if the format has a <see cref="CsvRecordParser{TRow}"/>, otherwise in the header.
/// Messages contain the name of the column in the header.
/// <para>
/// The <c>Try…</c> methods read a field as a type. If they return <see langword="false"/>, reject the row with their defect: it has the
/// line, the column, what was found and what was expected. Methods that end in <c>OrNull</c> read an empty field as
/// <see langword="null"/>. They throw only for a column that does not exist, which is a bug of the caller.
/// </para>
/// </remarks>
public readonly ref struct CsvRecord
{
    private readonly CsvReader _reader;
    private readonly CsvHeader _header;
    private readonly CsvNames _names;
    private readonly int[]? _places;
    private readonly int[]? _columns;
    private readonly bool _isMapped;

    /// <param name="reader">The CSV reader, at this record.</param>
    /// <param name="header">The header of the table.</param>
    /// <param name="names">The names of the format.</param>
    /// <param name="line">The line number in the file.</param>
    /// <param name="places">
    /// The reader's index of each field, if the reader sees more fields than there are because several spaces are one separator,
    /// or fewer because the line ends early. -1 is a field that is not there, which is empty.
    /// </param>
    /// <param name="columns">The header's columns that the caller uses, in the caller's order; all columns if null.</param>
    internal CsvRecord(CsvReader reader, CsvHeader header, CsvNames names, long line, int[]? places, int[]? columns = null)
    {
        _reader = reader;
        _header = header;
        _names = names;
        _places = places;
        _columns = columns;
        _isMapped = places is not null || columns is not null;
        Line = line;
    }

    /// <summary>The 1-based number of the record's first line in the file.</summary>
    public long Line { get; }

    /// <summary>
    /// Gets a field as UTF-8, which may be invalid. The quotes and the spaces and tabs around it are removed, and doubled quotes are
    /// single.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <returns>The bytes, valid while the record is parsed.</returns>
    public ReadOnlySpan<byte> Field(int column)
    {
        if (_isMapped) return MappedField(column);
        // A field without quotes is in the file as it is. Only a quoted one needs decoding, which costs more than parsing a value.
        ReadOnlySpan<byte> raw = Blanks.Trim(_reader.GetRawSpan(column));
        return raw.IsEmpty || raw[0] != _header.Text.Quote ? raw : Blanks.Trim(_reader.GetSpan(column));
    }

    /// <summary>
    /// Reads a field as a name: valid UTF-8, not empty, at most 400 bytes, no control characters. Equal names are one string, so use it
    /// for texts that are repeated often, such as a device or a state.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="name">The name.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is a name.</returns>
    public bool TryName(int column, [NotNullWhen(true)] out string? name, [NotNullWhen(false)] out Defect? defect)
    {
        defect = null;
        name = _names.Intern(Field(column), out string? problem);
        if (name is not null) return true;
        defect = Defect(column, $"the name {problem}", $"a name of 1 to {CsvNames.LongestName} bytes without control characters");
        return false;
    }

    /// <summary>Reads a field as a name, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryName"/>
    public bool TryNameOrNull(int column, out string? name, [NotNullWhen(false)] out Defect? defect)
    {
        (name, defect) = (null, null);
        return Field(column).IsEmpty || TryName(column, out name, out defect);
    }

    /// <summary>
    /// Reads a field as text: valid UTF-8 of any length, not empty. It is a new string each time; see <see cref="TryName"/> for texts
    /// that are repeated.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="text">The text, without spaces and tabs around it.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is text.</returns>
    public bool TryText(int column, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out Defect? defect)
    {
        ReadOnlySpan<byte> field = Field(column);
        bool isText = !field.IsEmpty && Utf8.IsValid(field);
        text = isText ? Encoding.UTF8.GetString(field) : null;
        defect = isText ? null : Defect(column, field.IsEmpty ? "the text is empty" : "the text is not valid UTF-8", "text in UTF-8");
        return isText;
    }

    /// <summary>Reads a field as text, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryText"/>
    public bool TryTextOrNull(int column, out string? text, [NotNullWhen(false)] out Defect? defect)
    {
        (text, defect) = (null, null);
        return Field(column).IsEmpty || TryText(column, out text, out defect);
    }

    /// <summary>Reads a field as a whole number of 64 bits: digits with or without a sign, and nothing else.</summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="value">The number.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is a whole number.</returns>
    public bool TryInt64(int column, out long value, [NotNullWhen(false)] out Defect? defect)
    {
        ReadOnlySpan<byte> field = Field(column);
        bool isWhole = Utf8Parser.TryParse(field, out value, out int used) && used == field.Length;
        defect = isWhole ? null : Defect(column, $"the value {NotWhole(field)}", "a whole number such as 42");
        return defect is null;
    }

    /// <summary>Reads a field as a whole number of 64 bits, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryInt64"/>
    public bool TryInt64OrNull(int column, out long? value, [NotNullWhen(false)] out Defect? defect)
    {
        defect = null;
        value = !Field(column).IsEmpty && TryInt64(column, out long found, out defect) ? found : null;
        return defect is null;
    }

    /// <summary>
    /// Reads a field as a finite number, correctly rounded. It has a sign, digits with one decimal separator, and an exponent, but no
    /// thousands separators; <c>NaN</c> is refused.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="value">The number.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <param name="decimalSeparator">The character before the decimals, <c>.</c> or <c>,</c>. Default <c>.</c>.</param>
    /// <returns>Whether the field is a number.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The separator is neither of the two.</exception>
    public bool TryDouble(int column, out double value, [NotNullWhen(false)] out Defect? defect, char decimalSeparator = '.')
    {
        string? problem = ValueText.Of(decimalSeparator).Read(Field(column), out value);
        defect = problem is null ? null : NotANumber(column, problem, decimalSeparator);
        return defect is null;
    }

    /// <summary>Reads a field as a finite number, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryDouble"/>
    public bool TryDoubleOrNull(int column, out double? value, [NotNullWhen(false)] out Defect? defect, char decimalSeparator = '.')
    {
        defect = null;
        value = !Field(column).IsEmpty && TryDouble(column, out double found, out defect, decimalSeparator) ? found : null;
        return defect is null;
    }

    /// <summary>
    /// Reads a field as an exact decimal number. It has a sign and digits with one decimal separator, but no exponent.
    /// A number with more digits than a <see cref="decimal"/> has room for (28 or 29) is refused, not rounded.
    /// </summary>
    /// <inheritdoc cref="TryDouble"/>
    public bool TryDecimal(int column, out decimal value, [NotNullWhen(false)] out Defect? defect, char decimalSeparator = '.')
    {
        string? problem = DecimalText.Read(Field(column), decimalSeparator, out value);
        defect = problem is null ? null : NotANumber(column, problem, decimalSeparator);
        return defect is null;
    }

    /// <summary>Reads a field as an exact decimal number, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryDecimal"/>
    public bool TryDecimalOrNull(int column, out decimal? value, [NotNullWhen(false)] out Defect? defect, char decimalSeparator = '.')
    {
        defect = null;
        value = !Field(column).IsEmpty && TryDecimal(column, out decimal found, out defect, decimalSeparator) ? found : null;
        return defect is null;
    }

    /// <summary>
    /// Reads a field as true or false: <c>1</c> or <c>0</c>, <c>true</c> or <c>false</c>, in upper or lower case. For other words, compare
    /// <see cref="Field"/>.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="value">The value.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is one of these words.</returns>
    public bool TryBoolean(int column, out bool value, [NotNullWhen(false)] out Defect? defect)
    {
        ReadOnlySpan<byte> field = Field(column);
        value = field is [(byte)'1'] || Ascii.EqualsIgnoreCase(field, "true"u8);
        bool isKnown = value || field is [(byte)'0'] || Ascii.EqualsIgnoreCase(field, "false"u8);
        string problem = field.IsEmpty ? "the value is empty" : "the value is neither true nor false";
        defect = isKnown ? null : Defect(column, problem, "1 or 0, true or false");
        return defect is null;
    }

    /// <summary>Reads a field as true or false, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryBoolean"/>
    public bool TryBooleanOrNull(int column, out bool? value, [NotNullWhen(false)] out Defect? defect)
    {
        defect = null;
        value = !Field(column).IsEmpty && TryBoolean(column, out bool found, out defect) ? found : null;
        return defect is null;
    }

    /// <summary>
    /// Reads a field as a time: ISO 8601 with <c>T</c> or a space, and with <c>Z</c> or an offset such as <c>+01:00</c>. Seconds and up to
    /// nine decimals, of which seven count, are optional. A time without an offset is refused, because its zone is not known.
    /// </summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="utc">The time in UTC (<see cref="DateTimeKind.Utc"/>).</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is such a time.</returns>
    public bool TryTimestamp(int column, out DateTime utc, [NotNullWhen(false)] out Defect? defect)
    {
        TimestampProblem problem = IsoTimestamp.ReadUtc(Field(column), out utc);
        defect = problem == TimestampProblem.None
            ? null
            : Defect(column, problem.Text(), "ISO 8601 with Z or an offset, such as 2026-01-31T12:00:00Z", problem.Remedy());
        return defect is null;
    }

    /// <summary>Reads a field as a time, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryTimestamp"/>
    public bool TryTimestampOrNull(int column, out DateTime? utc, [NotNullWhen(false)] out Defect? defect)
    {
        defect = null;
        utc = !Field(column).IsEmpty && TryTimestamp(column, out DateTime found, out defect) ? found : null;
        return defect is null;
    }

    /// <summary>Reads a field as a GUID: 32 hexadecimal digits, or these with hyphens, or with hyphens and braces.</summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="value">The GUID.</param>
    /// <param name="defect">What is wrong with the field.</param>
    /// <returns>Whether the field is a GUID.</returns>
    public bool TryGuid(int column, out Guid value, [NotNullWhen(false)] out Defect? defect)
    {
        ReadOnlySpan<byte> field = Field(column);
        char form = field.Length switch { 32 => 'N', 38 => 'B', _ => 'D' };
        bool isGuid = Utf8Parser.TryParse(field, out value, out int used, form) && used == field.Length;
        string problem = field.IsEmpty ? "the value is empty" : "the value is not a GUID";
        defect = isGuid ? null : Defect(column, problem, "a GUID such as 6f9619ff-8b86-d011-b42d-00c04fc964ff");
        return defect is null;
    }

    /// <summary>Reads a field as a GUID, or as <see langword="null"/> if it is empty.</summary>
    /// <inheritdoc cref="TryGuid"/>
    public bool TryGuidOrNull(int column, out Guid? value, [NotNullWhen(false)] out Defect? defect)
    {
        defect = null;
        value = !Field(column).IsEmpty && TryGuid(column, out Guid found, out defect) ? found : null;
        return defect is null;
    }

    /// <summary>Creates a defect of a field, with its line and column, what was found, and the raw line.</summary>
    /// <param name="column">The 0-based column.</param>
    /// <param name="problem">What is wrong, such as "the value is not a number".</param>
    /// <param name="expected">What was expected. Default: none.</param>
    /// <param name="remedy">What to do about it. Default: none.</param>
    /// <returns>The defect with which to reject the row.</returns>
    public Defect Defect(int column, string problem, string? expected = null, string? remedy = null) => new(problem)
    {
        Line = Line,
        Column = _header.Describe(_columns is null ? column : _columns[column]),
        Found = CsvDefects.Text(Field(column)),
        Expected = expected,
        Remedy = remedy,
        RawText = RawText,
    };

    /// <summary>The beginning of the line as in the file, as much as messages show.</summary>
    internal string RawText => CsvDefects.Text(_reader.RawRecord);

    /// <summary>The same line with only the given columns of the header, in their order.</summary>
    internal CsvRecord Of(int[] columns) => new(_reader, _header, _names, Line, _places, columns);

    private ReadOnlySpan<byte> MappedField(int column)
    {
        int place = Place(column);
        if (place < 0) return default;
        ReadOnlySpan<byte> raw = Blanks.Trim(_reader.GetRawSpan(place));
        return raw.IsEmpty || raw[0] != _header.Text.Quote ? raw : Blanks.Trim(_reader.GetSpan(place));
    }

    private int Place(int column)
    {
        if (_columns is not null)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)_columns.Length, nameof(column));
            column = _columns[column];
        }
        return _places is null ? column : _places[column];
    }

    private static string NotWhole(ReadOnlySpan<byte> field)
    {
        if (field.IsEmpty) return "is empty";
        ReadOnlySpan<byte> digits = field[0] is (byte)'-' or (byte)'+' ? field[1..] : field;
        bool areDigits = !digits.IsEmpty && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        return areDigits ? "is too large for a whole number of 64 bits" : "is not a whole number";
    }

    private Defect NotANumber(int column, string problem, char decimalSeparator)
    {
        char other = decimalSeparator == '.' ? ',' : '.';
        bool isOther = Field(column).Contains((byte)other) && ValueText.Of(other).Read(Field(column), out _) is null;
        return Defect(column, $"the value {problem}", $"a decimal number such as 12{decimalSeparator}5",
            isOther ? $"If decimals follow '{other}', give it as the decimalSeparator where the row is read" : null);
    }
}

/// <summary>Removes spaces and tabs around a field.</summary>
internal static class Blanks
{
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text)
    {
        // Nearly no field has any, so this check saves time.
        if (text.IsEmpty || (text[0] > ' ' && text[^1] > ' ')) return text;
        return text.Trim(" \t"u8);
    }
}
