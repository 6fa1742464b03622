using CsvHelper;

namespace Dynamo.Pipeline.Csv;

/// <summary>How a raw field is quoted, without the spaces around it.</summary>
internal enum QuoteState
{
    /// <summary>The field is not quoted (quotes in the middle are text), or it is quoted and closed.</summary>
    Sound,

    /// <summary>The opening quote has no closing quote.</summary>
    Unclosed,

    /// <summary>There is text after the closing quote.</summary>
    TextAfter,
}

/// <summary>Checks the quotes of raw fields.</summary>
internal static class Quoting
{
    public static QuoteState Check(ReadOnlySpan<byte> field, byte quote)
    {
        if (field.IsEmpty || field[0] != quote) return QuoteState.Sound;
        field = field[1..];
        while (true)
        {
            int end = field.IndexOf(quote);
            if (end < 0) return QuoteState.Unclosed;
            if (end == field.Length - 1) return QuoteState.Sound;
            if (field[end + 1] != quote) return QuoteState.TextAfter;
            field = field[(end + 2)..];
        }
    }

    /// <summary>
    /// Finds what is wrong with the quotes of a record, or null. CsvHelper repairs quotes silently,
    /// but a repaired value could be a wrong one.
    /// </summary>
    /// <exception cref="BadFileException">A quote is never closed.</exception>
    public static Defect? Defect(CsvReader csv, byte quote, long line, CsvHeader? header)
    {
        long at = line;
        for (int i = 0; i < csv.FieldCount; i++)
        {
            ReadOnlySpan<byte> field = csv.GetRawSpan(i);
            switch (Check(Blanks.Trim(field), quote))
            {
                case QuoteState.Unclosed: throw new BadFileException(CsvDefects.UnclosedQuote(csv, i, at, header));
                case QuoteState.TextAfter: return CsvDefects.TextAfterQuote(csv, i, line, header);
                default: at += LineBreaks(field); break;
            }
        }
        return null;
    }

    /// <summary>Counts the line breaks in a field: LF, CR or CRLF.</summary>
    public static int LineBreaks(ReadOnlySpan<byte> field)
    {
        int breaks = 0;
        for (int at = field.IndexOfAny((byte)'\r', (byte)'\n'); at >= 0; at = field.IndexOfAny((byte)'\r', (byte)'\n'))
        {
            breaks++;
            int width = field[at] == '\r' && at + 1 < field.Length && field[at + 1] == '\n' ? 2 : 1;
            field = field[(at + width)..];
        }
        return breaks;
    }
}
