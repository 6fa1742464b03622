using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>Timestamps in formats other than ISO 8601.</summary>
public sealed class TimestampFormatTests
{
    [TestCase("dd.MM.yyyy HH:mm:ss.ffffff", "14.03.2026 00:00:01.999999", 19_999_990)]
    [TestCase("dd.MM.yyyy HH:mm:ss.FFFFFF", "14.03.2026 00:00:00.000001", 10)]
    [TestCase("d MMM yyyy HH:mm:ss.ffffff", "14 Mar 2026 00:00:03.549999", 35_499_990)]
    [TestCase("d MMM yyyy HH:mm:ss.fffffff", "14 Mar 2026 00:00:03.5499999", 35_499_999)]
    [TestCase("yyyy-MM-dd HH:mm:ss.fffffffff", "2026-03-14 00:00:01.123456789", 11_234_567)]
    [TestCase("iso", "2026-03-14 00:00:01.999999999", 19_999_999)]
    [TestCase("M/d/yy h:mmt", "3/14/26 12:30a", 30 * TimeSpan.TicksPerMinute)]
    [TestCase("M/d/yy h:mmt", "3/14/26 12:30P", 750 * TimeSpan.TicksPerMinute)]
    public void Decimals_of_a_second_are_exact_and_cut_beyond_the_seventh(string format, string text, long ticks) =>
        Assert.That(
            CsvReading.Read(
                $"timestamp,a\n{text},1\n", ReadingFormat.WideByChannel with { TimestampFormats = [format], Zone = "UTC" })
                .Rows.Single().TimestampUtc.Ticks,
            Is.EqualTo(new DateTime(2026, 3, 14).Ticks + ticks));

    [TestCase("epoch", "1596503593", "2020-08-04T01:13:13")]
    [TestCase("epoch", "1596503593.25", "2020-08-04T01:13:13.25")]
    [TestCase("epoch", "-1", "1969-12-31T23:59:59")]
    [TestCase("epochMs", "1596503593250", "2020-08-04T01:13:13.25")]
    [TestCase("epochUs", "1596503593250001", "2020-08-04T01:13:13.250001")]
    [TestCase("iso", "2020-08-04T01:13:13+02:00", "2020-08-03T23:13:13")]
    [TestCase("excel", "43831", "2020-01-01T00:00:00")]
    [TestCase("excel", "43831.5", "2020-01-01T12:00:00")]
    [TestCase("excel", "43831.0104166667", "2020-01-01T00:15:00")]
    [TestCase("excel", "46082.041667", "2026-03-01T01:00:00")]
    [TestCase("excel", "46082.0417", "2026-03-01T01:00:00")]
    [TestCase("excel", "46082.083333", "2026-03-01T02:00:00")]
    [TestCase("excel", "46082.0416724537", "2026-03-01T01:00:00.5")]
    [TestCase("dd/MM/yyyy HH:mm", "03/04/2026 05:06", "2026-04-03T05:06:00")]
    [TestCase("MM/dd/yyyy HH:mm", "03/04/2026 05:06", "2026-03-04T05:06:00")]
    [TestCase("M/d/yy h:mm:ss tt", "3/4/26 12:06:07 AM", "2026-03-04T00:06:07")]
    [TestCase("M/d/yy h:mm:ss tt", "3/4/26 12:06:07 pm", "2026-03-04T12:06:07")]
    [TestCase("d-MMM-yyyy HH:mm", "3-Apr-2026 05:06", "2026-04-03T05:06:00")]
    [TestCase("yyyyMMddHHmmss", "20260403050607", "2026-04-03T05:06:07")]
    [TestCase("yyyy-MM-dd", "2026-04-03", "2026-04-03T00:00:00")]
    [TestCase("yyyy-MM-dd HH:mm:ss.FFF", "2026-04-03 05:06:07", "2026-04-03T05:06:07")]
    [TestCase("yyyy-MM-dd HH:mm:ss.FFF", "2026-04-03 05:06:07.5", "2026-04-03T05:06:07.5")]
    [TestCase("d/MM/yyyy H:mm:ss zzz", "2/05/2013 12:00:00 +01:00", "2013-05-02T11:00:00")]
    [TestCase("yyyy-MM-ddTHH:mm:ssZ", "2026-04-03T05:06:07Z", "2026-04-03T05:06:07")]
    public void A_timestamp_is_read_in_its_format(string format, string text, string utc) =>
        Assert.That(Read(text, format).Rows.Single().TimestampUtc, Is.EqualTo(DateTime.Parse(utc, CultureInfo.InvariantCulture)));

    [TestCase("epoch", "1596503593250", "outside the years")]
    [TestCase("epoch", "1.5e9", "cannot be read")]
    [TestCase("epoch", "", "is empty")]
    [TestCase("excel", "59", "outside the years")]
    [TestCase("excel", "43831.", "cannot be read")]
    [TestCase("dd/MM/yyyy HH:mm", "31/02/2026 00:00", "date does not exist")]
    [TestCase("dd/MM/yyyy HH:mm", "04/13/2026 00:00", "date does not exist")]
    [TestCase("dd/MM/yyyy HH:mm", "3/4/2026 00:00", "cannot be read")]
    [TestCase("dd/MM/yyyy HH:mm", "03/04/2026 24:00", "hour is 24")]
    [TestCase("dd/MM/yyyy HH:mm", "03/04/2026 00:60", "time of day does not exist")]
    [TestCase("M/d/yy h:mm tt", "3/4/26 13:06 PM", "time of day does not exist")]
    [TestCase("dd/MM/yyyy HH:mm zzz", "03/04/2026 00:00 +15:00", "offset does not exist")]
    public void A_timestamp_that_is_not_in_its_format_is_rejected(string format, string text, string problem) =>
        Assert.That(Read(text, format).Rejects.Single().Problem, Does.Contain(problem));

