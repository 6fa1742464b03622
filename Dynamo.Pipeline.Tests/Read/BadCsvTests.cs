using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Bad files and bad rows, each with its message.</summary>
public sealed class BadCsvTests
{
    private const string Header = "logger,channel,timestamp,value\n";
    private const string Good = "L1,flow,2026-01-01T00:00:00Z,1.5\n";
    private const string AllColumns = "logger,channel,timestamp,value";

    [Test]
    public void An_empty_file_is_bad([Values("", "\n\r\n", "  ", "\uFEFF", "\uFEFF\n")] string text) =>
        Assert.That(
            BadFile(text).ToString(),
            Is.EqualTo("the file is empty; expected a header line. Delete it, or have the logger write it again"));

    [Test]
    public void A_missing_column_is_named_with_what_is_there_and_what_looks_like_it()
    {
        Defect defect = BadFile("\nlogger,channel,time_stamp,value\n" + Good);

        Assert.That(defect.ToString(), Is.EqualTo(
            "line 2, column timestamp: the column 'timestamp' is missing; found 'logger,channel,time_stamp,value', expected "
                + "logger,channel,timestamp,value."
            + " Did you mean 'time_stamp'? Name the column in the format, or rename it in the file"));
    }

    [TestCase("logger,chanel,timestamp,value", "Did you mean 'chanel'")]
    [TestCase("logger,channel,timestamp,value [l/s]", "Did you mean 'value [l/s]'")]
    [TestCase("logger;channel;timestamp;value", "The separator looks like ';'")]
    [TestCase("logger\tchannel\ttimestamp\tvalue", "The separator looks like a tab")]
    [TestCase("site,sensor,when,what", "Name the column in the format")]
    [TestCase("site;sensor,when", "Name the column in the format")]
    public void An_unknown_header_comes_with_a_way_out(string header, string remedy)
    {
        Defect defect = BadFile(header + "\n");

        Assert.That(defect.Line, Is.EqualTo(1));
        Assert.That(defect.Problem, Does.EndWith("is missing"));
        Assert.That(defect.Expected, Is.EqualTo(AllColumns));
        Assert.That(defect.Remedy, Does.StartWith(remedy));
    }

    [Test]
    public void A_file_without_a_header_is_told_so() =>
        Assert.That(BadFile(Good).ToString(), Is.EqualTo(
            "line 1: the file has no header: its first line looks like data; found 'L1,flow,2026-01-01T00:00:00Z,1.5', expected "
                + "logger,channel,timestamp,value."
            + " Put the header 'logger,channel,timestamp,value' into the file's first line, or set HasHeader to false and name columns "
            + "#1, #2, …"));

    [Test]
    public void A_first_line_looks_like_data_where_it_has_a_number(
        [Values("5", "-5", "+5", ".5", "+.5", "1a", "2026-01-01")] string data, [Values("-", "+.", "a1", "--", "", "(1)")] string name)
    {
        Assert.That(BadFile($"what,{name},{data}\n").Problem, Is.EqualTo("the file has no header: its first line looks like data"));
        Assert.That(BadFile($"what,{name}\n").Problem, Is.EqualTo("the column 'logger' is missing"));
    }

    [Test]
    public void A_doubled_column_is_named()
    {
        Defect defect = BadFile("logger,channel,timestamp,value, Value\n");

        Assert.That((defect.Line, defect.Column, defect.Problem), Is.EqualTo((1L, "value", "the column 'value' is there twice")));
        Assert.That((defect.Found, defect.Expected), Is.EqualTo(("logger,channel,timestamp,value,Value", "'value' once")));
    }

    [TestCase("too few fields", "L1,flow,2026-01-01T00:00:00Z", "3 fields", "value", null)]
    [TestCase("too few fields", "L1", "1 field", "channel", null)]
    [TestCase("too many fields", "L1,flow,2026-01-01T00:00:00Z,1,5", "5 fields", "#5", "Quote fields that hold the separator")]
    public void A_line_with_the_wrong_number_of_fields_is_rejected(
        string problem, string line, string found, string column, string? remedy)
    {
        Defect defect = Reject(line);

        Assert.That(defect.Remedy, Is.EqualTo(remedy));

        Assert.That((defect.Problem, defect.Found, defect.Column), Is.EqualTo((problem, found, column)));
        Assert.That(defect.Expected, Is.EqualTo("4 fields: " + AllColumns));
        Assert.That(defect.RawText, Is.EqualTo(line));
    }

