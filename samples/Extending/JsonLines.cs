using System.Text.Json;
using System.Text.Json.Serialization;
using Dynamo.Pipeline;

/// <summary>
/// A format of your own: one JSON object in each line, <c>{"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:00:00Z","Value":1.5}</c>.
/// </summary>
internal sealed partial class JsonLines : IFileFormat<Reading>
{
    public IRowReader<Reading> Open(SourceFile file, FileContent content) => new Reader(content);

    internal sealed record Line(string Logger, string Channel, DateTimeOffset Time, double Value);

    // Written by the compiler, so that it works in a native program too.
    [JsonSourceGenerationOptions(JsonSerializerDefaults.Strict), JsonSerializable(typeof(Line))]
    private sealed partial class Lines : JsonSerializerContext;

    private sealed class Reader(FileContent content) : IRowReader<Reading>
    {
        private readonly StreamReader _text = new(content.AsStream());
        private long _line = 1;

        public async ValueTask<bool> ReadAsync(RowBatch<Reading> rows, int limit, CancellationToken cancellationToken)
        {
            for (; rows.Count < limit; _line++)
            {
                if (await _text.ReadLineAsync(cancellationToken) is not { } text) return false;
                try { rows.Add(ReadingOf(JsonSerializer.Deserialize(text, Lines.Default.Line) ?? throw new JsonException("null")), _line); }
                catch (JsonException error) { rows.Reject(new Defect(error.Message) { Line = _line, RawText = text }); }
            }
            return true;
        }

        private static Reading ReadingOf(Line line) => new(line.Logger, line.Channel, line.Time.UtcDateTime, line.Value);

        public void Dispose() => _text.Dispose();
    }
}
