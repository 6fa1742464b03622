using System.Text.Json;
using Dynamo.Pipeline;

/// <summary>
/// A format of your own: one JSON object in each line, <c>{"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:00:00Z","Value":1.5}</c>.
/// </summary>
internal sealed class JsonLines : IFileFormat<Reading>
{
    private static readonly JsonSerializerOptions s_strict = new(JsonSerializerDefaults.Strict);

    public IRowReader<Reading> Open(SourceFile file, FileContent content) => new Reader(content);

    private sealed record Line(string Logger, string Channel, DateTimeOffset Time, double Value)
    {
        public Reading ToReading() => new(Logger, Channel, Time.UtcDateTime, Value);
    }

    private sealed class Reader(FileContent content) : IRowReader<Reading>
    {
        private readonly StreamReader _text = new(content.AsStream());
        private long _line = 1;

        public async ValueTask<bool> ReadAsync(RowBatch<Reading> rows, int limit, CancellationToken cancellationToken)
        {
            for (; rows.Count < limit; _line++)
            {
                if (await _text.ReadLineAsync(cancellationToken) is not { } text) return false;
                try { rows.Add(JsonSerializer.Deserialize<Line>(text, s_strict)?.ToReading() ?? throw new JsonException("null"), _line); }
                catch (JsonException error) { rows.Reject(new Defect(error.Message) { Line = _line, RawText = text }); }
            }
            return true;
        }

        public void Dispose() => _text.Dispose();
    }
}
