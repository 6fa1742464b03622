using nietras.SeparatedValues;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// Sep over UTF-16. Its fields come raw, so that quotes can be checked. It takes every quote for the begin or end of quoted text, also in
/// the middle of a field, so a stray quote swallows the lines that follow: there, its tally differs.
/// </summary>
internal sealed class SepEngine : CsvEngine
{
    private readonly SepReaderOptions _options;

    public SepEngine(char separator)
        : base("Sep", separator) =>
        _options = new Sep(separator).Reader(options => options with { HasHeader = false, DisableColCountCheck = true });

    public override CsvTally Read(byte[] utf8) => Read(new Utf8Text(utf8));

    public override CsvTally Read(Stream utf8) => Read(new Utf8Text(utf8));

    private CsvTally Read(Utf8Text content)
    {
        var tally = new CsvTally();
        int header = 0;
        char[]? text = null;
        using SepReader reader = _options.From(content);
        foreach (SepReader.Row row in reader)
        {
            ReadOnlySpan<char> raw = row.Span;
            int fields = row.ColCount;
            if (fields == 1 && Trim(raw).IsEmpty) continue;
            // Of the first record it says the line of the second.
            long line = row.RowIndex == 0 ? 1 : row.LineNumberFrom;
            if (header == 0) header = fields;
            bool quoted = raw.Contains(Quote);
            if (fields != header || (quoted && !AreSound(row)))
            {
                tally.Refuse(line);
                continue;
            }
            tally.Record(line);
            for (int i = 0; i < fields; i++)
            {
                ReadOnlySpan<char> field = Trim(row[i].Span);
                tally.Field(quoted && !field.IsEmpty && field[0] == Quote ? Unescape(field, ref text) : field);
            }
        }
        return tally;
    }

    private static bool AreSound(SepReader.Row row)
    {
        for (int i = 0; i < row.ColCount; i++)
            if (!IsSound(Trim(row[i].Span))) return false;
        return true;
    }

    // Its own unescaping works on whole readers, where the raw text is gone, and with it what is wrong with it.
    private static ReadOnlySpan<char> Unescape(ReadOnlySpan<char> field, ref char[]? text)
    {
        field = field[1..^1];
        if (!field.Contains(Quote)) return field;
        if (text is null || text.Length < field.Length) text = new char[field.Length];
        int length = 0;
        for (int i = 0; i < field.Length; i++)
        {
            text[length++] = field[i];
            if (field[i] == Quote) i++;
        }
        return text.AsSpan(0, length);
    }
}
