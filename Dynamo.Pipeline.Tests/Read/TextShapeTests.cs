using System.Globalization;
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

    [Test]
    public async Task Lines_above_the_table_may_end_in_any_way(
        [Values("\n", "\r\n", "\r")] string newline, [Values] bool marked, [Values] bool byStart)
    {
        ReadingFormat format = Named with
        {
            Text = byStart ? new CsvText { TableStart = "Zeit ü" } : new CsvText { PreambleLines = 2 },
            Timestamp = FieldSource.Column("Zeit ü"),
            Logger = FieldSource.Preamble("Logger"),
        };
        string text = (marked ? "\uFEFF" : "")
            + "Logger: L7\nZeit\n \"Zeit ü\",value,n;m\n2026-01-01T00:00Z,1,x;y\nyesterday,2,x;y\n";

        Outcome<Reading> read = await BothAsync(text.Replace("\n", newline, StringComparison.Ordinal), format);

        Assert.That(read.Rows, Is.EqualTo(new[] { new Reading("L7", "flow", At, 1) }));
        Assert.That((read.Lines.Single(), read.Rejects.Single().Line), Is.EqualTo((4, 5)));
    }

    [Test]
    public async Task Lines_above_the_table_may_be_many_and_the_separator_stands_anywhere_in_a_long_line()
    {
        string above = string.Concat(Enumerable.Range(0, 60).Select(i => $"Remark {i}: {new string('x', 1000)}\n"));
        ReadingFormat format = Named with { Text = new CsvText { Separator = CsvText.Detected, TableStart = "note" } };

        Outcome<Reading> read = await BothAsync(
            $"{above}note;timestamp;value\n{new string('y', 70_000)};2026-01-01T00:00Z;1\n", format, 4_096);

        Assert.That((read.Rows.Single().Value, read.Lines.Single()), Is.EqualTo((1.0, 62)));
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

    [TestCase("nothing here\n", 1)]
    [TestCase("nothing here\r", 1)]
    [TestCase("a\r\nb\nc", 3)]
    [TestCase("", 1)]
    public async Task A_table_that_is_not_found_condemns_the_file(string text, int line)
    {
        Defect start = (await BothAsync(text, Named with { Text = new CsvText { TableStart = "timestamp" } })).BadFile!;
        Defect lines = (await BothAsync(text, Named with { Text = new CsvText { PreambleLines = 4 } })).BadFile!;

        Assert.That(
            start.ToString(),
            Does.Contain("the table was not found").And.Contains("a line that begins with 'timestamp' in the first 65536 bytes"));
        Assert.That(lines.Expected, Is.EqualTo("4 lines above the table, within 65536 bytes"));
        Assert.That((start.Line, lines.Line), Is.EqualTo((line, line)));
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
    public async Task After_the_footer_a_stream_is_read_to_its_end_and_nothing_of_it_counts(
        [Values("Total\n", "Total", "total 3")] string footer)
    {
        string below = new('x', footer[^1] == '\n' ? 300_000 : 0);
        byte[] bytes = Encoding.UTF8.GetBytes($"timestamp,value\n2026-01-01T00:00Z,1\n{footer}{below}");
        using var stream = new MemoryStream(bytes);
        using var content = new FileContent(stream);
        using IRowReader<Reading> reader = new CsvFormat<Reading>(Named with { Text = new CsvText { Footer = "Total" } })
            .Open(CsvReading.File, content);
        var rows = new RowBatch<Reading>();

        Assert.That(await reader.ReadAsync(rows, 10, CancellationToken.None), Is.False);
        Assert.That((rows.Rows.Count, rows.Rejects.Count), Is.EqualTo((1, 0)));
        Assert.That(stream.Position, Is.EqualTo(stream.Length), "so that a source sees whether the file changed meanwhile");
    }

    [Test]
    public async Task A_footer_alone_is_a_table_without_rows_only_where_no_header_is_needed([Values] bool header)
    {
        ReadingFormat format = Named with
        {
            Text = new CsvText { Footer = "Total", HasHeader = header },
            Timestamp = FieldSource.Column("#1"),
            Value = FieldSource.Column("#2"),
        };

        Assert.That((await BothAsync("Total,3\n", format)).BadFile?.Problem, Is.EqualTo(header ? "the file is empty" : null));
        Assert.That((await BothAsync("", format)).BadFile!.Problem, Is.EqualTo("the file is empty"));
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

    [TestCase("a;b\n1;2\n", true, ';')]
    [TestCase("a;b;c,d\n1;2,3\n", true, ',', Description = "equally many fields")]
    [TestCase("a,b\n \t\n\n1,2\n", true, ',', Description = "blank lines")]
    [TestCase("a\tb\n1\t\n", true, '\t', Description = "an empty last field")]
    [TestCase("#;;\na,b\n#;\n1,2\n", true, ',', Description = "comments")]
    [TestCase("a,b\n1,2\nTotal\n", true, ',', Description = "what follows the footer")]
    [TestCase("\"a;\",b\n\"1;\",2\n", true, ',', Description = "separators in quotes")]
    [TestCase("a;b\n1;2\n3", false, ';', Description = "a last line that may go on")]
    [TestCase("a;b\n1;2\n3", true, null, Description = "a last line that is whole")]
    [TestCase("a;b", false, ';', Description = "the only line")]
    [TestCase("", true, null)]
    public void The_separator_splits_all_lines_equally(string table, bool isWhole, char? separator)
    {
        var text = new CsvText { Separator = CsvText.Detected, Comment = '#', Footer = "Total" };

        Assert.That(SeparatorGuess.Of(Encoding.UTF8.GetBytes(table), text, isWhole), Is.EqualTo(separator));
    }

    [Test]
    public void The_separator_is_told_by_twenty_lines_and_is_no_comment_character()
    {
        byte[] good = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("a;b\n", 19)));
        var text = new CsvText { Separator = CsvText.Detected };

        Assert.That(SeparatorGuess.Of([.. good, .. "c\n"u8], text, isWhole: true), Is.Null);
        Assert.That(SeparatorGuess.Of([.. good, .. "a;b\nc\n"u8], text, isWhole: true), Is.EqualTo(';'));
        Assert.That(SeparatorGuess.Of("a;b,c\n1;2,3\n"u8, text with { Comment = ';' }, isWhole: true), Is.EqualTo(','));
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
        [Values("utf-8", "utf-16", "utf-16BE", "windows-1252", "latin1", "iso-8859-15")] string declared,
        [Values("", "utf-8", "utf-16")] string mark, [Values] bool preamble)
    {
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(declared) ?? Encoding.GetEncoding(declared);
        ReadingFormat format = ReadingFormat.Default with { Text = new CsvText { Encoding = declared, PreambleLines = preamble ? 1 : 0 } };
        byte[] text = encoding.GetBytes((preamble ? "Größe\n" : "") + "logger,channel,timestamp,value\nZähler,débit,2026-01-01T00:00Z,1\n");
        Encoding marked = mark == "" ? encoding : Encoding.GetEncoding(mark);
        byte[] bytes = mark == "" ? text : [.. marked.GetPreamble(), .. marked.GetBytes(encoding.GetString(text))];

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
        Assert.That((read.Lines, read.Rejects.Count), Is.EqualTo((new long[] { 3, 3 }, 0)));
        Defect bad = (await BothAsync("timestamp,flow\n,furlongs\n2026-01-01T00:00Z,10\n", format)).BadFile!;
        Assert.That(
            bad.ToString(),
            Does.StartWith(
                "line 2, column flow: the unit of a channel cannot be converted; found 'furlongs', expected a unit that can be "
                    + "converted to m3/h"));
    }

    [Test]
    public async Task Names_over_several_lines_are_put_together([Values] bool hasUnits, [Values] bool spans)
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { HeaderLines = 2, HeaderSpans = spans, HasUnits = hasUnits },
            Timestamp = FieldSource.Column("time"),
            Logger = FieldSource.Constant("x"),
        };

        Outcome<Reading> read = await BothAsync(
            $"\n,Out,,Hi,Bar\ntime,Temp,Hum,Temp,Bar\n{(hasUnits ? ",C,%,C,hPa\n" : "")}2026-01-01T00:00Z,1,2,3,4\n", format);

        Assert.That(read.Rows.Select(r => (r.Channel, r.Value)), Is.EqualTo(new[]
            { ("Out Temp", 1.0), (spans ? "Out Hum" : "Hum", 2.0), ("Hi Temp", 3.0), ("Bar", 4.0) }));
        Assert.That((read.Lines[0], read.Rejects.Count), Is.EqualTo((hasUnits ? 5L : 4L, 0)));
    }

    [Test]
    public async Task Stations_may_stand_above_their_columns()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { HeaderLines = 2, HeaderSpans = true },
            Timestamp = FieldSource.Column(1),
            Logger = FieldSource.HeaderLine(1),
            IgnoredColumns = ["* flag"],
        };

        Outcome<Reading> read = await BothAsync(
            ",North,,South,\ntime,level,flag,level,flag\n2026-01-01T00:00Z,1,0,2,0\n", format);

        Assert.That(read.Rows.Select(r => (r.Logger, r.Channel, r.Value)), Is.EqualTo(new[]
            { ("North", "level", 1.0), ("South", "level", 2.0) }));
        Defect bad = (await BothAsync("time,,South\n,level,level\n2026-01-01T00:00Z,1,2\n", format with
        {
            Text = new CsvText { HeaderLines = 2 },
            IgnoredColumns = [],
        })).BadFile!;
        Assert.That(bad.ToString(), Does.Contain("the logger's name is empty"));
        Defect twice = (await BothAsync(",North,\ntime,level,level\n2026-01-01T00:00Z,1,2\n", format)).BadFile!;
        Assert.That(twice.ToString(), Does.Contain("North level"));
    }

    [TestCase("2026-01-01 00:00:00 UTC", true)]
    [TestCase("2026-01-01T00:00GMT", true)]
    [TestCase("2026-01-01 00:00:00  UTC", false)]
    [TestCase("2026-01-01 00:00:00 CET", false)]
    [TestCase("2026-01-01 00:00:00 UTC+1", false)]
    public async Task UTC_may_be_written_as_a_word(string text, bool isRead)
    {
        Outcome<Reading> read = await BothAsync($"logger,channel,timestamp,value\nL,c,{text},1\n", ReadingFormat.Default);

        Assert.That(read.Rows.Select(row => row.TimestampUtc), Is.EqualTo(isRead ? [At] : Array.Empty<DateTime>()));
    }

    [TestCase("$0.12", 0.12)]
    [TestCase("€ 3.5", 3.5)]
    [TestCase("£-2", -2)]
    [TestCase("$", null)]
    [TestCase("$$1", null)]
    public async Task A_currencys_sign_may_stand_before_a_value(string text, double? value)
    {
        Outcome<Reading> read = await BothAsync(
            $"logger,channel,timestamp,value\nL,c,2026-01-01T00:00Z,{text}\n", ReadingFormat.Default with { ValuesHaveUnits = true });

        Assert.That(read.Rows.Select(row => (double?)row.Value).FirstOrDefault(), Is.EqualTo(value));
        Assert.That(read.Rejects, Has.Count.EqualTo(value is null ? 1 : 0));
    }

    [Test]
    public async Task A_file_that_ends_inside_its_header_is_quarantined()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with { Text = new CsvText { HeaderLines = 3 } };

        Assert.That((await BothAsync("timestamp,a\n,b\n", format)).Rows, Is.Empty);
        Assert.That((await BothAsync("logger,a\n,b\n", format)).BadFile, Is.Not.Null);
    }

    [TestCase("2026-03-01 00:00-00:15", "2026-03-01T00:15")]
    [TestCase("2026-03-01 23:45-00:00", "2026-03-02T00:00")]
    [TestCase("2026-03-01 23:45 - 00:00", "2026-03-02T00:00")]
    [TestCase("2026-03-01 9:45 – 10:00", "2026-03-01T10:00")]
    [TestCase("2026-03-01 23:45 to 24:00", "2026-03-02T00:00")]
    [TestCase("2026-03-01 23:45/23:59", "2026-03-01T23:59")]
    [TestCase("2026-03-01 00:00-2026-03-01 01:00", "2026-03-01T01:00")]
    [TestCase("2026-03-31 00:00 - 00:00", "2026-04-01T00:00")]
    public async Task An_interval_whose_end_has_no_date_ends_after_its_start(string interval, string end)
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Timestamp = FieldSource.Column("t"),
            TimestampFormats = ["yyyy-MM-dd H:mm"],
            Zone = "UTC",
            Interval = IntervalTime.End,
            Hour24 = true,
        };

        Assert.That((await BothAsync($"t,a\n{interval},1\n", format)).Rows.Single().TimestampUtc, Is.EqualTo(Utc(end)));
        string start = interval[..(interval.IndexOf(':') + 3)];
        Assert.That(
            (await BothAsync($"t,a\n{interval},1\n", format with { Interval = IntervalTime.Start })).Rows.Single().TimestampUtc,
            Is.EqualTo(Utc(start)));
        // The date may also be in a column of its own.
        if (interval.LastIndexOf("2026", StringComparison.Ordinal) > 0) return;
        ReadingFormat apart = format with { TimeOfDay = FieldSource.Column("time") };
        Assert.That(
            (await BothAsync($"t,time,a\n{interval[..10]},{interval[11..]},1\n", apart)).Rows.Single().TimestampUtc,
            Is.EqualTo(Utc(end)));

        static DateTime Utc(string text) =>
            DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
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
    [TestCase("+123,456,789", ',', '.', 123456789)]
    [TestCase("00,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,001.5", ',', '.', 1.5)]
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
    [TestCase("1,2345")]
    [TestCase("+,123")]
    [TestCase("000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,001.5")]
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
        Refused(f => f with { Text = new CsvText { HeaderLines = 2, HasHeader = false } }, "HeaderLines needs HasHeader");
        Refused(f => f with { Text = new CsvText { HeaderSpans = true } }, "HeaderSpans needs HeaderLines");
        Refused(f => f with { Logger = FieldSource.HeaderLine(1) }, "Layout must be wide by channel");
        Refused(f => f with { Channel = FieldSource.HeaderLine(1) }, "only Logger can be there");
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

    [Test]
    public void A_text_is_written_with_what_can_be_told_apart()
    {
        for (char c = '\0'; c < '\u0180'; c++)
        {
            char any = c;
            bool isUsable = c == '\t' || (c is >= ' ' and <= '~' && !char.IsAsciiLetterOrDigit(c));
            Assert.That(Takes(() => new CsvText { Separator = any }), Is.EqualTo(isUsable || c == CsvText.Detected), $"U+{(int)c:X4}");
            Assert.That(Takes(() => new CsvText { Quote = any }), Is.EqualTo(isUsable), $"U+{(int)c:X4}");
            Assert.That(Takes(() => new CsvText { Comment = any }), Is.EqualTo(isUsable), $"U+{(int)c:X4}");
        }
        foreach ((int lines, bool isGood) in ((int, bool)[])[(-1, false), (0, true), (1000, true), (1001, false)])
            Assert.That(Takes(() => new CsvText { PreambleLines = lines }), Is.EqualTo(isGood), $"{lines} lines");
        foreach ((int bytes, bool isGood) in ((int, bool)[])[(1023, false), (1024, true), (1 << 30, true), ((1 << 30) + 1, false)])
            Assert.That(Takes(() => new CsvText { LongestLine = bytes }), Is.EqualTo(isGood), $"{bytes} bytes");
        foreach (string encoding in (string[])["utf-7", "", " "])
            Assert.That(Takes(() => new CsvText { Encoding = encoding }), Is.False, encoding);
        Assert.That(() => new CsvText { Encoding = null! }, Throws.ArgumentNullException);
        Assert.That(new CsvText { TableStart = " a ", Footer = "\tb" }, Is.EqualTo(new CsvText { TableStart = "a", Footer = "b" }));
        Assert.That(new CsvText { TableStart = null, Footer = null, Comment = null }, Is.EqualTo(CsvText.Default));
        Assert.That(Takes(() => new CsvText { TableStart = " " }) || Takes(() => new CsvText { Footer = "" }), Is.False);
        Assert.That(() => new CsvFormat<Reading>(Named with { Text = new CsvText { Comment = '"' } }), Throws.ArgumentException);

        static bool Takes(Func<CsvText> make)
        {
            try
            {
                return make() is not null;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }

    private static Task<Outcome<Reading>> BothAsync(string text, ReadingFormat format, int bytesPerRead = 5) =>
        BothAsync(Encoding.UTF8.GetBytes(text), format, bytesPerRead);

    private static async Task<Outcome<Reading>> BothAsync(byte[] bytes, ReadingFormat format, int bytesPerRead = 5)
    {
        Outcome<Reading> memory = CsvReading.Read(bytes, format), streamed = await CsvReading.ReadStreamed(
            bytes, new CsvFormat<Reading>(format), bytesPerRead, 2);
        Assert.That(streamed.Rows, Is.EqualTo(memory.Rows), "streamed as in memory");
        Assert.That(
            (streamed.Skipped, streamed.Rejects.Count, streamed.BadFile),
            Is.EqualTo((memory.Skipped, memory.Rejects.Count, memory.BadFile)), "streamed as in memory");
        return memory;
    }
}
