using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The hours that do not exist and the hours that exist twice, in four zones, under each policy, in both directions of a file.
/// </summary>
public sealed class DaylightSavingTests
{
    // Each with its changes of 2025: the first local time that does not exist, the first that exists twice, how long, and the
    // offsets before and after the fold.
    private static readonly Change[] Changes =
    [
        new("Europe/London", new(2025, 3, 30, 1, 0, 0), new(2025, 10, 26, 1, 0, 0), 60, 60, 0),
        new("Europe/Brussels", new(2025, 3, 30, 2, 0, 0), new(2025, 10, 26, 2, 0, 0), 60, 120, 60),
        new("America/New_York", new(2025, 3, 9, 2, 0, 0), new(2025, 11, 2, 1, 0, 0), 60, -240, -300),
        new("Australia/Lord_Howe", new(2025, 10, 5, 2, 0, 0), new(2025, 4, 6, 1, 30, 0), 30, 660, 630),
    ];

    [Test]
    public void A_file_in_order_gives_each_instant_of_the_repeated_hour(
        [ValueSource(nameof(Changes))] Change change, [Values] ClockChange policy, [Values] bool backward, [Values(5, 15, 30)] int minutes,
        [Values] bool wide)
    {
        DateTime[] instants = change.AroundFold(minutes);
        if (backward) Array.Reverse(instants);

        Outcome<Reading> read = Read(instants.Select(change.Local), Format(change, wide) with { Fold = policy }, wide);

        Assert.That(read.Rejects, Is.Empty);
        Assert.That(read.Rows.Select(r => r.TimestampUtc), Is.EqualTo(instants));
    }

    [Test]
    public void Hourly_readings_tell_the_second_pass_by_the_same_time_again([Values] bool backward)
    {
        Change brussels = Changes[1];
        DateTime[] instants = brussels.AroundFold(60);
        if (backward) Array.Reverse(instants);

        Assert.That(
            Read(instants.Select(brussels.Local), Format(brussels, true), true).Rows.Select(r => r.TimestampUtc), Is.EqualTo(instants));
    }

    [Test]
    public void A_time_alone_follows_the_policy([ValueSource(nameof(Changes))] Change change, [Values] ClockChange policy)
    {
        Outcome<Reading> read = Read([change.Fold.AddMinutes(10)], Format(change, true) with { Fold = policy }, true);

        if (policy == ClockChange.Reject)
            Assert.That(
                read.Rejects.Single().ToString(), Does.Contain("the timestamp exists twice").And.Contains("set Fold to Earlier or Later"));
        else
            Assert.That(
                read.Rows.Single().TimestampUtc,
                Is.EqualTo(change.Fold.AddMinutes(10 - (policy == ClockChange.Earlier ? change.Before : change.After))));
    }

    [Test]
    public void A_time_that_does_not_exist_follows_the_policy(
        [ValueSource(nameof(Changes))] Change change, [Values] ClockChange policy, [Values] bool backward)
    {
        DateTime missing = change.Gap.AddMinutes(change.Minutes / 2);
        DateTime[] times = [missing.AddHours(-2), missing, missing.AddHours(2)];
        if (backward) Array.Reverse(times);

        Outcome<Reading> read = Read(times, Format(change, true) with { Gap = policy }, true);

        // In spring the offsets are those of autumn the other way round.
        DateTime earlier = missing.AddMinutes(-change.Before), later = missing.AddMinutes(-change.After);
        Assert.That(read.Rejects, Has.Count.EqualTo(policy == ClockChange.Reject ? 1 : 0));
        if (policy == ClockChange.Reject)
            Assert.That(read.Rejects[0].ToString(), Does.Contain("the timestamp does not exist"));
        else
            Assert.That(read.Rows[1].TimestampUtc, Is.EqualTo(policy == ClockChange.Earlier ? earlier : later));
    }

    [Test]
    public void A_file_that_begins_inside_the_repeated_hour_is_read_by_policy_until_its_order_tells(
        [Values(ClockChange.Earlier, ClockChange.Later)] ClockChange policy)
    {
        Change brussels = Changes[1];
        DateTime[] local = [.. new[] { 30, 45, 0, 15, 30, 45, 60 }.Select(minute => brussels.Fold.AddMinutes(minute))];

        DateTime[] read = [.. Read(local, Format(brussels, true) with { Fold = policy }, true).Rows.Select(r => r.TimestampUtc)];

        int first = policy == ClockChange.Earlier ? 120 : 60;
        Assert.That(read, Is.EqualTo(local.Select((time, i) => time.AddMinutes(-(i < 2 ? first : 60)))));
    }