    [TestCase("L1,flow,2026-01")]
    [TestCase("L")]
    public void A_last_line_that_is_cut_off_is_told_from_one_that_is_short(string rest)
    {
        Outcome<Reading> read = CsvReading.Read(Header + Good + rest);

        Assert.That(read.Rows, Has.Count.EqualTo(1));
        Assert.That(read.Rejects.Single().Problem, Is.EqualTo("the last line is cut off: it has too few fields and no line end"));
        Assert.That(read.Rejects.Single().Line, Is.EqualTo(3));
    }

    [Test]
    public void A_last_line_with_too_many_fields_was_not_cut_off()
    {
        Defect defect = CsvReading.Read(Header + Good + Good.Trim() + ",5").Rejects.Single();

        Assert.That((defect.Problem, defect.Remedy), Is.EqualTo(("too many fields", "Quote fields that hold the separator")));
    }

    [TestCase("abc", "is not a number")]
    [TestCase("", "is empty")]
    [TestCase("\"\"", "is empty")]
    [TestCase("NaN", "is NaN, not a number")]
    [TestCase("-nan", "is NaN, not a number")]
    [TestCase("Infinity", "is infinite")]
    [TestCase("-inf", "is infinite")]
    [TestCase("∞", "is infinite")]
    [TestCase("1e999", "is too large for a number")]
    [TestCase("0x1F", "is not a number")]
    [TestCase("1 000", "is not a number")]
    [TestCase("1'000", "is not a number")]
    [TestCase("\"1,000\"", "is not a number")]
    [TestCase("1.5 l/s", "is not a number")]
    [TestCase("1\0", "is not a number")]
    [TestCase("--1", "is not a number")]
    [TestCase("1e", "is not a number")]
    [TestCase(".", "is not a number")]
    [TestCase("-", "is not a number")]
    public void A_value_that_is_no_finite_number_is_rejected(string value, string problem)
    {
        Defect defect = Reject("L1,flow,2026-01-01T00:00:00Z," + value);

        Assert.That((defect.Problem, defect.Column), Is.EqualTo(("the value " + problem, "value")));
        Assert.That(defect.Found, Is.EqualTo(value.Trim('"').Replace("\0", "\\u0000", StringComparison.Ordinal)));
        Assert.That(defect.Expected, Is.EqualTo("a decimal number such as 12.5"));
    }

    [Test]
    public void A_decimal_comma_where_points_are_meant_comes_with_the_setting() =>
        Assert.That(Reject("L1,flow,2026-01-01T00:00:00Z,\"1,5\"").ToString(), Is.EqualTo(
            "line 3, column value: the value is not a number; found '1,5', expected a decimal number such as 12.5. If decimals follow "
                + "',', set DecimalSeparator in the format"));

