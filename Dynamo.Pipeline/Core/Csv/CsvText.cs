using System.Text;
using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>
/// How a CSV file is written, whatever its columns mean. Lines end with LF, CRLF or CR.
/// A byte order mark has priority over <see cref="Encoding"/>. Immutable.
/// </summary>
public sealed record CsvText
{
    /// <summary>A value for <see cref="Separator"/>: detect the separator of each file from its first lines.</summary>
    public const char Detected = '\0';

    private const int MostPreambleLines = 1000;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>UTF-8, comma, double quote, a header in the first line, lines up to 1 MiB.</summary>
    public static CsvText Default { get; } = new();

    /// <summary>
    /// The character between fields. Default <c>,</c>. If the file has another one, its header is one unknown column
    /// and the file is quarantined. With <see cref="Detected"/>, it is the first of <c>;</c>, tab, <c>|</c>, <c>,</c> and space
    /// that splits the first lines into equally many fields; a file for which none does is quarantined.
    /// With a space, several in a row are one separator, and spaces at the ends of a line do not count.
    /// </summary>
    /// <exception cref="ArgumentException">The value is neither a tab nor an ASCII punctuation character or space.</exception>
    public char Separator { get; init => field = value == Detected ? value : Usable(value, nameof(Separator)); } = ',';

    /// <summary>
    /// The character around fields that contain a separator, a line break or this character (then doubled). Default <c>"</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The value is neither a tab nor an ASCII punctuation character or space.</exception>
    public char Quote { get; init => field = Usable(value, nameof(Quote)); } = '"';

    /// <summary>
    /// The name of the encoding of files without a byte order mark: <c>utf-8</c> (default), <c>utf-16</c>, <c>windows-1252</c>,
    /// <c>latin1</c> or any other that .NET knows. With UTF-8, invalid bytes reject their row; in the header they quarantine the file.
    /// With an encoding such as <c>windows-1252</c>, every byte is a valid character, so nothing is rejected for it.
    /// </summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">.NET does not know the encoding.</exception>
    public string Encoding { get; init => field = Known(value); } = "utf-8";

    /// <summary>
    /// Whether the table begins with a line of names. Default <see langword="true"/>. If not, the columns are named
    /// <c>#1</c>, <c>#2</c> and so on, as many as the first line has.
    /// </summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>
    /// How many lines above the table are not read as CSV, at most 1,000. Default 0. If they have more than 64 KiB,
    /// the file is quarantined. To use their content, see <see cref="FieldSource.Preamble"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 0 or more than 1,000.</exception>
    public int PreambleLines
    {
        get;
        init => field = value is >= 0 and <= MostPreambleLines
            ? value
            : throw new ArgumentOutOfRangeException(nameof(PreambleLines), value, "PreambleLines is 0 to 1,000.");
    }

    /// <summary>
    /// The text with which the table's first line begins (the header, if there is one). Case does not matter.
    /// All lines above that line are preamble. Default <see langword="null"/>.
    /// A file without such a line in its first 64 KiB is quarantined.
    /// If it begins with the <see cref="Comment"/> character, the header is in a comment: the names begin after that character.
    /// </summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public string? TableStart { get; init => field = NotEmpty(value, nameof(TableStart)); }

    /// <summary>
    /// Lines that begin with this character are skipped. Default <see langword="null"/>: there are no comments.
    /// Comments above the table belong to the preamble.
    /// </summary>
    /// <exception cref="ArgumentException">The value is neither a tab nor an ASCII punctuation character or space.</exception>
    public char? Comment { get; init => field = value is { } c ? Usable(c, nameof(Comment)) : null; }

    /// <summary>
    /// The text with which the first line after the table begins, such as <c>Total</c> or <c>End of data</c>. Case does not matter.
    /// That line and all lines after it are skipped. Default <see langword="null"/>: the table goes on to the end of the file.
    /// A footer cannot be given as a number of lines: in a file without the footer, these lines would be readings.
    /// </summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public string? Footer { get; init => field = NotEmpty(value, nameof(Footer)); }

    /// <summary>
    /// Over how many lines the names of the header are written, at most 10. Default 1. With more, the name of a column is put together
    /// from its cells in these lines, from top to bottom with a space between them: <c>Temp</c> above <c>Out</c> is <c>Temp Out</c>.
    /// Empty cells add nothing, and a text that comes twice is taken once. Blank lines do not count.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1 or more than 10.</exception>
    public int HeaderLines
    {
        get;
        init => field = value is >= 1 and <= 10
            ? value
            : throw new ArgumentOutOfRangeException(nameof(HeaderLines), value, "HeaderLines is 1 to 10.");
    } = 1;

    /// <summary>
    /// Whether an empty cell in the upper lines of the header belongs to the text to its left, as if cells of a spreadsheet were merged.
    /// Default <see langword="false"/>: it adds nothing to the name. The last line of the header always names its own columns only.
    /// </summary>
    public bool HeaderSpans { get; init; }

    /// <summary>
    /// Whether the line below the header has units. Default <see langword="false"/>. A unit is used if its channel is converted
    /// and the format gives no unit for that channel.
    /// </summary>
    public bool HasUnits { get; init; }

