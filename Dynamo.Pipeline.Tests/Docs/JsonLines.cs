using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>A format of one's own, for docs/extending.md: a JSON array a line, <c>["L1","flow","2026-01-01T00:00:00Z",1.5]</c>.</summary>
internal sealed class JsonLines : IFileFormat<Reading>
{
    public IRowReader<Reading> Open(SourceFile file, FileContent content) => new Reader(content);

    private sealed class Reader(FileContent content) : IRowReader<Reading>
    {
        private readonly StreamReader _text = new(content.Stream ?? new MemoryStream(content.Bytes.ToArray()));
        private long _line;

        public async ValueTask<bool> ReadAsync(RowBatch<Reading> rows, int limit, CancellationToken cancellationToken)
        {
            while (rows.Count < limit)
            {
                if (await _text.ReadLineAsync(cancellationToken) is not { } text) return false;
                Parse(text, ++_line, rows);
            }
            return true;
        }

        public void Dispose() => _text.Dispose();

        private static void Parse(string text, long line, RowBatch<Reading> rows)
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(text);
                JsonElement row = json.RootElement;
                rows.Add(new Reading(row[0].GetString()!, row[1].GetString()!, row[2].GetDateTimeOffset().UtcDateTime, row[3].GetDouble()), line);
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or IndexOutOfRangeException)
            {
                rows.Reject(new Defect("the line is not a reading") { Line = line, Expected = "[logger, channel, time, value]", RawText = text });
            }
        }
    }
}
