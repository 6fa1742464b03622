using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>What stands around a table and how it is written: each setting on its own, in memory and streamed alike.</summary>
public sealed class TextShapeTests
{
    private static readonly ReadingFormat Named = ReadingFormat.Default with
    {
        Logger = FieldSource.Constant("L1"),
        Channel = FieldSource.Constant("flow"),
    };
    private static readonly DateTime At = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Test]
    public async Task Lines_above_the_table_are_counted_and_give_fields()
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { PreambleLines = 3 },
            Logger = FieldSource.Preamble("Logger ID"),
            Channel = FieldSource.PreamblePattern(@"^Station \d+, (?<channel>\w+)"),
        };

        Outcome<Reading> read = await BothAsync(
            "Logger ID: 12345\n\"it\"s \"unclosed, and \"odd\nStation 7, pressure [bar]\ntimestamp,value\n2026-01-01T00:00Z,1\nx,2\n",
            format);

        Assert.That(read.Rows, Is.EqualTo(new[] { new Reading("12345", "pressure", At, 1) }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 5 }));
        Assert.That(read.Rejects.Single().Line, Is.EqualTo(6));
    }

    [TestCase("Logger ID: 12345", "12345")]
    [TestCase("\"Logger ID\",\"12345\",,", "12345")]
    [TestCase("logger id\t=\t12 345;;", "12 345")]
    public async Task A_label_above_the_table_may_be_written_in_many_ways(string line, string logger)
    {
        ReadingFormat format = Named with { Text = new CsvText { TableStart = "timestamp" }, Logger = FieldSource.Preamble("Logger ID") };

        Assert.That(
            (await BothAsync($"Export\r\n{line}\r\n\r\nTimestamp,value\r\n2026-01-01T00:00Z,1\r\n", format)).Rows.Single().Logger,
            Is.EqualTo(logger));
    }

    [Test]
    public async Task A_label_that_is_missing_condemns_the_file_and_shows_what_is_there()
    {
        ReadingFormat format = Named with { Text = new CsvText { PreambleLines = 1 }, Logger = FieldSource.Preamble("Logger") };

        Defect defect = (await BothAsync("Loggerhead: turtle\ntimestamp,value\n", format)).BadFile!;

        Assert.That(
            defect.ToString(),
            Does.StartWith(
                "the logger cannot be taken from the lines above the table; found 'Loggerhead: turtle', expected a line such as "
                    + "'Logger: …'"));
    }

    [Test]
    public async Task A_table_that_is_not_found_condemns_the_file([Values("nothing here\n", "")] string text)
    {
        Defect defect = (await BothAsync(text, Named with { Text = new CsvText { TableStart = "timestamp" } })).BadFile!;

        Assert.That(
            defect.ToString(),
            Does.Contain("the table was not found").And.Contains("a line that begins with 'timestamp' in the first 65536 bytes"));
    }

    [Test]
    public async Task Comments_and_what_follows_the_footer_are_no_data()
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { Comment = '#', Footer = "Total" },
            Logger = FieldSource.Preamble("logger"),
        };

        Outcome<Reading> read = await BothAsync(
            "# Logger: L9\n#\ntimestamp,value\n# \"unclosed\n2026-01-01T00:00Z,1\n#2026-01-01T00:05Z,7\n2026-01-01T00:10Z,2\ntotal,3\n"
                + "2026-01-01T00:15Z,4\n\"never closed", format);

        Assert.That(read.Rows.Select(r => (r.Logger, r.Value)), Is.EqualTo(new[] { ("L9", 1.0), ("L9", 2.0) }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 5, 7 }));
        Assert.That(read.Rejects, Is.Empty);
    }

    [Test]
    public async Task Without_a_header_columns_are_found_by_number()
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { HasHeader = false },
            Timestamp = FieldSource.Column(2),
            Value = FieldSource.Column("#3"),
        };

        Outcome<Reading> read = await BothAsync("a,2026-01-01T00:00Z,1\nb,2026-01-01T00:00Z,x\nc,2026-01-01T00:00Z\n", format);

        Assert.That(read.Rows.Single(), Is.EqualTo(new Reading("L1", "flow", At, 1)));
        Assert.That(read.Rejects.Select(r => (r.Line, r.Column)), Is.EqualTo(new (long?, string?)[] { (2, "#3"), (3, "#3") }));
        Assert.That((await BothAsync("a\n", format)).BadFile!.Problem, Does.Contain("'#2' is missing").Or.Contains("no header"));
    }

    [Test]
    public async Task A_wide_file_without_a_header_has_numbered_channels_that_can_be_named()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { HasHeader = false },
            Timestamp = FieldSource.Column(1),
            Channels = new Dictionary<string, ChannelFormat> { ["#2"] = new() { Name = "flow" } },
        };

        Assert.That((await BothAsync("2026-01-01T00:00Z,1,2\n", format)).Rows.Select(r => r.Channel), Is.EqualTo(new[] { "flow", "#3" }));
    }

    [Test]
    public async Task Several_spaces_are_one_separator()
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { Separator = ' ', HasHeader = false },
            Timestamp = FieldSource.Column(1),
            Value = FieldSource.Column(2),
            TimestampFormats = ["epoch"],
        };

        Outcome<Reading> read = await BothAsync("1767225600   1.5\r\n  1767225601 \"2\"  \r\n   \r\n1767225602\r\n", format);

        Assert.That(read.Rows.Select(r => r.Value), Is.EqualTo(new[] { 1.5, 2 }));
        Assert.That(read.Rows[0].TimestampUtc, Is.EqualTo(At));
        Assert.That(
            read.Rejects.Single().ToString(), Does.StartWith("line 4, column #2: too few fields; found '1 field', expected 2 fields"));
    }

    [Test]
    public async Task The_separator_is_detected_for_each_file([Values(';', '\t', '|', ',', ' ')] char separator)
    {
        ReadingFormat format = Named with { Text = new CsvText { Separator = CsvText.Detected } };
        string text = "timestamp,value\n2026-01-01T00:00Z,1\n2026-01-01T00:05Z,2\n".Replace(',', separator);

        Assert.That((await BothAsync(text, format)).Rows, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_separator_that_cannot_be_detected_condemns_the_file() =>
        Assert.That(
            (await BothAsync("timestamp\n2026-01-01T00:00Z\n", Named with { Text = new CsvText { Separator = CsvText.Detected } }))
                .BadFile!.ToString(),
            Does.StartWith("line 1: the separator cannot be detected; found 'timestamp', expected lines that ; or a tab"));

    [Test]
    public async Task A_detected_semicolon_goes_with_decimal_commas()
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { Separator = CsvText.Detected, PreambleLines = 1 },
            DecimalSeparator = ',',
        };

        Assert.That((await BothAsync("a, b, c, d\ntimestamp;value\n2026-01-01T00:00Z;1,5\n", format)).Rows.Single().Value, Is.EqualTo(1.5));
    }

    [Test]
    public async Task Encodings_are_declared_and_a_byte_order_mark_wins(
        [Values("utf-8", "utf-16", "utf-16BE", "windows-1252", "latin1", "iso-8859-15")] string declared, [Values] bool marked,
        [Values] bool preamble)
    {
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(declared) ?? Encoding.GetEncoding(declared);
        ReadingFormat format = ReadingFormat.Default with { Text = new CsvText { Encoding = declared, PreambleLines = preamble ? 1 : 0 } };
        byte[] text = encoding.GetBytes((preamble ? "Größe\n" : "") + "logger,channel,timestamp,value\nZähler,débit,2026-01-01T00:00Z,1\n");
        byte[] bytes = marked ? [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(encoding.GetString(text))] : text;

        Outcome<Reading> read = await BothAsync(bytes, format);

        Assert.That(read.Rows.Single(), Is.EqualTo(new Reading("Zähler", "débit", At, 1)));
    }

    [Test]
    public async Task The_line_under_the_header_may_hold_units()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { HasUnits = true },
            Channels = new Dictionary<string, ChannelFormat> { ["flow"] = new() { ToUnit = "m3/h" } },
        };

        Outcome<Reading> read = await BothAsync("timestamp,flow,level\n,[l/s],m\n2026-01-01T00:00Z,10,2\n", format);

        Assert.That(read.Rows.Select(r => (r.Channel, r.Value)), Is.EqualTo(new[] { ("flow", 36.0), ("level", 2.0) }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 3, 3 }));
        Defect bad = (await BothAsync("timestamp,flow\n,furlongs\n2026-01-01T00:00Z,10\n", format)).BadFile!;
        Assert.That(
            bad.ToString(),
            Does.StartWith(
                "line 2, column flow: the unit of a channel cannot be converted; found 'furlongs', expected a unit that can be "
                    + "converted to m3/h"));
    }

    [Test]
    public async Task Values_without_a_value_are_skipped_and_counted_never_zero()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with { NullTokens = ["", "NaN", "-9999", "---"] };

        Outcome<Reading> read = await BothAsync(
            "timestamp,a,b,c\n2026-01-01T00:00Z,,nan,1\n2026-01-01T00:05Z,-9999.00,---,--\n2026-01-01T00:10Z,0,-999,\"\"\n", format);

        Assert.That(read.Rows.Select(r => (r.Channel, r.Value)), Is.EqualTo(new[] { ("c", 1.0), ("a", 0.0), ("b", -999.0) }));
        Assert.That(read.Skipped, Is.EqualTo(5));
        Assert.That(read.Rejects.Single().Found, Is.EqualTo("--"));
    }

    [TestCase("1,234,567.5", ',', '.', 1234567.5)]
    [TestCase("-1.234,5", '.', ',', -1234.5)]
    [TestCase("1 234", ' ', '.', 1234)]
    [TestCase("1\u00A0234,5", ' ', ',', 1234.5)]
    [TestCase("1\u202F234", ' ', ',', 1234)]
    [TestCase("12'345", '\'', '.', 12345)]
    [TestCase("1234.5", ',', '.', 1234.5)]
    public void Thousands_may_be_separated(string text, char thousands, char point, double value) =>
        Assert.That(
            (new ValueText(point, thousands).Read(Encoding.UTF8.GetBytes(text), out double read), read),
            Is.EqualTo(((string?)null, value)));

    [TestCase("1,23")]
    [TestCase("1234,567")]
    [TestCase(",123")]
    [TestCase("1,234,")]
    [TestCase("1,,234")]
    [TestCase("1.5,000")]
    [TestCase("1,234x")]
    public void Thousands_that_are_none_are_rejected(string text) =>
        Assert.That(new ValueText('.', ',').Read(Encoding.UTF8.GetBytes(text), out _), Is.EqualTo("is not a number"));

    [Test]
    public async Task Empty_fields_beyond_the_header_do_not_count()
    {
        Outcome<Reading> read = await BothAsync("timestamp,value\n2026-01-01T00:00Z,1,,\n2026-01-01T00:05Z,1,,x\n", Named);

        Assert.That(read.Rows, Has.Count.EqualTo(1));
        Assert.That(read.Rejects.Single().Problem, Is.EqualTo("too many fields"));
    }

    [Test]
    public async Task A_wide_file_may_have_a_column_for_each_logger_and_columns_that_are_none()
    {
        ReadingFormat format = ReadingFormat.Default with
        {
            Layout = ReadingLayout.WideByLogger,
            Channel = FieldSource.Constant("pressure"),
            IgnoredColumns = ["Remark", "#4"],
            Channels = new Dictionary<string, ChannelFormat> { ["pressure"] = new() { Unit = "bar", ToUnit = "kPa" } },
        };

        Outcome<Reading> read = await BothAsync("timestamp,L1,remark,other,L2\n2026-01-01T00:00Z,1,rain,x,2.5\n", format);

        Assert.That(read.Rows, Is.EqualTo(new[] { new Reading("L1", "pressure", At, 100), new Reading("L2", "pressure", At, 250) }));
    }

    [Test]
    public void Patterns_of_several_groups_serve_several_fields()
    {
        FieldSource path = FieldSource.PathPattern(@"^(?<channel>[^/]+)/(?<logger>[^/]+)\.csv$");

        Reading read = CsvReading.Read(
            "timestamp,value\n2026-01-01T00:00Z,1\n", ReadingFormat.Default with { Logger = path, Channel = path }).Rows.Single();

        Assert.That((read.Logger, read.Channel), Is.EqualTo(("L0042", "north")));
    }

    [Test]
    public void Settings_that_exclude_each_other_are_refused_before_a_file_is_read()
    {
        Refused(f => f with { ThousandsSeparator = '.' }, "ThousandsSeparator and DecimalSeparator");
        Refused(f => f with { Text = new CsvText { HasUnits = true, HasHeader = false } }, "HasUnits needs HasHeader");
        Refused(f => f with { Text = new CsvText { PreambleLines = 1, TableStart = "x" } }, "PreambleLines and TableStart");
        Refused(f => f with { Text = new CsvText { Comment = ',' } }, "Comment");
        Refused(f => f with { IgnoredColumns = ["x"] }, "IgnoredColumns");
        Refused(f => f with { Channels = new Dictionary<string, ChannelFormat> { ["a"] = new() { ToUnit = "bar" } } },
            "no Unit to convert from");
        Refused(f => f with { Channels = new Dictionary<string, ChannelFormat> { ["a"] = new() { Unit = "l/s", ToUnit = "bar" } } },
            "there is no conversion");
        Refused(f =>
            f with { Channels = new Dictionary<string, ChannelFormat> { ["a"] = new() { Name = "x" }, ["b"] = new() { Name = "X" } } },
            "get the Name");
        Refused(f => f with { Channels = new Dictionary<string, ChannelFormat> { ["a"] = new() { Min = 2, Max = 1 } } },
            "Min 2 above Max 1");
        Refused(f => f with { Channels = new Dictionary<string, ChannelFormat> { ["*"] = new() { Name = "x" } } }, "would become one");
        Assert.That(() => new CsvText { Encoding = "klingon" }, Throws.ArgumentException.With.Message.Contains("Encoding 'klingon'"));
        Assert.That(
            () => new ChannelFormat { Unit = "furlong" }, Throws.ArgumentException.With.Message.Contains("Unit 'furlong' is not known"));
        Assert.That(() => new ChannelFormat { Scale = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => ReadingFormat.Default with { TimestampFormats = ["dd/MM/yyyy hh:mm"] },
            Throws.ArgumentException.With.Message.Contains("morning from afternoon"));
        Assert.That(
            () => new ElapsedTime(ElapsedUnit.Seconds, FieldSource.Column("t")),
            Throws.ArgumentException.With.Message.Contains("whole file"));

        static void Refused(Func<ReadingFormat, ReadingFormat> change, string message) =>
            Assert.That(
                () => new CsvFormat<Reading>(change(ReadingFormat.Default)), Throws.ArgumentException.With.Message.Contains(message));
    }

    private static Task<Outcome<Reading>> BothAsync(string text, ReadingFormat format) => BothAsync(Encoding.UTF8.GetBytes(text), format);

    private static async Task<Outcome<Reading>> BothAsync(byte[] bytes, ReadingFormat format)
    {
        Outcome<Reading> memory = CsvReading.Read(bytes, format), streamed = await CsvReading.ReadStreamed(
            bytes, new CsvFormat<Reading>(format), 5, 2);
        Assert.That(streamed.Rows, Is.EqualTo(memory.Rows), "streamed as in memory");
        Assert.That(
            (streamed.Skipped, streamed.Rejects.Count, streamed.BadFile),
            Is.EqualTo((memory.Skipped, memory.Rejects.Count, memory.BadFile)), "streamed as in memory");
        return memory;
    }
}
