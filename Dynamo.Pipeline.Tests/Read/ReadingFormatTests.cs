using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Wide files, zones, names from paths, and settings that are refused.</summary>
public sealed class ReadingFormatTests
{
    private static readonly ReadingFormat Scada = ReadingFormat.WideByChannel with
    {
        Text = new CsvText { Separator = ';' },
        DecimalSeparator = ',',
        Zone = "UTC",
    };

    [Test]
    public void A_wide_file_gives_a_reading_for_each_timestamp_and_channel()
    {
        var text = new StringBuilder("p227;Timestamp;p235\r\n");
        var start = new DateTime(2019, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var expected = new List<Reading>();
        for (int i = 0; i < 500; i++)
        {
            DateTime at = start.AddMinutes(5 * i);
            text.Append(CultureInfo.InvariantCulture, $"{i},25;{at:yyyy-MM-dd HH:mm:ss};-{i},5\r\n");
            expected.Add(new Reading("L0042", "p227", at, i + 0.25));
            expected.Add(new Reading("L0042", "p235", at, -i - 0.5));
        }

        Outcome<Reading> read = CsvReading.Read(text.ToString(), Scada);

        Assert.That(read.Rejects, Is.Empty);
        Assert.That(read.Rows, Is.EqualTo(expected));
        Assert.That(read.Lines.Take(3), Is.EqualTo(new long[] { 2, 2, 3 }));
    }

    [Test]
    public void A_bad_cell_of_a_wide_file_costs_only_itself()
    {
        Outcome<Reading> read = CsvReading.Read("timestamp;a;b;c\n2026-01-01 00:00;1,5;1.5;\n2026-01-01;1;2;3\n", Scada);

        Assert.That(read.Rows.Select(r => r.Channel), Is.EqualTo(new[] { "a" }));
        Assert.That(read.Rejects.Select(r => (r.Line, r.Column, r.Problem)), Is.EqualTo(new (long?, string?, string)[]
        {
            (2, "b", "the value is not a number"), (2, "c", "the value is empty"), (3, "timestamp", "the timestamp cannot be read"),
        }));
        Assert.That(read.Rejects[0].Remedy, Is.EqualTo("If decimals follow '.', set DecimalSeparator in the format"));
    }

    [Test]
    public void A_separator_at_the_end_of_each_line_is_no_channel()
    {
        Outcome<Reading> read = CsvReading.Read("timestamp;a;\n2026-01-01 00:00;1,5;\n2026-01-01 00:05;1,5;7\n", Scada);

        Assert.That(read.Rows, Has.Count.EqualTo(2));
        Assert.That(
            read.Rejects.Single().ToString(), Does.StartWith("line 3, column #3: there is a value in a column without a name; found '7'"));
    }

    [Test]
    public void A_doubled_channel_condemns_a_wide_file() =>
        Assert.That(
            CsvReading.Read("timestamp;a;A\n", Scada).BadFile!.ToString(),
            Does.StartWith("line 1, column A: the column 'A' is there twice"));

    [Test]
    public void A_wide_file_needs_its_timestamp_column() =>
        Assert.That(CsvReading.Read("time;a\n", Scada).BadFile!.ToString(), Does.StartWith(
            "line 1, column timestamp: the column 'timestamp' is missing; found 'time;a', expected timestamp and a column for each "
                + "channel"));

    [Test]
    public void The_logger_may_come_from_the_path_or_be_the_same_for_all_files()
    {
        string Logger(FieldSource source) =>
            CsvReading.Read("timestamp;a\n2026-01-01 00:00;1\n", Scada with { Logger = source }).Rows.Single().Logger;

        Assert.That(Logger(FieldSource.FileName), Is.EqualTo("L0042"));
        Assert.That(Logger(FieldSource.Constant("plant 7")), Is.EqualTo("plant 7"));
        Assert.That(Logger(FieldSource.PathPattern("^(?<logger>[^/]+)/")), Is.EqualTo("north"));
    }

    [Test]
    public void A_long_file_may_take_names_from_the_path_as_well()
    {
        ReadingFormat format = ReadingFormat.Default with { Logger = FieldSource.FileName, Channel = FieldSource.Constant("flow") };

        Assert.That(
            CsvReading.Read("timestamp,value\n2026-01-01T00:00Z,1\n", format).Rows.Single(),
            Is.EqualTo(new Reading("L0042", "flow", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), 1)));
    }

