using System.Text;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// The lines above a file's table, and the table's separator. Both are found in the file's first bytes, before CsvHelper reads them.
/// </summary>
/// <param name="Length">How many bytes are above the table.</param>
/// <param name="Lines">How many lines are above the table.</param>
/// <param name="Preamble">The lines above the table, without comment characters and blanks.</param>
/// <param name="Separator">The separator of the table.</param>
internal readonly record struct CsvHead(int Length, int Lines, IReadOnlyList<string> Preamble, char Separator)
{
    /// <summary>How many bytes of a file are searched.</summary>
    public const int Longest = 1 << 16;

    /// <summary>Finds the head in a file's first bytes.</summary>
    /// <param name="utf8">The whole file, or its first <see cref="Longest"/> bytes.</param>
    /// <param name="text">How the file is written.</param>
    /// <exception cref="BadFileException">The table or its separator was not found.</exception>
    public static CsvHead Of(ReadOnlySpan<byte> utf8, CsvText text)
    {
        ReadOnlySpan<byte> head = utf8.Length > Longest ? utf8[..Longest] : utf8;
        int at = CsvEncoding.IsUtf8(head) ? 3 : 0, lines = 0;
        var preamble = new List<string>();
        byte[]? start = text.FirstLineStart is { } wanted ? Encoding.UTF8.GetBytes(wanted) : null;
        while (true)
        {
            ReadOnlySpan<byte> line = Line(head[at..], out int width);
            if (!IsAbove(line, lines, start, text)) break;
            if (width == 0) throw NotFound(text, lines);
            preamble.Add(Shown(line, text));
            at += width;
            lines++;
        }
        // A header in a comment: its names begin after the comment character.
        if (start is not null && text.Comment is { } mark && head[at..] is [var first, ..] && first == mark)
            at += head[at..].IndexOfAnyExcept((byte)mark, (byte)' ', (byte)'\t') is var names and > 0 ? names : 0;
        char separator = text.Separator != CsvText.Detected
            ? text.Separator
            : SeparatorGuess.Of(head[at..], text, head.Length < Longest) ?? throw NoSeparator(Line(head[at..], out _), lines + 1);
        return new CsvHead(at, lines, preamble, separator);
    }

    /// <summary>Gets the first line of a text, without its line end.</summary>
    /// <param name="text">The text.</param>
    /// <param name="width">The length of the line with its end, in bytes; 0 if the text is empty.</param>
    public static ReadOnlySpan<byte> Line(ReadOnlySpan<byte> text, out int width)
    {
        int end = text.IndexOfAny((byte)'\r', (byte)'\n');
        if (end < 0)
        {
            width = text.Length;
            return text;
        }
        width = end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
        return text[..end];
    }

    private static bool IsAbove(ReadOnlySpan<byte> line, int lines, byte[]? start, CsvText text)
    {
        if (lines < text.PreambleLines) return true;
        if (start is not null) return !LineStart.Is(line, start);
        return text.Comment is { } comment && line is [var first, ..] && first == comment;
    }

    private static string Shown(ReadOnlySpan<byte> line, CsvText text)
    {
        string shown = CsvDefects.Text(line);
        return text.Comment is { } comment ? shown.TrimStart(comment).Trim() : shown.Trim();
    }

    private static BadFileException NotFound(CsvText text, int lines) => new(new Defect("the table was not found")
    {
        Line = Math.Max(1, lines),
        Expected = text.FirstLineStart is { } start
            ? $"a line that begins with '{start}' in the first {Longest} bytes"
            : $"{text.PreambleLines} lines above the table, within {Longest} bytes",
        Remedy = $"Cut off, or written by another logger? Set {OptionName.Of(nameof(CsvText.TableStart))} "
                + $"or {OptionName.Of(nameof(CsvText.PreambleLines))} in the format",
    });

    private static BadFileException NoSeparator(ReadOnlySpan<byte> line, int number) => new(new Defect("the separator cannot be detected")
    {
        Line = number,
        Found = CsvDefects.Text(line),
        Expected = "lines that ; or a tab or | or , or a space splits into equally many fields, two or more",
        Remedy = $"Set {OptionName.Of(nameof(CsvText.Separator))} in the format",
    });
}

/// <summary>Tells whether a line begins with a text. Case does not matter; blanks and quotes before the text are skipped.</summary>
internal static class LineStart
{
    public static bool Is(ReadOnlySpan<byte> line, byte[] start)
    {
        line = line.TrimStart(" \t\""u8);
        if (line.Length < start.Length) return false;
        line = line[..start.Length];
        return Ascii.EqualsIgnoreCase(line, start) || (!Ascii.IsValid(start) && line.SequenceEqual(start));
    }
}

/// <summary>Finds the separator that splits a table's first lines into equally many fields.</summary>
internal static class SeparatorGuess
{
    private const int MostLines = 20;

    /// <summary>
    /// The separators to try, in order. Comma and space come last, because they are more often part of a field than the others.
    /// </summary>
    public static ReadOnlySpan<byte> Candidates => ";\t|, "u8;

    /// <param name="table">The text from the table's first line on.</param>
    /// <param name="text">Its quote and comment characters.</param>
    /// <param name="isWhole">Whether the text reaches to the end of the file. If not, its last line may be incomplete.</param>
    /// <returns>The separator, or null if none fits.</returns>
    public static char? Of(ReadOnlySpan<byte> table, CsvText text, bool isWhole)
    {
        foreach (byte candidate in Candidates)
            if (candidate != text.Quote && candidate != text.Comment && Splits(table, candidate, text, isWhole)) return (char)candidate;
        return null;
    }

    private static bool Splits(ReadOnlySpan<byte> table, byte separator, CsvText text, bool isWhole)
    {
        int fields = 0;
        byte[]? footer = text.Footer is null ? null : System.Text.Encoding.UTF8.GetBytes(text.Footer);
        for (int seen = 0; seen < MostLines && !table.IsEmpty;)
        {
            ReadOnlySpan<byte> line = CsvHead.Line(table, out int width);
            table = table[width..];
            if ((table.IsEmpty && seen > 0 && !isWhole) || (footer is not null && LineStart.Is(line, footer))) break;
            line = line.Trim(separator == '\t' ? " "u8 : " \t"u8);
            if (line.IsEmpty || line[0] == text.Comment) continue;
            int count = Count(line, separator, (byte)text.Quote);
            if (count < 2 || (fields > 0 && count != fields)) return false;
            fields = count;
            seen++;
        }
        return fields > 1;
    }

    /// <summary>
    /// The number of fields in a line. Separators inside quotes do not count, and several spaces in a row are one separator.
    /// </summary>
    public static int Count(ReadOnlySpan<byte> line, byte separator, byte quote)
    {
        int count = 1;
        bool quoted = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == quote) quoted = !quoted;
            else if (line[i] == separator && !quoted && !(separator == ' ' && line[i - 1] == ' ')) count++;
        }
        return count;
    }
}
