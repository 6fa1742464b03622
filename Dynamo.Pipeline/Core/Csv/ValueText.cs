using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Reads a value from UTF-8, correctly rounded: sign, digits with one decimal separator, exponent; thousands separators where they are declared; nothing
/// else, and the whole field.
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
        // Who writes a space between thousands may well have written one that does not break.
        _thousands = thousands switch
        {
            null => [],
            ' ' => [" "u8.ToArray(), "\u00A0"u8.ToArray(), "\u202F"u8.ToArray()],
            { } separator => [[(byte)separator]],
        };
        // The group separator cannot be met, as the styles do not allow it, but must differ.
        _format = new NumberFormatInfo { NumberDecimalSeparator = point.ToString(), NumberGroupSeparator = "'" };
    }

    /// <summary>The one for a decimal separator, without thousands.</summary>
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
    /// <returns>What is wrong with it ("is not a number"), or <see langword="null"/>.</returns>
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

    /// <summary>Up to 15 digits: both they and the power of ten are exact in a double, so that one division rounds correctly (Clinger 1990).</summary>
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

    /// <summary>Takes the separators out of <c>-1 234 567,8</c>: one to three digits, then groups of exactly three, and none among the decimals.</summary>
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

    /// <summary>Whether only characters of a plain number are in it: the platform's parser would also take NaN, infinity and NUL bytes at the end.</summary>
    private bool IsPlain(ReadOnlySpan<byte> text)
    {
        foreach (byte b in text)
            if (!char.IsAsciiDigit((char)b) && b != _point && b is not ((byte)'-' or (byte)'+' or (byte)'e' or (byte)'E')) return false;
        return text.Length > 0;
    }

    private static string NotPlain(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return "is empty";
        ReadOnlySpan<byte> unsigned = text[0] is (byte)'-' or (byte)'+' ? text[1..] : text;
        if (Ascii.EqualsIgnoreCase(unsigned, "nan"u8)) return "is NaN, not a number";
        bool infinite = Ascii.EqualsIgnoreCase(unsigned, "infinity"u8) || Ascii.EqualsIgnoreCase(unsigned, "inf"u8) || unsigned.SequenceEqual("∞"u8);
        return infinite ? "is infinite" : "is not a number";
    }
}