    [Test]
    public void A_path_that_does_not_match_condemns_the_file() =>
        Assert.That(
            CsvReading.Read("timestamp;a\n", Scada with { Logger = FieldSource.PathPattern("^south/(?<logger>.+)") }).BadFile!.ToString(),
            Does.StartWith(
                "the logger cannot be taken from the file's path; found 'north/L0042.csv', expected a path that matches ^south/"));

    [TestCase("2026-01-15 12:00:00", "2026-01-15T11:00:00", TestName = "Local time in winter")]
    [TestCase("2026-07-15 12:00:00", "2026-07-15T10:00:00", TestName = "Local time in summer")]
    [TestCase("2026-03-29 01:59:59", "2026-03-29T00:59:59", TestName = "Local time before the gap")]
    [TestCase("2026-03-29 03:00:00", "2026-03-29T01:00:00", TestName = "Local time after the gap")]
    [TestCase("2026-10-25 01:59:59", "2026-10-24T23:59:59", TestName = "Local time before the fold")]
    [TestCase("2026-10-25 02:00:00", "2026-10-25T00:00:00", TestName = "Local time in the fold is the earlier one")]
    [TestCase("2026-10-25 02:59:59", "2026-10-25T00:59:59", TestName = "Local time at the end of the fold is the earlier one")]
    [TestCase("2026-10-25 03:00:00", "2026-10-25T02:00:00", TestName = "Local time after the fold")]
    [TestCase("2026-10-25 02:30:00+01:00", "2026-10-25T01:30:00", TestName = "An offset in the text wins over the zone")]
    public void Local_times_go_to_UTC_by_the_zone(string local, string utc)
    {
        Reading read = CsvReading.Read($"timestamp;a\n{local};1\n", Scada with { Zone = "Europe/Brussels" }).Rows.Single();

        Assert.That(read.TimestampUtc, Is.EqualTo(DateTime.Parse(utc, CultureInfo.InvariantCulture)));
    }

    [Test]
    public void A_local_time_that_does_not_exist_is_rejected([Values("02:00:00", "02:30:00", "02:59:59.9999999")] string time)
    {
        Outcome<Reading> read = CsvReading.Read($"timestamp;a\n2026-03-29 {time};1\n", Scada with { Zone = "Europe/Brussels" });

        Assert.That(read.Rejects.Single().Problem, Is.EqualTo("the timestamp does not exist: clocks in the zone were put forward over it"));
    }

    [Test]
    public void Every_local_time_of_a_year_agrees_with_the_platform(
        [Values("Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Etc/GMT-1")] string id)
    {
        TimeZoneInfo zone = TimeZoneInfo.FindSystemTimeZoneById(id);
        var clock = new LocalClock(zone);
        for (DateTime local = new(2026, 1, 1); local.Year == 2026; local = local.AddMinutes(7))
        {
            LocalTime time = clock.Find(local.Ticks);
            bool isAmbiguous = zone.IsAmbiguousTime(local);
            Assert.That(
                time.Kind,
                Is.EqualTo(zone.IsInvalidTime(local) ? LocalTimeKind.Never : isAmbiguous ? LocalTimeKind.Twice : LocalTimeKind.Once),
                $"{local:O}");
            if (clock.TryQuiet(local.Ticks, out long utc))
                Assert.That((time.Kind, time.Earlier), Is.EqualTo((LocalTimeKind.Once, utc)), $"{local:O}");
            if (time.Kind == LocalTimeKind.Never) continue;
            TimeSpan[] offsets = isAmbiguous ? zone.GetAmbiguousTimeOffsets(local) : [zone.GetUtcOffset(local)];
            Assert.That(time.Earlier, Is.EqualTo((local - offsets.Max()).Ticks), $"{local:O}");
            Assert.That(time.Later, Is.EqualTo((local - offsets.Min()).Ticks), $"{local:O}");
        }
    }

