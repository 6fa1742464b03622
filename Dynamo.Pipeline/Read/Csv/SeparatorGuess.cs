namespace Dynamo.Pipeline;

/// <summary>Finds the separator that splits a table's first lines into equally many fields.</summary>
internal static class SeparatorGuess
{
    private const int MostLines = 20;

    /// <summary>What is tried, in order: a comma or a space is more often part of a field than a semicolon.</summary>
    public static ReadOnlySpan<byte> Candidates => ";\t|, "u8;

    /// <param name="table">The text from the table's first line on.</param>
    /// <param name="text">Its quote and comment.</param>
    /// <param name="isWhole">Whether the text ends with the file: otherwise its last line is cut off.</param>
    /// <returns>The separator, or null.</returns>
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

    /// <summary>The fields of a line; separators inside quotes do not count, and several spaces are one.</summary>
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