    /// <summary>
    /// The text with which lines of data begin. All others in the table are not data; a line that names the logger
    /// (<see cref="FieldSource.PreamblePattern"/>) begins another one's rows. For files with several kinds of lines, told apart by their
    /// first field. Without a header, the table begins with the first such line. Default <see langword="null"/>: all lines are data.
    /// </summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public string? DataStart { get; init => field = NotEmpty(value, nameof(DataStart)); }

    /// <summary>
    /// How many lines between the header (and its units) and the data are not data, at most 100. Default 0. Blank lines do not count.
    /// Loggers write there how each column was measured.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 0 or more than 100.</exception>
    public int LinesBelowHeader
    {
        get;
        init => field = value is >= 0 and <= 100
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LinesBelowHeader), value, "LinesBelowHeader is 0 to 100.");
    }

    /// <summary>
    /// Whether a line may end before its last fields, which are then empty. Default <see langword="false"/>: such a line is rejected.
    /// A last line without a line end must have as many fields as the shortest line before it, because it may be cut off.
    /// </summary>
    public bool HasShortLines { get; init; }

    /// <summary>
    /// The longest line in bytes of UTF-8, including line breaks inside quotes. Default 1 MiB. A file with a longer line
    /// is quarantined. A streamed file never needs more memory than about twice this.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1,024 or more than 1 GiB.</exception>
    public int LongestLine
    {
        get;
        init => field = value is >= 1024 and <= 1 << 30
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LongestLine), value, "LongestLine is 1,024 bytes to 1 GiB.");
    } = 1 << 20;

    /// <summary>Whether a file's first bytes must be searched for the start of the table or for the separator.</summary>
    internal bool HasHead => PreambleLines > 0 || FirstLineStart is not null || Comment is not null || Separator == Detected;

    /// <summary>The text with which the table's first line begins, or null if nothing says so.</summary>
    internal string? FirstLineStart => TableStart ?? (HasHeader || PreambleLines > 0 ? null : DataStart);

    /// <summary>The encoding, or null if it is UTF-8.</summary>
    internal Encoding? Declared => Find(Encoding) is { CodePage: not 65001 } other ? other : null;

    /// <summary>Refuses settings that exclude each other.</summary>
    /// <exception cref="ArgumentException">Two settings exclude each other.</exception>
    internal void Check()
    {
        if (Separator == Quote)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.Separator))} and {OptionName.Of(nameof(CsvText.Quote))} are both '{Quote}': "
                + "they must differ.");
        if (Comment == Separator || Comment == Quote)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.Comment))} is '{Comment}', as is {OptionName.Of(nameof(CsvText.Separator))} or "
                + $"{OptionName.Of(nameof(CsvText.Quote))}: they must differ.");
        if (HasUnits && !HasHeader)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.HasUnits))} needs {OptionName.Of(nameof(CsvText.HasHeader))}: "
                + "the units stand in the line under the header.");
        if (LinesBelowHeader > 0 && !HasHeader)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.LinesBelowHeader))} needs {OptionName.Of(nameof(CsvText.HasHeader))}. "
                + $"Without a header, count these lines in {OptionName.Of(nameof(CsvText.PreambleLines))}.");
        if (HeaderLines > 1 && !HasHeader)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.HeaderLines))} needs {OptionName.Of(nameof(CsvText.HasHeader))}: "
                + "there are no names to put together.");
        if (HeaderSpans && HeaderLines == 1)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.HeaderSpans))} needs {OptionName.Of(nameof(CsvText.HeaderLines))} of 2 or more: "
                + "the last line names its own columns only.");
        if (PreambleLines > 0 && TableStart is not null)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.PreambleLines))} and {OptionName.Of(nameof(CsvText.TableStart))} are both set: "
                + "one of them says where the table begins.");
    }

    private static char Usable(char value, string name) =>
        value == '\t' || (value is >= ' ' and <= '~' && !char.IsAsciiLetterOrDigit(value))
            ? value
            : throw new ArgumentException(
                $"{name} cannot be U+{(int)value:X4}: it is a tab or an ASCII character that is no letter, digit or control character.",
                name);

    private static string? NotEmpty(string? value, string name) =>
        value is null || value.Trim().Length > 0 ? value?.Trim() : throw new ArgumentException($"{name} must not be empty.", name);

    private static string Known(string name) =>
        Find(name) is not null
            ? name
            : throw new ArgumentException(
                $"{OptionName.Of(nameof(CsvText.Encoding))} '{name}' is not known: "
                + "utf-8, utf-16, windows-1252 or latin1, for example.", nameof(name));

    private static Encoding? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) return s_utf8;
        try
        {
            // .NET does not give UTF-7 here. That is right: its characters can hide separators.
            return CodePagesEncodingProvider.Instance.GetEncoding(name) ?? System.Text.Encoding.GetEncoding(name);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}

/// <summary>A format's text with a known separator, and the options of CsvHelper for it.</summary>
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
            // The header is read as a record, so that its columns are found once for all files that have it.
            HasHeader = false,
            TrackLineNumbers = true,
            // The row reader skips blank lines itself, so that LongestLine applies to them too.
            SkipEmptyLines = false,
            TrimWhitespace = separator != ' ',
            // The row reader checks LongestLine on whole records. This limit keeps the buffer of a stream small.
            MaxRecordSize = text.LongestLine + 16,
        };
    }

    public CsvText Text { get; }

    public CsvReaderOptions Options { get; }
}
