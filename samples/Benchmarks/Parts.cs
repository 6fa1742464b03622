using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>Parsing alone, per file size: bytes in memory to rows.</summary>
[MemoryDiagnoser]
public class ParseFile
{
    private static readonly SourceFile s_file = new("L00001.csv", 0, DateTime.UnixEpoch);
    private readonly CsvFormat<Reading> _format = new(ReadingFormat.Default);
    private byte[] _bytes = [];

    [Params(1, 4, 96, 10_000)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Write()
    {
        var text = new StringBuilder("logger,channel,timestamp,value\n");
        for (int i = 0; i < Rows; i++)
            text.Append(
                CultureInfo.InvariantCulture,
                $"L00001,flow,{DateTime.UnixEpoch.AddMinutes(15 * i):yyyy-MM-ddTHH:mm:ss}Z,{i % 977 / 8.0}\n");
        _bytes = Encoding.UTF8.GetBytes(text.ToString());
    }

    [Benchmark]
    public async Task<int> Parse()
    {
        using var content = new FileContent(_bytes);
        using IRowReader<Reading> reader = _format.Open(s_file, content);
        var rows = new RowBatch<Reading>(Rows);
        while (await reader.ReadAsync(rows, int.MaxValue, default)) { }
        return rows.Count;
    }
}