    [Test]
    public void Series_of_a_long_file_are_told_apart([Values] bool blocks)
    {
        Change brussels = Changes[1];
        DateTime[] instants = brussels.AroundFold(15);
        var lines = instants.SelectMany(at => new[] { "a", "b" }.Select(channel => (At: at, Channel: channel)));
        if (blocks) lines = lines.OrderBy(line => line.Channel, StringComparer.Ordinal).ThenBy(line => line.At);
        (DateTime At, string Channel)[] expected = [.. lines];
        string text = "logger,channel,timestamp,value\n"
            + string.Concat(expected.Select(line => $"L1,{line.Channel},{brussels.Local(line.At):yyyy-MM-dd HH:mm:ss},1\n"));

        Outcome<Reading> read = CsvReading.Read(text, ReadingFormat.Default with { Zone = brussels.Zone });

        Assert.That(read.Rows.Select(r => (r.TimestampUtc, r.Channel)), Is.EqualTo(expected));
    }

    [Test]
    public void A_series_that_goes_both_ways_is_read_by_policy()
    {
        Change brussels = Changes[1];
        DateTime[] local = [.. new[] { -60, -90, 15, 45, 15, 30 }.Select(minute => brussels.Fold.AddMinutes(minute))];

        Outcome<Reading> read = Read(local, Format(brussels, true) with { Fold = ClockChange.Reject }, true);

        Assert.That(read.Rejects, Has.Count.EqualTo(4));
    }

    [Test]
    public void Repeated_rows_inside_the_hour_are_no_second_pass()
    {
        Change brussels = Changes[1];
        int[] minutes = [-15, 0, 15, 15, 30, 45, 0, 15, 15, 30];

        DateTime[] read = [
            .. Read(minutes.Select(minute => brussels.Fold.AddMinutes(minute)), Format(brussels, true), true)
                .Rows.Select(r => r.TimestampUtc)];

        Assert.That(read, Is.EqualTo(minutes.Select((minute, i) => brussels.Fold.AddMinutes(minute - (i < 6 ? 120 : 60)))));
    }

    [Test]
    public void Each_file_begins_anew()
    {
        Change brussels = Changes[1];
        var format = new CsvFormat<Reading>(Format(brussels, true));
        byte[] whole = Text(brussels.AroundFold(15).Select(brussels.Local), true), one = Text([brussels.Fold], true);

        CsvReading.Read(whole, format);

        Assert.That(CsvReading.Read(one, format).Rows.Single().TimestampUtc, Is.EqualTo(brussels.Fold.AddMinutes(-120)));
    }

    private static ReadingFormat Format(Change change, bool wide) =>
        (wide ? ReadingFormat.WideByChannel : ReadingFormat.Default) with { Zone = change.Zone };

    private static Outcome<Reading> Read(IEnumerable<DateTime> local, ReadingFormat format, bool wide) =>
        CsvReading.Read(Text(local, wide), format);

    private static byte[] Text(IEnumerable<DateTime> local, bool wide)
    {
        var text = new StringBuilder(wide ? "timestamp,a\n" : "logger,channel,timestamp,value\n");
        foreach (DateTime time in local)
            text.Append(CultureInfo.InvariantCulture, $"{(wide ? "" : "L1,flow,")}{time:yyyy-MM-dd HH:mm:ss},1\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public sealed record Change(string Zone, DateTime Gap, DateTime Fold, int Minutes, int Before, int After)
    {
        /// <summary>Instants from two hours before the repeated time to two hours after it.</summary>
        public DateTime[] AroundFold(int minutes)
        {
            DateTime start = DateTime.SpecifyKind(Fold.AddMinutes(-Before - 120), DateTimeKind.Utc);
            return [.. Enumerable.Range(0, (300 / minutes) + 1).Select(i => start.AddMinutes(i * minutes))];
        }

        public DateTime Local(DateTime utc) => TimeZoneInfo.ConvertTimeFromUtc(utc, TimeZoneInfo.FindSystemTimeZoneById(Zone));

        public override string ToString() => Zone;
    }
}
