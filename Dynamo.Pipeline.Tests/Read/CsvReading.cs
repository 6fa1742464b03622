using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>What came out of a file: rows, rejects, or the defect of a bad file.</summary>
internal sealed record Outcome<TRow>(IReadOnlyList<TRow> Rows, IReadOnlyList<long> Lines, IReadOnlyList<Defect> Rejects, Defect? BadFile)
{
    public long Skipped { get; init; }

    public long Flagged { get; init; }

    public long Read => Rows.Count + Rejects.Count;
}

/// <summary>Reads CSV text in the tests, from memory or streamed.</summary>
internal static class CsvReading
{
    public static readonly SourceFile File = new("north/L0042.csv", 0, DateTime.UnixEpoch);

    public static Outcome<Reading> Read(string text, ReadingFormat? format = null) => Read(Encoding.UTF8.GetBytes(text), format);

    public static Outcome<Reading> Read(byte[] bytes, ReadingFormat? format = null) =>
        Read(bytes, new CsvFormat<Reading>(format ?? ReadingFormat.Default));

    public static Outcome<TRow> Read<TRow>(byte[] bytes, CsvFormat<TRow> format, int limit = int.MaxValue)
    {
        using var content = new FileContent(bytes);
        Task<Outcome<TRow>> reading = Drain(format, content, limit);
        Assert.That(reading.IsCompleted, "content in memory is read synchronously");
        return reading.GetAwaiter().GetResult();
    }

    public static async Task<Outcome<TRow>> ReadStreamed<TRow>(
        byte[] bytes, CsvFormat<TRow> format, int bytesPerRead, int limit = int.MaxValue)
    {
        using var content = new FileContent(new DribblingStream(bytes, bytesPerRead));
        return await Drain(format, content, limit).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static async Task<Outcome<TRow>> Drain<TRow>(CsvFormat<TRow> format, FileContent content, int limit)
    {
        var (rows, lines, rejects) = (new List<TRow>(), new List<long>(), new List<Defect>());
        var batch = new RowBatch<TRow>();
        long skipped = 0, flagged = 0;
        try
        {
            using IRowReader<TRow> reader = format.Open(File, content);
            bool more = true;
            while (more)
            {
                batch.Clear();
                more = await reader.ReadAsync(batch, limit, CancellationToken.None);
                rows.AddRange(batch.Rows);
                lines.AddRange(batch.Lines);
                rejects.AddRange(batch.Rejects);
                (skipped, flagged) = (skipped + batch.Skipped, flagged + batch.Flagged);
            }
            return new Outcome<TRow>(rows, lines, rejects, null) { Skipped = skipped, Flagged = flagged };
        }
        catch (BadFileException e)
        {
            return new Outcome<TRow>(rows, lines, rejects, e.Defect) { Skipped = skipped, Flagged = flagged };
        }
    }
}

/// <summary>A stream that gives a few bytes at a time, now and then later.</summary>
internal sealed class DribblingStream(byte[] bytes, int bytesPerRead) : MemoryStream(bytes)
{
    private int _reads;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_reads++ % 64 == 0) await Task.Yield();
        return await base.ReadAsync(buffer[..Math.Min(bytesPerRead, buffer.Length)], cancellationToken);
    }
}
