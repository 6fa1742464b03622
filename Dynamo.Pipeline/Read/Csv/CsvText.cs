namespace Dynamo.Pipeline;

/// <summary>How a CSV file is written, whatever its columns mean. Immutable; UTF-8 or UTF-16 with a byte order mark, lines ended by LF, CRLF or CR.</summary>
public sealed record CsvText
{
    /// <summary>Comma, double quote, lines up to 1 MiB.</summary>
    public static CsvText Default { get; } = new();

    /// <summary>The character between fields, never guessed. Default <c>,</c>. With another one in the file, the header is one unknown column and the file is quarantined.</summary>
    /// <exception cref="ArgumentException">Not an ASCII character, or one that cannot separate.</exception>
    public char Separator { get; init => field = Usable(value, nameof(Separator)); } = ',';

    /// <summary>The character around fields that hold a separator, a quote (doubled) or a line break. Default <c>"</c>.</summary>
    /// <exception cref="ArgumentException">Not an ASCII character, or one that cannot quote.</exception>
    public char Quote { get; init => field = Usable(value, nameof(Quote)); } = '"';

    /// <summary>
    /// The longest line in bytes of UTF-8, line breaks inside quotes included. Default 1 MiB; a longer line condemns the file. It bounds the
    /// memory a streamed file costs to about twice this, whatever is in it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1,024 or more than 1 GiB.</exception>
    public int LongestLine
    {
        get;
        init => field = value is >= 1024 and <= 1 << 30
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LongestLine), value, "LongestLine is 1,024 bytes to 1 GiB.");
    } = 1 << 20;

    /// <summary>Refuses settings that exclude each other.</summary>
    /// <exception cref="ArgumentException">They do.</exception>
    internal void Check()
    {
        if (Separator == Quote) throw new ArgumentException($"Separator and Quote are both '{Quote}': they must differ.");
    }

    private static char Usable(char value, string name) =>
        value == '\t' || (value is >= ' ' and <= '~' && !char.IsAsciiLetterOrDigit(value))
            ? value
            : throw new ArgumentException($"{name} cannot be U+{(int)value:X4}: it is a tab or an ASCII character that is no letter, digit or control character.", name);
}
