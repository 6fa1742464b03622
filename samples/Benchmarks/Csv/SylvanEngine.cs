using Sylvan.Data.Csv;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// Sylvan.Data.Csv over UTF-16. Its strict way stops for good at a broken quote, so its lax way is used, which repairs it, and quotes are
/// checked in the raw record. It counts records and no lines, so line breaks in quotes are counted here.
/// </summary>
internal sealed class SylvanEngine(char separator) : CsvEngine("Sylvan.Data.Csv", separator)
{
    private const int SmallBuffer = 1 << 14;
    private const int LargeBuffer = 1 << 16;

    private readonly char[] _small = new char[SmallBuffer];

    private readonly CsvDataReaderOptions _options = new()
    {
        HasHeaders = false,
        Delimiter = separator,
        Quote = Quote,
        Escape = Quote,
        Comment = '\0',
        CsvStyle = CsvStyle.Lax,
        MaxBufferSize = 2 * LongestRecord,
    };

    public override CsvTally Read(byte[] utf8) => Read(new Utf8Text(utf8), _small);

    public override CsvTally Read(Stream utf8) => Read(new Utf8Text(utf8), new char[LargeBuffer]);

    private CsvTally Read(Utf8Text content, char[] buffer)
    {
        var tally = new CsvTally();
        int header = 0;
        long next = 1;
        using CsvDataReader reader = CsvDataReader.Create(content, buffer, _options);
        while (reader.Read())
        {
            ReadOnlySpan<char> raw = reader.GetRawRecordSpan();
            int fields = reader.RowFieldCount;
            bool quoted = raw.Contains(Quote);
            long line = next;
            next += quoted ? Math.Max(1, LineBreaks(raw)) : 1;
            if (fields <= 1 && raw.Trim().IsEmpty) continue;
            if (header == 0) header = fields;
            if (fields != header || (quoted && !AreSound(raw)))
            {
                tally.Refuse(line);
                continue;
            }
            tally.Record(line);
            for (int i = 0; i < fields; i++)
                tally.Field(Trim(reader.GetFieldSpan(i)));
        }
        return tally;
    }

    /// <summary>Splits the record once more, because its own fields are repaired already.</summary>
    private bool AreSound(ReadOnlySpan<char> raw)
    {
        raw = raw.TrimEnd("\r\n");
        while (true)
        {
            int end = EndOfField(raw);
            if (!IsSound(Trim(raw[..end]))) return false;
            if (end == raw.Length) return true;
            raw = raw[(end + 1)..];
        }
    }

    private int EndOfField(ReadOnlySpan<char> raw)
    {
        int at = 0;
        if (!raw.IsEmpty && raw[0] == Quote)
        {
            for (at = 1; at < raw.Length; at++)
            {
                if (raw[at] != Quote) continue;
                if (at + 1 == raw.Length || raw[at + 1] != Quote) break;
                at++;
            }
        }
        int end = at >= raw.Length ? -1 : raw[at..].IndexOf(Separator);
        return end < 0 ? raw.Length : at + end;
    }

    private static int LineBreaks(ReadOnlySpan<char> raw)
    {
        int breaks = 0;
        for (int at = raw.IndexOfAny('\r', '\n'); at >= 0; at = raw.IndexOfAny('\r', '\n'))
        {
            breaks++;
            raw = raw[(at + (raw[at] == '\r' && at + 1 < raw.Length && raw[at + 1] == '\n' ? 2 : 1))..];
        }
        return breaks;
    }
}