    [TestCase("", "the timestamp is empty")]
    [TestCase("yesterday", "the timestamp cannot be read")]
    [TestCase("2026-01-01", "the timestamp cannot be read")]
    [TestCase("01/02/2026 00:00", "the timestamp cannot be read")]
    [TestCase("2026-01-01T00:00:00.Z", "the timestamp cannot be read")]
    [TestCase("2026-01-01T00:00:00.1234567891Z", "the timestamp cannot be read")]
    [TestCase("2026-01-01T00:00:00ZZ", "the timestamp cannot be read")]
    [TestCase("2026-02-30T00:00:00Z", "the timestamp's date does not exist")]
    [TestCase("2025-02-29T00:00:00Z", "the timestamp's date does not exist")]
    [TestCase("2026-13-01T00:00:00Z", "the timestamp's date does not exist")]
    [TestCase("0000-01-01T00:00:00Z", "the timestamp's date does not exist")]
    [TestCase("2026-01-01T25:00:00Z", "the timestamp's time of day does not exist")]
    [TestCase("2026-01-01T00:60:00Z", "the timestamp's time of day does not exist")]
    [TestCase("2026-01-01T24:00:00Z", "the timestamp's hour is 24")]
    [TestCase("2026-06-30T23:59:60Z", "the timestamp is a leap second, which the database cannot hold")]
    [TestCase("2026-01-01T00:00:00+15:00", "the timestamp's offset does not exist")]
    [TestCase("2026-01-01T00:00:00+01:60", "the timestamp's offset does not exist")]
    [TestCase("0001-01-01T00:00:00+01:00", "the timestamp is outside the years 1 to 9999")]
    [TestCase("9999-12-31T23:59:59-01:00", "the timestamp is outside the years 1 to 9999")]
    [TestCase("2026-01-01T00:00:00", "the timestamp has no offset, and the format has no zone")]
    public void A_timestamp_that_is_bad_impossible_or_out_of_range_is_rejected(string timestamp, string problem)
    {
        Defect defect = Reject($"L1,flow,{timestamp},1.5");

        Assert.That((defect.Problem, defect.Column, defect.Found), Is.EqualTo((problem, "timestamp", timestamp)));
        Assert.That(defect.Expected, Is.EqualTo("ISO 8601 such as 2026-01-31T12:00:00Z"));
    }

    [Test]
    public void A_timestamp_without_an_offset_is_rejected_with_the_setting_that_is_missing() =>
        Assert.That(Reject("L1,flow,2026-01-01T00:00:00,1").Remedy, Does.StartWith("Set the zone of the source"));

    [TestCase(",flow,2026-01-01T00:00Z,1", "logger", "the name is empty")]
    [TestCase("L1,\" \",2026-01-01T00:00Z,1", "channel", "the name is empty")]
    [TestCase("L\0,flow,2026-01-01T00:00Z,1", "logger", "the name holds a control character")]
    [TestCase("L1,\"fl\now\",2026-01-01T00:00Z,1", "channel", "the name holds a control character")]
    [TestCase("L\u0085x,flow,2026-01-01T00:00Z,1", "logger", "the name holds a control character")]
    public void A_name_that_is_none_is_rejected(string line, string column, string problem)
    {
        Defect defect = Reject(line);

        Assert.That((defect.Column, defect.Problem), Is.EqualTo((column, problem)));
        Assert.That(defect.Expected, Is.EqualTo("a name of 1 to 400 bytes without control characters"));
    }

    [Test]
    public void A_name_may_have_400_bytes_and_no_more()
    {
        string row = ",flow,2026-01-01T00:00Z,1\n";
        Assert.That(CsvReading.Read(Header + new string('x', 400) + row).Rows, Has.Count.EqualTo(1));
        Assert.That(Reject(new string('x', 401) + row.Trim()).Problem, Is.EqualTo("the name is too long"));
    }

    [Test]
    public void Invalid_UTF_8_in_a_name_rejects_the_row()
    {
        byte[] bytes = [
            .. Encoding.UTF8.GetBytes(Header + Good), (byte)'L', 0xFF, .. ",flow,2026-01-01T00:00Z,1\n"u8, .. Encoding.UTF8.GetBytes(Good)];

        Outcome<Reading> read = CsvReading.Read(bytes);

        Assert.That(read.Rows, Has.Count.EqualTo(2));
        Assert.That(read.Rejects.Single().ToString(), Is.EqualTo(
            "line 3, column logger: the name is not valid UTF-8; found 'L\uFFFD', expected a name of 1 to 400 bytes without control "
                + "characters"));
    }

    [Test]
    public void An_unclosed_quote_condemns_the_file_and_names_the_line_where_it_opens([Values("\n", "\r\n", "\r")] string newline)
    {
        string text = Header + Good + "\"L\n1\",\"flow,2026-01-01T00:00Z,1\n" + Good;

        Defect defect = BadFile(text.Replace("\n", newline, StringComparison.Ordinal));

        Assert.That((defect.Line, defect.Column, defect.Problem), Is.EqualTo((4L, "channel", "a quote is never closed")));
        Assert.That(defect.Found, Does.StartWith("\"flow,2026"));
        Assert.That(defect.Expected, Is.EqualTo("a closing quote before the file ends"));
    }

