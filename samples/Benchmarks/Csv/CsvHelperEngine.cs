using CsvHelper;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>CsvHelper over UTF-8, as our reader uses it.</summary>
internal sealed class CsvHelperEngine(char separator) : CsvEngine("CsvHelper", separator)
{
    private readonly CsvReaderOptions _options = new()
    {
        Separator = separator,
        Quote = Quote,
        HasHeader = false,
        TrackLineNumbers = true,
        SkipEmptyLines = false,
        TrimWhitespace = true,
        MaxRecordSize = LongestRecord,
    };

    public override CsvTally Read(byte[] utf8)
    {
        using var reader = CsvReader.Create(utf8, _options);
        return Read(reader);
    }

    public override CsvTally Read(Stream utf8)
    {
        using var reader = CsvReader.Create(utf8, _options, leaveOpen: true);
        return Read(reader);
    }

    private static CsvTally Read(CsvReader reader)
    {
        var tally = new CsvTally();
        int header = 0;
        while (reader.Read())
        {
            ReadOnlySpan<byte> raw = reader.RawRecord;
            int fields = reader.FieldCount;
            if (fields == 1 && Trim(raw).IsEmpty) continue;
            if (header == 0) header = fields;
            bool quoted = raw.Contains((byte)Quote);
            if (fields != header || (quoted && !AreSound(reader)))
            {
                tally.Refuse(reader.LineNumber);
                continue;
            }
            tally.Record(reader.LineNumber);
            for (int i = 0; i < fields; i++)
            {
                ReadOnlySpan<byte> field = Trim(reader.GetRawSpan(i));
                tally.Field(quoted && !field.IsEmpty && field[0] == Quote ? reader.GetSpan(i) : field);
            }
        }
        return tally;
    }

    private static bool AreSound(CsvReader reader)
    {
        for (int i = 0; i < reader.FieldCount; i++)
            if (!IsSound(Trim(reader.GetRawSpan(i)))) return false;
        return true;
    }
}
