namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Reads a decimal number from UTF-8 and never rounds it. A number has a sign and digits with one decimal separator. Anything else in
/// the field makes it invalid. Thread-safe.
/// </summary>
internal static class DecimalText
{
    // A decimal is a whole number of 96 bits and the number of its decimals.
    private static readonly UInt128 s_most = (UInt128.One << 96) - 1;

    private const int MostDecimals = 28;

    /// <summary>Reads a field.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="point">The decimal separator, <c>.</c> or <c>,</c>.</param>
    /// <param name="value">The value.</param>
    /// <returns>What is wrong with the field, such as "is not a number", or <see langword="null"/>.</returns>
    public static string? Read(ReadOnlySpan<byte> text, char point, out decimal value)
    {
        value = 0;
        if (point is not ('.' or ',')) throw ValueText.NoSeparator(point);
        if (text.IsEmpty) return "is empty";
        bool negative = text[0] == '-';
        if (text[0] is (byte)'-' or (byte)'+') text = text[1..];
        int at = text.IndexOf((byte)point);
        ReadOnlySpan<byte> whole = at < 0 ? text : text[..at], decimals = at < 0 ? default : text[(at + 1)..];
        if (whole.Length + decimals.Length == 0 || !AreDigits(whole) || !AreDigits(decimals)) return "is not a number";

        decimals = decimals.TrimEnd((byte)'0');
        UInt128 digits = 0;
        if (!TryAppend(whole.TrimStart((byte)'0'), ref digits)) return "is too large for a decimal number";
        if (decimals.Length > MostDecimals || !TryAppend(decimals, ref digits)) return "has more digits than a decimal number keeps";
        (int low, int middle, int high) = ((int)(uint)digits, (int)(uint)(digits >> 32), (int)(uint)(digits >> 64));
        value = new decimal(low, middle, high, negative && digits != 0, (byte)decimals.Length);
        return null;
    }

    private static bool AreDigits(ReadOnlySpan<byte> text) => !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');

    private static bool TryAppend(ReadOnlySpan<byte> text, ref UInt128 digits)
    {
        foreach (byte digit in text)
        {
            digits = (digits * 10) + (UInt128)(digit - '0');
            if (digits > s_most) return false;
        }
        return true;
    }
}