    [Test]
    public void An_unclosed_quote_in_the_header_condemns_the_file() =>
        Assert.That(
            BadFile("logger,\"channel,timestamp,value\n" + Good).ToString(), Does.StartWith("line 1, column #2: a quote is never closed"));

    [Test]
    public void Text_after_a_closing_quote_rejects_the_row_and_is_not_glued_on()
    {
        Defect defect = Reject("L1,flow,2026-01-01T00:00Z,\"1\"2");

        Assert.That(
            (defect.Column, defect.Problem, defect.Found), Is.EqualTo(("value", "there is text after the closing quote", "\"1\"2")));
    }

    [Test]
    public void Quotes_are_looked_at_in_the_header_and_beyond_it()
    {
        Defect header = BadFile("logger,\"channel\"s,timestamp,value\n"), beyond = Reject(Good.Trim() + ",,\"\"x");

        Assert.That((header.Line, header.Column, header.Problem), Is.EqualTo((1L, "#2", "there is text after the closing quote")));
        Assert.That((beyond.Column, beyond.Problem), Is.EqualTo(("#6", "there is text after the closing quote")));
        Assert.That(BadFile(Header + Good + Good.Trim() + ",\"x").Column, Is.EqualTo("#5"));
    }

    [TestCase("", QuoteState.Sound)]
    [TestCase("a\"b\"", QuoteState.Sound)]
    [TestCase("\"\"", QuoteState.Sound)]
    [TestCase("\"a\"\"b\"", QuoteState.Sound)]
    [TestCase("\"", QuoteState.Unclosed)]
    [TestCase("\"\"\"", QuoteState.Unclosed)]
    [TestCase("\"a\"\"", QuoteState.Unclosed)]
    [TestCase("\"\"a", QuoteState.TextAfter)]
    [TestCase("\"a\" \"", QuoteState.TextAfter)]
    [TestCase("\"\"\"\"\"a\"", QuoteState.Sound)]
    public void A_field_is_quoted_soundly_or_not(string field, object state) =>
        Assert.That(Quoting.Check(Encoding.UTF8.GetBytes(field), (byte)'"'), Is.EqualTo(state));

    [TestCase("", 0)]
    [TestCase("a", 0)]
    [TestCase("\r", 1)]
    [TestCase("\n\n", 2)]
    [TestCase("\r\n", 1)]
    [TestCase("\n\r", 2)]
    [TestCase("a\r\r\nb\nc\r", 4)]
    public void Line_breaks_are_of_any_kind(string field, int breaks) =>
        Assert.That(Quoting.LineBreaks(Encoding.UTF8.GetBytes(field)), Is.EqualTo(breaks));

    [Test]
    public async Task A_binary_file_without_line_ends_is_told_so([Values] bool streamed)
    {
        byte[] bytes = new byte[2 << 20];
        var format = new CsvFormat<Reading>(ReadingFormat.Default);

        Outcome<Reading> read = streamed ? await CsvReading.ReadStreamed(bytes, format, 1 << 16) : CsvReading.Read(bytes, format);

        Assert.That((read.BadFile!.Line, read.BadFile.Problem), Is.EqualTo((1L, "the file is not text")));
    }

    [Test]
    public void Control_characters_are_looked_for_in_the_whole_header_and_not_below_it()
    {
        string note = new('x', 2_000);
        Outcome<Reading> below = CsvReading.Read("\n" + Header + "L\u0001,flow,2026-01-01T00:00Z,1\n" + Good);

        Assert.That((below.Rows.Count, below.Rejects.Single().Problem), Is.EqualTo((1, "the name holds a control character")));
        Assert.That(BadFile($"{note},a\u0001b,{Header}{Good}").Problem, Is.EqualTo("the file is not text"));
        Assert.That(BadFile("\n\na\u007Fb," + Header).ToString(), Does.StartWith("line 3: the file is not text"));
    }

