using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Good files.</summary>
public sealed class CsvFormatTests
{
    private const string Header = "logger,channel,timestamp,value\n";

    private static readonly Reading First = new("L1", "flow", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), 1.5);
    private static readonly Reading Second = new("L1", "pressure", new DateTime(2026, 1, 1, 0, 15, 0, DateTimeKind.Utc), -2);

    private static readonly string TwoRows = Header + "L1,flow,2026-01-01T00:00:00Z,1.5\nL1,pressure,2026-01-01T01:15:00+01:00,-2\n";

    [Test]
    public void A_long_file_gives_its_readings_with_their_lines()
    {
        Outcome<Reading> read = CsvReading.Read(TwoRows);

        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Rows[1].TimestampUtc.Kind, Is.EqualTo(DateTimeKind.Utc));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 2, 3 }));
        Assert.That(read.Rejects, Is.Empty);
    }

    [Test]
    public void A_header_alone_is_a_good_file_without_rows([Values("", "\n", "\r\n", "\r", "\n\n  \n")] string end)
    {
        Outcome<Reading> read = CsvReading.Read("logger,channel,timestamp,value" + end);

        Assert.That(read.BadFile, Is.Null);
        Assert.That(read.Rows.Count + read.Rejects.Count, Is.Zero);
    }

    [Test]
    public void Columns_are_found_by_name_in_any_order_and_others_are_ignored() =>
        Assert.That(
            CsvReading.Read(" Value , note,TIMESTAMP,Channel,logger\n1.5,\"a,b\",2026-01-01T00:00Z,flow,L1\n").Rows,
            Is.EqualTo(new[] { First }));

    [Test]
    public void Spaces_around_fields_and_headers_do_not_count() =>
        Assert.That(
            CsvReading.Read("logger , channel,timestamp,value\n L1,\tflow , 2026-01-01 00:00:00Z ,  1.5 \n").Rows,
            Is.EqualTo(new[] { First }));

    [Test]
    public void A_last_line_without_a_line_end_counts_when_it_is_whole() =>
        Assert.That(CsvReading.Read(Header + "L1,flow,2026-01-01T00:00Z,1.5").Rows, Is.EqualTo(new[] { First }));

    [Test]
    public void Lines_may_end_in_any_way_and_are_counted_alike([Values("\n", "\r\n", "\r")] string newline)
    {
        string text = "\n" + Header + "\n" + "L1,flow,2026-01-01T00:00:00Z,1.5\nbad\n\"L1\",\"pressure\",2026-01-01T00:15:00Z,-2\n";

        Outcome<Reading> read = CsvReading.Read(text.Replace("\n", newline, StringComparison.Ordinal));

        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 4, 6 }));
        Assert.That(read.Rejects.Single().Line, Is.EqualTo(5));
    }

    [Test]
    public void Line_breaks_in_quotes_are_counted()
    {
        Outcome<Reading> read = CsvReading.Read(
            "logger,channel,timestamp,value,note\nL1,flow,2026-01-01T00:00Z,1.5,\"a\nb\r\nc\"\nL1,pressure,2026-01-01T00:15Z,-2,x\n");

        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 2, 5 }));
    }

    [Test]
    public void Quoted_fields_are_decoded()
    {
        Reading read = CsvReading.Read(Header + "\"L \"\"1\"\", north\",  \"flów\" ,\"2026-01-01T00:00Z\",\"1.5\"\n").Rows.Single();

        Assert.That(read, Is.EqualTo(First with { Logger = "L \"1\", north", Channel = "flów" }));
    }

    [Test]
    public async Task Byte_order_marks_are_honoured([Values("utf-8", "utf-16", "utf-16BE")] string name, [Values] bool streamed)
    {
        var encoding = Encoding.GetEncoding(name);
        byte[] bytes = [.. encoding.GetPreamble(), .. encoding.GetBytes(TwoRows + "L1,flow,2026-01-01T00:00:00Z")];
        var format = new CsvFormat<Reading>(ReadingFormat.Default);

        Outcome<Reading> read = streamed ? await CsvReading.ReadStreamed(bytes, format, 3) : CsvReading.Read(bytes, format);

        Assert.That(encoding.GetPreamble(), Is.Not.Empty);
        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Rejects.Single().Problem, Does.Contain("cut off"));
    }

    [Test]
    public void A_portion_holds_no_more_than_its_limit()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        using var content = new FileContent(Encoding.UTF8.GetBytes(TwoRows + "bad\n"));
        using IRowReader<Reading> reader = format.Open(CsvReading.File, content);
        var batch = new RowBatch<Reading>();

        Assert.That(reader.ReadAsync(batch, 2, CancellationToken.None).AsTask().GetAwaiter().GetResult(), Is.True);
        Assert.That(batch.Rows, Has.Count.EqualTo(2));
        batch.Clear();
        Assert.That(reader.ReadAsync(batch, 2, CancellationToken.None).AsTask().GetAwaiter().GetResult(), Is.False);
        Assert.That(batch.Rejects, Has.Count.EqualTo(1));
    }

    [Test]
    public void Files_with_different_headers_share_a_format()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        for (int i = 0; i < 40; i++)
        {
            string header = string.Concat(Enumerable.Range(0, i).Select(n => $"extra{n},")) + Header;
            string row = new string(',', i) + "L1,flow,2026-01-01T00:00Z,1.5\n";
            Assert.That(CsvReading.Read(Encoding.UTF8.GetBytes(header + row), format).Rows, Is.EqualTo(new[] { First }));
        }
    }

    [Test]
    public void Names_are_one_string_across_files()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        Reading[] read = [.. Enumerable.Range(0, 2).SelectMany(_ => CsvReading.Read(Encoding.UTF8.GetBytes(TwoRows), format).Rows)];

        Assert.That(read.Select(r => r.Logger), Is.All.SameAs(read[0].Logger));
        Assert.That(read[3].Channel, Is.SameAs(read[1].Channel));
    }

    [Test, NonParallelizable]
    public void A_row_costs_no_memory_but_its_place_in_the_list()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        long Cost(int count)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(
                Header + string.Concat(Enumerable.Range(0, count).Select(i => $"L{i % 9},flow,2026-01-01T00:00:{i % 60:00}Z,{i}.25\n")));
            var rows = new RowBatch<Reading>(20_000);
            using var content = new FileContent(bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            using (IRowReader<Reading> reader = format.Open(CsvReading.File, content))
                reader.ReadAsync(rows, int.MaxValue, CancellationToken.None).AsTask().GetAwaiter().GetResult();
            long cost = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(rows.Rows, Has.Count.EqualTo(count));
            return cost;
        }
        // The least of some: a collection in between counts the rest of the thread's allocation buffer.
        long Least(int count) => Enumerable.Range(0, 6).Min(_ => Cost(count));

        Assert.That(Least(20_000) - Least(10_000), Is.LessThan(1000), "bytes for 10,000 rows more");
    }

    [Test, NonParallelizable]
    public async Task A_streamed_file_costs_the_same_memory_whatever_its_length()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        async Task<long> Cost(int count)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(
                Header + string.Concat(Enumerable.Range(0, count).Select(i => $"L{i % 9},flow,2026-01-01T00:00:{i % 60:00}Z,{i}.25\n")));
            var rows = new RowBatch<Reading>(1000);
            using var content = new FileContent(new MemoryStream(bytes));
            long before = GC.GetAllocatedBytesForCurrentThread();
            using IRowReader<Reading> reader = format.Open(CsvReading.File, content);
            while (await reader.ReadAsync(rows, 1000, CancellationToken.None))
                rows.Clear();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        async Task<long> Least(int count)
        {
            long least = long.MaxValue;
            for (int i = 0; i < 4; i++)
                least = Math.Min(least, await Cost(count));
            return least;
        }

        Assert.That(await Least(100_000) - await Least(10_000), Is.LessThan(22_000), "bytes for 90,000 rows more");
    }
}
