using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Reads a value from UTF-8, correctly rounded. A value has a sign, digits with one decimal separator, an exponent, and thousands
/// separators if they are declared. Anything else in the field makes it invalid. Immutable.
/// </summary>
internal sealed class ValueText
{
    private const int LongestGrouped = 100;
    private const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    private static readonly double[] PowersOfTen =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    private static readonly ValueText s_point = new('.'), s_comma = new(',');

    private readonly byte _point;
    private readonly NumberFormatInfo _format;
    private readonly byte[][] _thousands;

    public ValueText(char point, char? thousands = null)
    {
        _point = (byte)point;
        // A space between thousands is often written as a no-break space.
        _thousands = thousands switch
        {
            null => [],
            ' ' => [" "u8.ToArray(), "\u00A0"u8.ToArray(), "\u202F"u8.ToArray()],
            { } separator => [[(byte)separator]],
        };
        // The styles do not allow a group separator, so this one is never used. It only must differ from the decimal separator.
        _format = new NumberFormatInfo { NumberDecimalSeparator = point.ToString(), NumberGroupSeparator = "'" };
    }

    /// <summary>The shared instance for a decimal separator, without thousands separators.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The separator is neither <c>.</c> nor <c>,</c>.</exception>
    public static ValueText Of(char decimalSeparator) => decimalSeparator switch
    {
        '.' => s_point,
        ',' => s_comma,
        _ => throw NoSeparator(decimalSeparator),
    };

    public static ArgumentOutOfRangeException NoSeparator(char decimalSeparator) =>
        new(nameof(decimalSeparator), decimalSeparator, "The decimal separator is '.' or ','.");

    /// <summary>Reads a field.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="value">The finite value.</param>
    /// <returns>What is wrong with the field, such as "is not a number", or <see langword="null"/>.</returns>
    public string? Read(ReadOnlySpan<byte> text, out double value)
    {
        if (TryReadShort(text, out value)) return null;
        if (!IsPlain(text)) return _thousands.Length > 0 ? ReadGrouped(text, out value) : NotPlain(text);
        return ReadPlain(text, out value);
    }

    private string? ReadPlain(ReadOnlySpan<byte> text, out double value)
    {
        if (!double.TryParse(text, Styles, _format, out value)) return "is not a number";
        return double.IsFinite(value) ? null : "is too large for a number";
    }

    /// <summary>
    /// Reads a number of up to 15 digits. These digits and the power of ten are exact in a double, so one division
    /// rounds correctly (Clinger 1990).
    /// </summary>
    private bool TryReadShort(ReadOnlySpan<byte> text, out double value)
    {
        value = 0;
        bool negative = text.Length > 0 && text[0] == '-';
        int start = negative ? 1 : 0;
        if (text.Length - start is < 1 or > 16) return false;
        long digits = 0;
        int point = -1;
        for (int i = start; i < text.Length; i++)
        {
            uint digit = (uint)text[i] - '0';
            if (digit <= 9) digits = (digits * 10) + digit;
            else if (text[i] == _point && point < 0) point = i;
            else return false;
        }
        int count = text.Length - start - (point < 0 ? 0 : 1);
        if (count is 0 or > 15) return false;
        value = point < 0 ? digits : digits / PowersOfTen[text.Length - point - 1];
        if (negative) value = -value;
        return true;
    }

    private string? ReadGrouped(ReadOnlySpan<byte> text, out double value)
    {
        value = 0;
        Span<byte> digits = stackalloc byte[LongestGrouped];
        if (text.IsEmpty || !TryUngroup(text, digits, out int length) || !IsPlain(digits[..length])) return NotPlain(text);
        return ReadPlain(digits[..length], out value);
    }

    /// <summary>
    /// Removes the separators from a number such as <c>-1 234 567,8</c>. The first group has one to three digits,
    /// all others exactly three; there must be no separator in the decimals.
    /// </summary>
    private bool TryUngroup(ReadOnlySpan<byte> text, Span<byte> digits, out int length)
    {
        length = 0;
        if (text.Length > digits.Length) return false;
        if (text[0] is (byte)'-' or (byte)'+') digits[length++] = text[0];
        text = text[length..];
        int whole = text.IndexOf(_point);
        ReadOnlySpan<byte> rest = whole < 0 ? text : text[..whole], decimals = whole < 0 ? default : text[whole..];
        for (bool isFirst = true; !rest.IsEmpty; isFirst = false)
        {
            int group = 0;
            while (group < rest.Length && char.IsAsciiDigit((char)rest[group])) group++;
            if (isFirst ? group is < 1 or > 3 : group != 3) return false;
            rest[..group].CopyTo(digits[length..]);
            length += group;
            rest = rest[group..];
            if (rest.IsEmpty) break;
            int separator = Separator(rest);
            if (separator == 0 || separator == rest.Length) return false;
            rest = rest[separator..];
        }
        decimals.CopyTo(digits[length..]);
        length += decimals.Length;
        return true;
    }

    private int Separator(ReadOnlySpan<byte> text)
    {
        foreach (byte[] separator in _thousands)
            if (text.StartsWith(separator)) return separator.Length;
        return 0;
    }

    /// <summary>
    /// Whether the text has only the characters of a plain number. .NET's parser would also accept NaN, infinity and NUL bytes at the end.
    /// </summary>
    private bool IsPlain(ReadOnlySpan<byte> text)
    {
        foreach (byte b in text)
            if (!char.IsAsciiDigit((char)b) && b != _point && b is not ((byte)'-' or (byte)'+' or (byte)'e' or (byte)'E'))
                return false;
        return text.Length > 0;
    }

    private static string NotPlain(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return "is empty";
        ReadOnlySpan<byte> unsigned = text[0] is (byte)'-' or (byte)'+' ? text[1..] : text;
        if (Ascii.EqualsIgnoreCase(unsigned, "nan"u8)) return "is NaN, not a number";
        bool infinite = Ascii.EqualsIgnoreCase(unsigned, "infinity"u8)
            || Ascii.EqualsIgnoreCase(unsigned, "inf"u8)
            || unsigned.SequenceEqual("∞"u8);
        return infinite ? "is infinite" : "is not a number";
    }
}