    [TestCase(true, "a\0b\0")]
    [TestCase(true, "\0a\0b")]
    [TestCase(true, "a\0b\0c\0d\0e\0f\0g\0h\0i\0jj")]
    [TestCase(true, "\0a\0b\0c\0d\0e\0f\0g\0h\0ijj")]
    [TestCase(false, "a\0b\0c\0d\0e\0f\0g\0h\0iijj")]
    [TestCase(false, "\0a\0b\0c\0d\0e\0f\0g\0hiijj")]
    [TestCase(false, "a\0")]
    [TestCase(false, "\0\0\0\0")]
    [TestCase(false, "a\0\0\0")]
    [TestCase(false, "\u0001\u0002\u0003\u0004")]
    public void Text_in_UTF_16_is_told_by_its_zeros(bool isText, string bytes) =>
        Assert.That(
            CsvDefects.Binary(Encoding.Latin1.GetBytes(bytes), 1).Remedy,
            Does.StartWith(isText ? "It looks like UTF-16" : "A spreadsheet"));

    [Test]
    public void A_binary_file_is_told_so()
    {
        byte[] gzip = [0x1F, 0x8B, 8, 0, 0, 1, 2, 3];
        Defect defect = CsvReading.Read(gzip).BadFile!;

        Assert.That((defect.Line, defect.Problem), Is.EqualTo((1L, "the file is not text")));
        Assert.That(defect.Found, Does.Contain("\\u001f"));
        Assert.That(defect.Remedy, Is.EqualTo("A spreadsheet or an archive? Export it as CSV text"));
    }

    [Test]
    public void UTF_16_without_a_byte_order_mark_is_told_so([Values] bool bigEndian) =>
        Assert.That(
            CsvReading.Read(new UnicodeEncoding(bigEndian, false).GetBytes(Header + Good)).BadFile!.Remedy,
            Does.StartWith("It looks like UTF-16 without a byte order mark"));

    [Test]
    public void A_header_in_another_encoding_is_told_so()
    {
        Defect defect = CsvReading.Read([.. "logger,channel,timestamp,valeur mesur"u8, 0xE9, (byte)'e', (byte)'\n']).BadFile!;

        Assert.That((defect.Line, defect.Problem), Is.EqualTo((1L, "the header is not valid UTF-8")));
    }

    [Test]
    public async Task A_line_over_the_limit_condemns_the_file_by_its_number([Values] bool streamed, [Values] bool quoted)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(
            Header + Good + (quoted ? "\"" : "") + string.Concat(Enumerable.Repeat(quoted ? "x\n" : "xx", 1 << 20)) + "\n" + Good);
        var format = new CsvFormat<Reading>(ReadingFormat.Default);

        Outcome<Reading> read = streamed ? await CsvReading.ReadStreamed(bytes, format, 1 << 16) : CsvReading.Read(bytes, format);

