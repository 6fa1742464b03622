using System.Text;
using CsvHelper;

namespace Dynamo.Pipeline.Csv;

/// <summary>All messages about broken CSV files and lines, whatever their columns mean.</summary>
internal static class CsvDefects
{
    private const int ShownBytes = 1024;

    public static Defect Empty() => new("the file is empty")
    {
        Expected = "a header line",
        Remedy = "Delete it, or have the logger write it again",
    };

    public static Defect Binary(ReadOnlySpan<byte> head, long line) => new("the file is not text")
    {
        Line = line,
        Found = Text(head),
        Expected = "a header line in UTF-8",
        Remedy = LooksLikeUtf16(head)
            ? "It looks like UTF-16 without a byte order mark: save it as UTF-8, or as UTF-16 with a byte order mark"
            : "A spreadsheet or an archive? Export it as CSV text",
    };

    public static Defect NotUtf8Header(CsvReader reader, long line) => new("the header is not valid UTF-8")
    {
        Line = line,
        Found = Text(reader.RawRecord),
        Expected = "UTF-8, or UTF-16 with a byte order mark",
        Remedy = $"Set {OptionName.Of(nameof(CsvText.Encoding))} in the format, such as windows-1252, or save the file as UTF-8",
    };

    public static Defect LineTooLong(long line, int limit) => new("the line is too long")
    {
        Line = line,
        Expected = $"at most {limit} bytes in a line",
        Remedy = "A quote that is never closed makes one line of all that follow; or it is not a CSV file. "
            + $"Raise {OptionName.Of(nameof(CsvText.LongestLine))} if the line is meant to be so long",
    };

    public static Defect UnclosedQuote(CsvReader reader, int field, long line, CsvHeader? header) => new("a quote is never closed")
    {
        Line = line,
        Column = header?.Describe(field) ?? $"#{field + 1}",
        Found = FirstLine(reader.GetRawSpan(field)),
        Expected = "a closing quote before the file ends",
        Remedy = "Cut off while it was written? Have it sent again",
        RawText = FirstLine(reader.RawRecord),
    };

    public static Defect TextAfterQuote(CsvReader reader, int field, long line, CsvHeader? header) =>
        new("there is text after the closing quote")
        {
            Line = line,
            Column = header?.Describe(field) ?? $"#{field + 1}",
            Found = Text(reader.GetRawSpan(field)),
            Expected = "a separator after the closing quote; a quote inside quotes is doubled",
            RawText = Text(reader.RawRecord),
        };

    public static Defect FieldCount(CsvReader reader, CsvHeader header, int count, long line, bool cutOff)
    {
        bool few = count < header.Count;
        string problem = !few ? "too many fields"
            : cutOff ? "the last line is cut off: it has too few fields and no line end"
            : "too few fields";
        return new Defect(problem)
        {
            Line = line,
            Column = header.Describe(Math.Min(count, header.Count)),
            Found = count == 1 ? "1 field" : $"{count} fields",
            Expected = $"{header.Count} fields: {header}",
            Remedy = cutOff && few ? "Have the file sent again" : few ? null : "Quote fields that hold the separator",
            RawText = Text(reader.RawRecord),
        };
    }

    public static Defect MissingColumn(CsvHeader header, string name, string expected)
    {
        string? separator = OtherSeparator(header);
        string? similar = separator is null ? SimilarName.Of(name, header.Names) : null;
        bool data = similar is null && HeaderLooksLikeData(header);
        return new Defect(data ? "the file has no header: its first line looks like data" : $"the column '{name}' is missing")
        {
            Line = header.Line,
            Column = data ? null : name,
            Found = header.ToString(),
            Expected = expected,
            Remedy = similar is not null ? $"Did you mean '{similar}'? Name the column in the format, or rename it in the file"
                : data ? $"Put the header '{expected}' into the file's first line, "
                + $"or set {OptionName.Of(nameof(CsvText.HasHeader))} to false "
                + "and name columns #1, #2, …"
                : separator is not null ? $"The separator looks like {separator}: set it in the format"
                : "Name the column in the format, or rename it in the file",
        };
    }

    public static Defect DoubledColumn(CsvHeader header, string name) => new($"the column '{name}' is there twice")
    {
        Line = header.Line,
        Column = name,
        Found = header.ToString(),
        Expected = $"'{name}' once",
        Remedy = "Which one counts cannot be known: rename one of them in the file",
    };

    /// <summary>
    /// The first bytes as text. Invalid UTF-8 becomes U+FFFD. <see cref="Defect"/> shortens it further.
    /// </summary>
    public static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8.Length > ShownBytes ? utf8[..ShownBytes] : utf8);

    private static bool HeaderLooksLikeData(CsvHeader header) => header.Names.Take(1000).Any(LooksLikeNumber);

    private static bool LooksLikeNumber(string name) =>
        name.Length is > 0 and < 100
        && (char.IsAsciiDigit(name[0]) || name[0] is '-' or '+' or '.')
        && name.Any(char.IsAsciiDigit);

    private static string? OtherSeparator(CsvHeader header)
    {
        if (header.Count > 1) return null;
        foreach ((char c, string name) in ((char, string)[])[(';', "';'"), ('\t', "a tab"), (',', "','"), ('|', "'|'")])
            if (c != header.Text.Separator && header.Names[0].Contains(c)) return name;
        return null;
    }

    private static bool LooksLikeUtf16(ReadOnlySpan<byte> head)
    {
        int even = 0, odd = 0;
        for (int i = 0; i < head.Length; i++)
            if (head[i] == 0) _ = i % 2 == 0 ? even++ : odd++;
        int pairs = head.Length / 2;
        return pairs >= 2 && ((odd * 10 >= pairs * 9 && even == 0) || (even * 10 >= pairs * 9 && odd == 0));
    }

    /// <summary>The line in which a quote opens. A quote that is never closed includes all lines that follow.</summary>
    private static string FirstLine(ReadOnlySpan<byte> raw) =>
        Text(raw.IndexOfAny((byte)'\r', (byte)'\n') is var end and >= 0 ? raw[..end] : raw);
}
