using System.Text;
using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>
/// How a CSV file is written, whatever its columns mean. Immutable. Lines end with LF, CRLF or CR; a byte order mark wins over <see cref="Encoding"/>.
/// </summary>
public sealed record CsvText
{
    /// <summary>For <see cref="Separator"/>: found out for each file, from its first lines.</summary>
    public const char Detected = '\0';

    private const int MostPreambleLines = 1000;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>UTF-8, comma, double quote, a header in the first line, lines up to 1 MiB.</summary>
    public static CsvText Default { get; } = new();

    /// <summary>
    /// The character between fields. Default <c>,</c>. With another one in the file, the header is one unknown column and the file is quarantined.
    /// <see cref="Detected"/>: the one of <c>;</c>, tab, <c>|</c>, <c>,</c> and space that splits the first lines into equally many fields, in this order;
    /// a file in which none does is quarantined. With a space, several in a row are one, and those around a line do not count.
    /// </summary>
    /// <exception cref="ArgumentException">Not an ASCII character, or one that cannot separate.</exception>
    public char Separator { get; init => field = value == Detected ? value : Usable(value, nameof(Separator)); } = ',';

    /// <summary>The character around fields that hold a separator, a quote (doubled) or a line break. Default <c>"</c>.</summary>
    /// <exception cref="ArgumentException">Not an ASCII character, or one that cannot quote.</exception>
    public char Quote { get; init => field = Usable(value, nameof(Quote)); } = '"';

    /// <summary>
    /// The encoding of files without a byte order mark, by its name: <c>utf-8</c> (default), <c>utf-16</c>, <c>windows-1252</c>, <c>latin1</c>, or any other that .NET knows.
    /// In UTF-8, bytes that are none reject their row or, in the header, condemn the file; other encodings give each byte some character.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such encoding.</exception>
    public string Encoding { get; init => field = Known(value); } = "utf-8";

    /// <summary>Whether the table begins with a line of names. Default <see langword="true"/>. Without: columns are named <c>#1</c>, <c>#2</c>, …, as many as the first line has.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Lines above the table, which are not read as CSV. Default 0. At most 1,000, and 64 KiB. See <see cref="FieldSource.Preamble"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 0 or more than 1,000.</exception>
    public int PreambleLines
    {
        get;
        init => field = value is >= 0 and <= MostPreambleLines
            ? value
            : throw new ArgumentOutOfRangeException(nameof(PreambleLines), value, "PreambleLines is 0 to 1,000.");
    }

    /// <summary>
    /// The text with which the table's first line begins (its header, if it has one), without case: all lines above it are preamble, however many.
    /// Default <see langword="null"/>. A file whose first 64 KiB have no such line is quarantined.
    /// </summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? TableStart { get; init => field = NotEmpty(value, nameof(TableStart)); }

    /// <summary>Lines that begin with this character are no data. Default <see langword="null"/>: there are none. Those above the table belong to the preamble.</summary>
    /// <exception cref="ArgumentException">Not an ASCII character, or one that cannot begin a comment.</exception>
    public char? Comment { get; init => field = value is { } c ? Usable(c, nameof(Comment)) : null; }

    /// <summary>
    /// The text with which the first line after the table begins, without case: <c>Total</c>, <c>End of data</c>. That line and all that follow are no data.
    /// Default <see langword="null"/>: the table goes on to the end of the file. A number of lines cannot be given: where the footer is missing they would be readings.
    /// </summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? Footer { get; init => field = NotEmpty(value, nameof(Footer)); }

    /// <summary>Whether the line under the header holds units. Default <see langword="false"/>. They are used where a channel is to be converted and has no unit of its own.</summary>
    public bool HasUnits { get; init; }

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

    /// <summary>Whether something stands above the table, or must be found out from its first lines.</summary>
    internal bool HasHead => PreambleLines > 0 || TableStart is not null || Comment is not null || Separator == Detected;

    /// <summary>The encoding, or null when it is UTF-8.</summary>
    internal Encoding? Declared => Find(Encoding) is { CodePage: not 65001 } other ? other : null;

    /// <summary>Refuses settings that exclude each other.</summary>
    /// <exception cref="ArgumentException">They do.</exception>
    internal void Check()
    {
        if (Separator == Quote) throw new ArgumentException($"Separator and Quote are both '{Quote}': they must differ.");
        if (Comment == Separator || Comment == Quote) throw new ArgumentException($"Comment is '{Comment}', which is the Separator or the Quote: they must differ.");
        if (HasUnits && !HasHeader) throw new ArgumentException("HasUnits needs HasHeader: the units stand in the line under the header.");
        if (PreambleLines > 0 && TableStart is not null) throw new ArgumentException("PreambleLines and TableStart are both set: one of them says where the table begins.");
    }

    private static char Usable(char value, string name) =>
        value == '\t' || (value is >= ' ' and <= '~' && !char.IsAsciiLetterOrDigit(value))
            ? value
            : throw new ArgumentException($"{name} cannot be U+{(int)value:X4}: it is a tab or an ASCII character that is no letter, digit or control character.", name);

    private static string? NotEmpty(string? value, string name) =>
        value is null || value.Trim().Length > 0 ? value?.Trim() : throw new ArgumentException($"{name} must not be empty.", name);

    private static string Known(string name) =>
        Find(name) is not null ? name : throw new ArgumentException($"Encoding '{name}' is not known: utf-8, utf-16, windows-1252 or latin1, for example.", nameof(name));

    private static Encoding? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) return s_utf8;
        try
        {
            // UTF-7 is none of those: its characters may hide separators.
            return CodePagesEncodingProvider.Instance.GetEncoding(name) ?? System.Text.Encoding.GetEncoding(name);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}

/// <summary>A format's text with a separator that is known, and the engine's options for it.</summary>
internal sealed class CsvVariant
{
    public CsvVariant(CsvText text, char separator)
    {
        Text = text.Separator == separator ? text : text with { Separator = separator };
        Options = new CsvReaderOptions
        {
            Separator = separator,
            Quote = text.Quote,
            CommentPrefix = text.Comment,
            // The header is a record like any other: it is bound once for all files that have it.
            HasHeader = false,
            TrackLineNumbers = true,
            // Blank lines are passed over here, so that the longest line holds for them as well.
            SkipEmptyLines = false,
            TrimWhitespace = separator != ' ',
            // The limit itself is checked on whole records, in memory and streamed alike; this one keeps the stream's buffer small.
            MaxRecordSize = text.LongestLine + 16,
        };
    }

    public CsvText Text { get; }

    public CsvReaderOptions Options { get; }
}