    [Test]
    public void Other_timestamp_formats_are_tried_in_order()
    {
        ReadingFormat format = Scada with { TimestampFormats = ["d/MM/yyyy H:mm:ss zzz", "d/MM/yyyy H:mm"], Zone = "UTC" };

        Outcome<Reading> read = CsvReading.Read("timestamp;a\n3/04/2026 5:06;1\n3/04/2026 5:06:07 +02:00;1\n2026-04-03 05:06;1\n", format);

        Assert.That(
            read.Rows.Select(r => r.TimestampUtc),
            Is.EqualTo(new[] { new DateTime(2026, 4, 3, 5, 6, 0), new DateTime(2026, 4, 3, 3, 6, 7) }));
        Assert.That(read.Rejects.Single().Expected, Is.EqualTo("d/MM/yyyy H:mm:ss zzz or d/MM/yyyy H:mm"));
    }

    [Test]
    public void The_real_file_of_L_TOWN_gives_every_reading_with_the_right_sums()
    {
        string path = SharedData("ltown-2019-flows.csv");
        byte[] bytes = File.ReadAllBytes(path);

        Outcome<Reading> read = CsvReading.Read(bytes, Scada);

        Assert.That(read.Rejects, Is.Empty);
        Assert.That(read.Rows, Has.Count.EqualTo(315_360));
        // Counted in hundredths, independently, from the text: no rounding.
        string[][] cells = [.. File.ReadLines(path).Skip(1).Select(l => l.Split(';'))];
        string[] channels = ["p227", "p235", "PUMP_1"];
        for (int i = 0; i < 3; i++)
        {
            decimal sum = cells.Sum(c => decimal.Parse(c[i + 1].Replace(',', '.'), CultureInfo.InvariantCulture));
            Assert.That(read.Rows.Where(r => r.Channel == channels[i]).Sum(r => (decimal)r.Value), Is.EqualTo(sum), channels[i]);
        }
        Assert.That(read.Rows[^1].TimestampUtc, Is.EqualTo(new DateTime(2019, 12, 31, 23, 55, 0)));
    }

    [Test]
    public void Settings_that_cannot_be_are_refused_by_name()
    {
        Assert.That(
            () => ReadingFormat.Default with { Zone = "Mars/Olympus" },
            Throws.ArgumentException.With.Message.Contains("Zone 'Mars/Olympus'"));
        Assert.That(
            () => ReadingFormat.Default with { DecimalSeparator = ';' },
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("DecimalSeparator"));
        Assert.That(
            () => ReadingFormat.Default with { TimestampFormats = ["HH:mm"] }, Throws.ArgumentException.With.Message.Contains("'HH:mm'"));
        Assert.That(
            () => ReadingFormat.Default with { TimestampFormats = ["yyyy-MM-dd HH:mmK"] },
            Throws.ArgumentException.With.Message.Contains("no K"));
        Assert.That(() => new CsvText { Separator = 'a' }, Throws.ArgumentException.With.Message.Contains("Separator"));
        Assert.That(() => new CsvText { Quote = '\n' }, Throws.ArgumentException.With.Message.Contains("Quote"));
        Assert.That(
            () => new CsvFormat<Reading>(ReadingFormat.Default with { Text = new CsvText { Separator = '"' } }),
            Throws.ArgumentException.With.Message.Contains("Separator and Quote"));
        Assert.That(
            () => new CsvText { LongestLine = 10 }, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("LongestLine"));
        Assert.That(
            () => ReadingFormat.Default with { Logger = FieldSource.PathPattern("(?<a>x)(?<b>y)") },
            Throws.ArgumentException.With.Message.Contains("called 'logger'"));
        Assert.That(() => FieldSource.PathPattern("(?<a>x)(?=y)"), Throws.ArgumentException.With.Message.Contains("look-around"));
        Assert.That(() => FieldSource.PathPattern("(?<a>"), Throws.InstanceOf<ArgumentException>());
    }

    private static string SharedData(string name)
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "shared", "data", name)))
            folder = folder.Parent;
        if (folder is null) Assert.Ignore($"{name} is not beside this repository.");
        return Path.Combine(folder!.FullName, "shared", "data", name);
    }
}
