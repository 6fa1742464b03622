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
            CsvReading.Read(
                "logger , channel,timestamp,value\n L1,\tflow , 2026-01-01 00:00:00Z ,  1.5 \n"
                    + "L1 ,flow\t,2026-01-01 00:00:00Z\t ,\"1.5 \"\n").Rows,
            Is.EqualTo(new[] { First, First }));

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
    public void A_header_is_bound_once_for_all_files_that_have_it_at_the_same_line()
    {
        Assert.That(Bound(new(), "a,b\n", "a,b\n1,2\n", "a,c\n", "\na,b\n", "a,b\n", "\na,b\n", "a,c\n"), Is.EqualTo(new[]
        {
            "1: a,b", "1: a,c", "2: a,b",
        }));
        Assert.That(
            Bound(new CsvText { HasUnits = true }, "a,b\nm,s\n", "a,b\nm,s\n", "a,b\nm,h\n", "a,b\nm,s\n", "a,b\n,\n"),
            Is.EqualTo(new[] { "1: a,b m,s", "1: a,b m,h", "1: a,b ," }));
        Assert.That(Bound(new CsvText { HasHeader = false }, "1,2\n", "3,4\n", "1,2,3\n", "\n1,2\n", "5,6\n"), Is.EqualTo(new[]
        {
            "1: #1,#2", "1: #1,#2,#3", "2: #1,#2",
        }));
        Assert.That(Bound(new CsvText { Separator = CsvText.Detected }, "a;b,c\n1;2\n", "a;b,c\n1,2\n", "a;b,c\n1;2\n"), Is.EqualTo(new[]
        {
            "1: a,b,c", "1: a;b,c",
        }), "of the same bytes, but of other columns");
    }

    [Test]
    public void Only_some_headers_are_kept_and_no_long_ones()
    {
        string[] headers = [.. Enumerable.Range(1, 17).Select(i => $"a,b{i}")];
        string longest = "a," + new string('b', (1 << 16) - 2);

        Assert.That(Bound(new(), [.. headers, headers[16], headers[16], headers[15], headers[0]]), Has.Length.EqualTo(19));
        Assert.That(Bound(new(), longest, longest), Has.Length.EqualTo(1));
        Assert.That(Bound(new(), longest + "b", longest + "b"), Has.Length.EqualTo(2));
        Assert.That(Bound(new CsvText { HasUnits = true }, longest + "\nm\n", longest + "\nm\n"), Has.Length.EqualTo(2));
    }

    [TestCase("a", "a", "a")]
    [TestCase("", "#1", "")]
    [TestCase("a\tb\u0085c", "a\uFFFDb\uFFFDc", "a\uFFFDb\uFFFDc")]
    [TestCase("200", "200", "200")]
    [TestCase("201", "200…", "200…")]
    public void A_header_is_shown_short_and_without_control_characters(string name, string described, string shown)
    {
        string Text(string text) => text.Replace("201", new string('x', 201), StringComparison.Ordinal)
            .Replace("200", new string('x', 200), StringComparison.Ordinal);
        var shape = new CountedShape(new CsvText());
        Outcome<string> read = CsvReading.Read(Encoding.UTF8.GetBytes($"\"{Text(name)}\"\nx\n"), new CsvFormat<string>(shape));
        CsvHeader header = shape.Bound.Single();

        Assert.That(read.Rows, Is.EqualTo(new[] { "x" }));
        Assert.That((header.Describe(0), header.ToString(), header.Describe(1)), Is.EqualTo((Text(described), Text(shown), "#2")));
    }

    [Test]
    public void A_column_by_number_is_one_that_is_there()
    {
        var shape = new CountedShape(new CsvText());
        CsvReading.Read("a,#1,c\n"u8.ToArray(), new CsvFormat<string>(shape));
        CsvHeader header = shape.Bound.Single();

        Assert.That(
            (header.Column("#3", ""), header.Column("#2", ""), header.Column("#1", "")), Is.EqualTo((2, 1, 1)), "a name comes first");
        foreach (string none in (string[])["#0", "#4", "#-1", "# 2", "#"])
            Assert.That(() => header.Column(none, ""), Throws.TypeOf<BadFileException>(), none);
    }

    [Test]
    public async Task The_last_line_of_a_file_longer_than_a_look_ahead_is_told_from_one_in_the_middle([Values(1, 700, 5_000)] int step)
    {
        string many = string.Concat(Enumerable.Repeat("L1,flow,2026-01-01T00:00:00Z,1.5\n", 100));
        byte[] bytes = Encoding.UTF8.GetBytes(Header + many + "L1,flow\n" + many + "L1,fl");
        var format = new CsvFormat<Reading>(ReadingFormat.Default);

        Outcome<Reading>[] both = [CsvReading.Read(bytes, format), await CsvReading.ReadStreamed(bytes, format, step)];
        foreach (Outcome<Reading> read in both)
        {
            Assert.That(read.Rows, Has.Count.EqualTo(200));
            Assert.That(read.Rejects.Select(r => (r.Line, r.Problem.Contains("cut off"), r.Remedy)), Is.EqualTo(new (long?, bool, string?)[]
            {
                (102, false, null), (203, true, "Have the file sent again"),
            }));
        }
    }

    [Test]
    public async Task A_stream_is_left_open_for_its_owner([Values("utf-8", "utf-16")] string encoding)
    {
        var marked = Encoding.GetEncoding(encoding);
        using var stream = new MemoryStream([.. marked.GetPreamble(), .. marked.GetBytes(TwoRows)]);
        using var content = new FileContent(stream);
        using (IRowReader<Reading> reader = new CsvFormat<Reading>(ReadingFormat.Default).Open(CsvReading.File, content))
            await reader.ReadAsync(new RowBatch<Reading>(), 10, CancellationToken.None);

        Assert.That(stream.CanRead);
    }

    [Test]
    public void What_a_reader_cannot_do_without_is_asked_for_at_once()
    {
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        using var content = new FileContent(Encoding.UTF8.GetBytes(TwoRows));
        using IRowReader<Reading> reader = format.Open(CsvReading.File, content);

        Assert.That(() => new CsvFormat<Reading>(null!), Throws.ArgumentNullException);
        Assert.That(
            () => new CsvFormat<string>(null!, (in CsvRecord _, out string? row) => new Defect(row = "x")), Throws.ArgumentNullException);
        Assert.That(() => format.Open(null!, content), Throws.ArgumentNullException);
        Assert.That(() => format.Open(CsvReading.File, null!), Throws.ArgumentNullException);
        Assert.That(() => reader.ReadAsync(null!, 1, CancellationToken.None), Throws.ArgumentNullException);
        Assert.That(
            () => reader.ReadAsync(new RowBatch<Reading>(), 1, new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>());
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

    /// <summary>The headers for which columns were found, each with its line, when a format reads the files one after the other.</summary>
    private static string[] Bound(CsvText text, params string[] files)
    {
        var shape = new CountedShape(text);
        var format = new CsvFormat<string>(shape);
        foreach (string file in files) Assert.That(CsvReading.Read(Encoding.UTF8.GetBytes(file), format).BadFile, Is.Null);
        return [
            .. shape.Bound.Select(header => $"{header.Line}: {string.Join(',', header.Names)} {string.Join(',', header.Units)}".TrimEnd())];
    }

    private sealed class CountedShape(CsvText text) : ICsvShape<string>, ICsvTable<string>, ICsvRowParser<string>
    {
        public List<CsvHeader> Bound { get; } = [];

        public CsvText Text => text;

        public ICsvTable<string> Bind(CsvHeader header)
        {
            Bound.Add(header);
            return this;
        }

        public ICsvRowParser<string> Open(in CsvFile file) => this;

        public void Parse(in CsvRecord record, RowBatch<string> rows) => rows.Add(Encoding.UTF8.GetString(record.Field(0)), record.Line);
    }
}