    [Test]
    public void Several_formats_are_tried_in_order()
    {
        Outcome<Reading> read = Read(
            "13/02/2026 00:00\n02/03/2026 00:00\n2026-02-04T00:00Z\n1767225600", "dd/MM/yyyy HH:mm", "MM/dd/yyyy HH:mm", "iso", "epoch");

        Assert.That(
            read.Rows.Select(r => (r.TimestampUtc.Month, r.TimestampUtc.Day)), Is.EqualTo(new[] { (2, 13), (3, 2), (2, 4), (1, 1) }));
    }

    [Test]
    public void Date_and_time_may_be_two_columns()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Timestamp = FieldSource.Column("Date"), TimeOfDay = FieldSource.Column("Time"), TimestampFormats = ["dd.MM.yyyy HH:mm"],
            Zone = "UTC",
        };

        Outcome<Reading> read = CsvReading.Read("Date,Time,a\n03.04.2026,05:06,1\n03.04.2026,,1\n", format);

        Assert.That(read.Rows.Single().TimestampUtc, Is.EqualTo(new DateTime(2026, 4, 3, 5, 6, 0)));
        Assert.That(read.Rejects.Single().Problem, Is.EqualTo("the timestamp is empty"));
    }

    [Test]
    public void A_date_may_stand_above_the_table()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { PreambleLines = 1 },
            Timestamp = FieldSource.Preamble("Date"), TimeOfDay = FieldSource.Column("Time"), TimestampFormats = ["dd.MM.yyyy HH:mm"],
            Zone = "UTC",
        };

        Assert.That(
            CsvReading.Read("Date: 03.04.2026\nTime,a\n05:06,1\n", format).Rows.Single().TimestampUtc,
            Is.EqualTo(new DateTime(2026, 4, 3, 5, 6, 0)));
    }

    [TestCase(ElapsedUnit.Seconds, "90", 90)]
    [TestCase(ElapsedUnit.Seconds, "0.5", 0.5)]
    [TestCase(ElapsedUnit.Milliseconds, "1500", 1.5)]
    [TestCase(ElapsedUnit.Minutes, "1.5", 90)]
    [TestCase(ElapsedUnit.Hours, "2", 7200)]
    [TestCase(ElapsedUnit.Days, "1", 86400)]
    public void Times_may_count_from_a_start(ElapsedUnit unit, string text, double seconds)
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { PreambleLines = 1 }, Timestamp = FieldSource.Column("t"), Elapsed = new ElapsedTime(
                unit, FieldSource.Preamble("Start")), Zone = "Europe/Brussels",
        };

        Reading read = CsvReading.Read($"Start: 2026-03-28 12:00:00\nt,a\n{text},1\n", format).Rows.Single();

        Assert.That(read.TimestampUtc, Is.EqualTo(new DateTime(2026, 3, 28, 11, 0, 0).AddSeconds(seconds)));
        Assert.That(
            CsvReading.Read("Start: yesterday\nt,a\n1,1\n", format).BadFile!.ToString(),
            Does.StartWith("the start of the times cannot be used: the timestamp cannot be read; found 'yesterday'"));
    }

    [Test]
    public void Compiled_patterns_agree_with_the_platform()
    {
        Gen<string> dates = Gen.Elements("dd/MM/yyyy", "d/M/yyyy", "MM-dd-yy", "yyyy.MM.dd", "d.M.yy", "yyyyMMdd");
        Gen<string> times = Gen.Elements(
            "", " HH:mm", " H:mm:ss", "THH:mm:ss.fff", " h:mm tt", " hh:mm:ss tt", " HH:mm:ss.FFFFFFF", " HH:mm zzz");
        Gen<DateTimeOffset> stamps = Gen.Choose(0, 50_000_000).Zip(Gen.Choose(0, 9_999_999))
            .Select(t => new DateTimeOffset(new DateTime(1951, 1, 1).AddMinutes(t.Item1).AddTicks(t.Item2), TimeSpan.FromHours(2)));
        Gen<(int At, char Put)> damage = Gen.Choose(0, 60).Zip(Gen.Elements('0', '3', '9', ' ', '/', ':', 'x', '-'));

        Check(dates.Zip(times).Zip(stamps).Zip(damage), input =>
        {
            (((string date, string time), DateTimeOffset stamp), (int at, char put)) = input;
            string format = date + time, text = stamp.ToString(format, CultureInfo.InvariantCulture);
            if (at < text.Length) text = text[..at] + put + text[(at + 1)..];
            bool withOffset = format.Contains('z');
            bool valid = DateTimeOffset.TryParseExact(
                text, format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset expected);
            TimestampPattern pattern = DigitPattern.TryCompile(format)!;
            TimestampProblem problem = pattern.Read(Encoding.UTF8.GetBytes(text), out long clock, out long? offset);
            Assert.That(offset.HasValue, Is.EqualTo(withOffset && problem != TimestampProblem.Unreadable));
            Assert.That(problem == TimestampProblem.None, Is.EqualTo(valid), $"{format}: {text}");
            return !valid || (clock == expected.Ticks && (offset ?? 0) == expected.Offset.Ticks);
        });
    }

    private static Outcome<Reading> Read(string texts, params string[] formats) =>
        CsvReading.Read(
            "timestamp,a\n" + string.Concat(texts.Split('\n').Select(text => $"{text},1\n")),
            ReadingFormat.WideByChannel with { TimestampFormats = formats, Zone = "UTC" });

    private static void Check<T>(Gen<T> inputs, Func<T, bool> holds) =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000), Prop.ForAll(inputs.ToArbitrary(), holds));
}
