using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>The smallest format: one whole number a line; "bad" rejects the row, "quarantine" the file, "changed" defers it.</summary>
internal sealed class NumberFormat : IFileFormat<int>
{
    public IRowReader<int> Open(SourceFile file, FileContent content) => new Reader(content);

    private sealed class Reader(FileContent content) : IRowReader<int>
    {
        private readonly StreamReader _text = new(content.Stream ?? new MemoryStream(content.Bytes.ToArray()), Encoding.UTF8);
        private long _line;

        public ValueTask<bool> ReadAsync(RowBatch<int> rows, int limit, CancellationToken cancellationToken)
        {
            while (rows.Count < limit && _text.ReadLine() is { } line)
            {
                _line++;
                if (line == "quarantine") throw new BadFileException(new Defect("the file says so") { Line = _line });
                if (line == "changed") throw new FileChangedException("the file says so");
                if (line == "broken") throw new InvalidOperationException("the format is broken");
                if (line == "skip") rows.Skip();
                else if (line == "flag") rows.Flag(new Defect("the file says so") { Line = _line });
                else if (int.TryParse(line, CultureInfo.InvariantCulture, out int number)) rows.Add(number, _line);
                else rows.Reject(new Defect("not a number") { Line = _line, Found = line });
            }
            return ValueTask.FromResult(!_text.EndOfStream);
        }

        public void Dispose() => _text.Dispose();
    }
}