        Assert.That((read.BadFile!.Line, read.BadFile.Problem), Is.EqualTo((3L, "the line is too long")));
        Assert.That(read.BadFile.Expected, Is.EqualTo("at most 1048576 bytes in a line"));
    }

    [Test]
    public async Task A_line_may_have_as_many_bytes_as_its_limit_and_no_more([Values] bool streamed, [Values(1024, 1025, 3000)] int length)
    {
        string start = "L1,flow,2026-01-01T00:00:00Z,1.5,";
        string text = $"above\nabove\n{Header.Trim()},note\n{start}{new string('x', length - start.Length)}\n";
        var format = new CsvFormat<Reading>(ReadingFormat.Default with { Text = new CsvText { LongestLine = 1024, PreambleLines = 2 } });
        byte[] bytes = Encoding.UTF8.GetBytes(text);

        Outcome<Reading> read = streamed ? await CsvReading.ReadStreamed(bytes, format, 100) : CsvReading.Read(bytes, format);

        Assert.That((read.Rows.Count, read.BadFile?.Line), Is.EqualTo(length == 1024 ? (1, (long?)null) : (0, 4L)));
        byte[] blank = [.. bytes, .. Enumerable.Repeat((byte)' ', 1025)];
        Assert.That(CsvReading.Read(blank, format).BadFile, Is.Not.Null, "a blank line has it too");
    }

    [Test]
    public async Task Lines_without_rows_do_not_keep_the_caller_waiting_for_all_of_them([Values] bool streamed)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Header + new string('\n', 70_000) + Good);
        using FileContent content = streamed ? new FileContent(new MemoryStream(bytes)) : new FileContent(bytes);
        using IRowReader<Reading> reader = new CsvFormat<Reading>(ReadingFormat.Default).Open(CsvReading.File, content);
        var rows = new RowBatch<Reading>();

        Assert.That((await reader.ReadAsync(rows, 1, CancellationToken.None), rows.Count), Is.EqualTo((true, 0)));
        Assert.That((await reader.ReadAsync(rows, 1, CancellationToken.None), rows.Count), Is.EqualTo((true, 1)));
        Assert.That(rows.Lines.Single(), Is.EqualTo(70_002));
    }

    [Test]
    public void A_header_of_a_megabyte_is_not_repeated_in_every_reject()
    {
        string header = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"\"x\n{i}\",")) + Header;

        Outcome<Reading> read = CsvReading.Read(
            Encoding.UTF8.GetBytes(header + "a\nb,c\n"), ReadingFormat.Default with { Text = new CsvText { LongestLine = 1 << 22 } });

        Assert.That(read.Rejects, Has.Count.EqualTo(2));
        Assert.That(read.Rejects[0].ToString(), Has.Length.LessThan(1000));
        Assert.That(read.Rejects[0].ToString().Any(char.IsControl), Is.False);
    }

    [Test, NonParallelizable]
    public async Task A_200_MB_line_does_not_cost_its_size_in_memory()
    {
        using var content = new FileContent(new EndlessStream(200L << 20));
        using IRowReader<Reading> reader = new CsvFormat<Reading>(ReadingFormat.Default).Open(CsvReading.File, content);
        long before = GC.GetTotalAllocatedBytes();

        Defect defect = (await CatchBadFile(reader)).Defect;

        Assert.That((defect.Line, defect.Problem), Is.EqualTo((1L, "the line is too long")));
        Assert.That(GC.GetTotalAllocatedBytes() - before, Is.LessThan(16 << 20));
    }

    [Test]
    public async Task A_file_that_changed_is_not_taken_for_a_bad_one()
    {
        using var content = new FileContent(new EndlessStream(-1));
        using IRowReader<Reading> reader = new CsvFormat<Reading>(ReadingFormat.Default).Open(CsvReading.File, content);
        FileChangedException? caught = null;
        try
        {
            await reader.ReadAsync(new RowBatch<Reading>(), 10, CancellationToken.None);
        }
        catch (FileChangedException e)
        {
            caught = e;
        }
        Assert.That(caught, Is.Not.Null);
    }

    private static async Task<BadFileException> CatchBadFile(IRowReader<Reading> reader)
    {
        try
        {
            await reader.ReadAsync(new RowBatch<Reading>(), 10, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (BadFileException e)
        {
            return e;
        }
        throw new AssertionException("the file was taken for good");
    }

    private static Defect BadFile(string text)
    {
        Outcome<Reading> read = CsvReading.Read(text);
        Assert.That(read.BadFile, Is.Not.Null, "bad file");
        return read.BadFile!;
    }

    /// <summary>The reject of a line between two good ones, which are read.</summary>
    private static Defect Reject(string line)
    {
        Outcome<Reading> read = CsvReading.Read(Header + Good + line + "\n" + Good);
        Assert.That(read.BadFile, Is.Null);
        Assert.That(read.Rows, Has.Count.EqualTo(2), "the rest of the file");
        Assert.That(read.Rejects, Has.Count.EqualTo(1));
        Assert.That(read.Rejects[0].Line, Is.EqualTo(3));
        Assert.That(read.Rejects[0].RawText, Is.Not.Null);
        return read.Rejects[0];
    }

    /// <summary>Letters without a line end; of negative length, a file that changed.</summary>
    private sealed class EndlessStream(long length) : MemoryStream
    {
        private long _left = length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left < 0) throw new FileChangedException("grew from 1 to 2 bytes");
            int count = (int)Math.Min(buffer.Length, _left);
            buffer.Span[..count].Fill((byte)'x');
            _left -= count;
            return ValueTask.FromResult(count);
        }
    }
}
