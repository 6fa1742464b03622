using Dynamo.Pipeline.Host;
using Dynamo.Pipeline.Live;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
internal sealed class LoggerBookTests
{
    private static readonly DateTime s_start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), s_imported = s_start.AddMonths(6);

    [Test]
    public void The_usual_interval_is_that_of_deliveries_and_not_of_readings()
    {
        var book = new LoggerBook(new LateRule());
        for (int delivery = 0; delivery < 5; delivery++)
            book.Committed(Batch([.. Enumerable.Range(0, 15).Select(minute => Row("L1", (15 * delivery) + minute))]), s_imported);

        Assert.That(book.Find("l1", 10).Single().Interval, Is.EqualTo(TimeSpan.FromMinutes(15)));
    }

    [Test]
    public void A_file_is_one_delivery_of_each_logger_however_its_rows_are_mixed()
    {
        var book = new LoggerBook(new LateRule());
        for (int delivery = 0; delivery < 5; delivery++)
        {
            book.Committed(Batch([.. Enumerable.Range(0, 15).SelectMany(minute => (Reading[])
                [Row("L1", (15 * delivery) + minute), Row("L2", (15 * delivery) + minute)])]), s_imported);
        }

        Assert.That(book.Find(null, 10).Select(one => one.Interval), Is.All.EqualTo(TimeSpan.FromMinutes(15)));
    }

    [Test]
    public void Series_that_come_in_files_of_their_own_do_not_shorten_the_interval()
    {
        var book = new LoggerBook(new LateRule());
        for (int delivery = 0; delivery < 6; delivery++)
        {
            book.Committed(Batch([Row("L", 15 * delivery)]), s_imported);
            book.Committed(Batch([Row("L", (15 * delivery) + 1) with { Channel = "pressure" }]), s_imported);
        }

        LoggerState logger = book.Find("L", 1).Single();
        Assert.That((logger.Interval, logger.LastUtc), Is.EqualTo(((TimeSpan?)TimeSpan.FromMinutes(15), s_start.AddMinutes(76))));
    }

    [Test]
    public void What_was_streamed_only_the_database_knows()
    {
        var book = new LoggerBook(new LateRule());
        bool before = book.IsBehind;
        var file = new SourceFile("a.csv", 1, s_start);
        book.Committed(new CommittedBatch<Reading>(
            [new FileRows<Reading>(file, _ => throw new AssertionException("it is not read again"))],
            [new FileResult(file, FileOutcome.Loaded)]), s_imported);

        Assert.That((before, book.IsBehind), Is.EqualTo((false, true)));
    }

    [Test]
    public void Nothing_is_concluded_from_three_deliveries()
    {
        var book = new LoggerBook(new LateRule());
        for (int i = 0; i < 3; i++) book.Committed(Batch([Row("L1", 15 * i)]), s_imported);

        Assert.Multiple(() =>
        {
            Assert.That(book.Find(null, 10).Single().Interval, Is.Null);
            Assert.That(book.Late(s_start.AddYears(1)).First, Is.Empty);
        });
    }

    [Test]
    public void A_logger_is_late_after_twice_its_interval_and_was_due_after_one()
    {
        var book = new LoggerBook(new LateRule());
        for (int i = 0; i < 6; i++) book.Committed(Batch([Row("L1", 15 * i), Row("L2", 60 * i)]), s_imported);
        DateTime last = s_start.AddMinutes(75);

        Assert.Multiple(() =>
        {
            Assert.That(book.Late(last.AddMinutes(30)).First, Is.Empty);
            Assert.That(book.Late(last.AddMinutes(31)).First.Select(one => (one.Name, one.DueUtc)),
                Is.EqualTo(new[] { ("L1", (DateTime?)last.AddMinutes(15)) }));
        });
    }

    [Test]
    public void A_reading_in_the_future_keeps_no_logger_in_time_beyond_its_usual_interval()
    {
        var book = new LoggerBook(new LateRule());
        for (int i = 0; i < 6; i++) book.Committed(Batch([Row("L1", 15 * i)]), s_start.AddMinutes(15 * i));
        DateTime last = s_start.AddMinutes(90);
        book.Committed(Batch([Row("L1", 60 * 24 * 4_000)]), last);

        Assert.Multiple(() =>
        {
            Assert.That(book.Late(last.AddMinutes(30)).First, Is.Empty);
            Assert.That(book.Late(last.AddMinutes(31)).First.Select(one => one.DueUtc), Is.EqualTo(new[] { last.AddMinutes(15) }));
        });
    }

    [Test]
    public void After_a_reading_in_the_future_a_logger_is_in_time_as_long_as_it_delivers_and_its_interval_is_learned_anew()
    {
        var book = new LoggerBook(new LateRule());
        for (int i = 0; i < 6; i++) book.Committed(Batch([Row("L1", 15 * i)]), s_start.AddMinutes(15 * i));
        book.Committed(Batch([Row("L1", 60 * 24 * 4_000)]), s_start.AddMinutes(90));
        for (int i = 0; i < 8; i++) book.Committed(Batch([Row("L1", 105 + (5 * i))]), s_start.AddMinutes(105 + (5 * i)));
        DateTime last = s_start.AddMinutes(105 + 35);

        Assert.Multiple(() =>
        {
            Assert.That(book.Find("L1", 1).Single().Interval, Is.EqualTo(TimeSpan.FromMinutes(5)));
            Assert.That((book.Late(last.AddMinutes(10)).Count, book.Late(last.AddMinutes(11)).Count), Is.EqualTo((0, 1)));
        });
    }

    [Test]
    public void Nobody_is_late_by_what_a_source_may_still_hold()
    {
        var book = new LoggerBook(new LateRule());
        book.Seen.Expect("a");
        book.Seen.Expect("b");
        for (int i = 0; i < 6; i++) book.Committed(Batch([Row("L1", 15 * i)]), s_imported, "a");
        for (int i = 0; i < 6; i++) book.Committed(Batch([Row("L2", 15 * i)]), s_imported, "b");
        book.Known("unknown", Enumerable.Range(0, 6).Select(i => s_start.AddMinutes(15 * i)));
        DateTime last = s_start.AddMinutes(75), now = last.AddDays(3);
        var told = new List<string>();

        Look();
        book.Seen.Whole("a", last.AddMinutes(30));
        Look();
        book.Seen.Whole("a", last.AddMinutes(31));
        book.Seen.Whole("a", last.AddMinutes(20));
        Look();
        book.Seen.Whole("b", last.AddDays(9));
        Look();

        Assert.That(told, Is.EqualTo(new[] { "0 late, 3 not known: ", "0 late, 3 not known: ", "1 late, 2 not known: L1",
            "3 late, 0 not known: L1 L2 unknown" }));

        void Look()
        {
            LateOnes late = book.Late(now);
            told.Add($"{late.Count} late, {late.ImportLate} not known: {string.Join(" ", late.First.Select(one => one.Name))}");
        }
    }

    [Test]
    public void A_source_was_seen_whole_when_all_that_a_sweep_found_has_an_outcome()
    {
        var seen = new SeenSource();
        var underWay = new HashSet<long>();
        var until = new List<int?>();

        Sweep(0);
        Sweep(1, finds: [1, 2]);
        End(2);
        Sweep(2, finds: [3]);
        End(1);
        End(3);
        underWay.Add(4);
        Sweep(3);
        seen.Failed();
        End(4);
        seen.SweepBegins(s_start.AddMinutes(4));
        seen.Failed();
        seen.SweepEnds(4, underWay);
        Look();
        Sweep(5);

        Assert.That(until, Is.EqualTo(new int?[] { 0, 0, 0, 0, 1, 2, 2, 2, 2, 5 }));

        void Sweep(int minute, params long[] finds)
        {
            seen.SweepBegins(s_start.AddMinutes(minute));
            underWay.UnionWith(finds);
            seen.SweepEnds(underWay.DefaultIfEmpty(0).Max(), underWay);
            Look();
        }

        void End(long number)
        {
            underWay.Remove(number);
            seen.Ended(number, underWay);
            Look();
        }

        void Look() => until.Add((int?)(seen.UntilUtc - s_start)?.TotalMinutes);
    }

    [TestCase(null, null, "", null)]
    [TestCase("2026-01-01T00:00:00Z", null, "Seen whole until 2026-01-01T00:00:00Z.", null)]
    [TestCase("2026-01-01T00:00:00Z", "It is away. For long.", "Seen whole until 2026-01-01T00:00:00Z. It is away. For long.", null)]
    [TestCase(null, "It is away.", "Not seen whole yet. It is away.", null)]
    [TestCase(null, null, "Not seen whole yet.", null)]
    [TestCase(null, "Seen whole until lately.", "Seen whole until lately.", "an error")]
    [TestCase(null, "The disk is full.", "The disk is full.", "an error")]
    public void The_row_of_a_run_tells_until_when_its_source_was_seen_whole(string? time, string? fails, string text, string? other)
    {
        DateTime? until = time is null ? null : DateTime.Parse(time, System.Globalization.CultureInfo.InvariantCulture).ToUniversalTime();
        bool isSeen = text.Length > 0 && other is null;

        Assert.Multiple(() =>
        {
            if (isSeen) Assert.That(SeenWhole.Text(until, fails), Is.EqualTo(text));
            Assert.That(SeenWhole.Parse(text.Length == 0 ? null : text), Is.EqualTo((isSeen, until, fails)));
        });
    }

    [Test]
    public void An_interval_that_is_set_holds_for_all()
    {
        var book = new LoggerBook(new LateRule(3, TimeSpan.FromMinutes(10)));
        book.Committed(Batch([Row("L1", 0)]), s_imported);

        Assert.Multiple(() =>
        {
            Assert.That(book.Late(s_start.AddMinutes(30)).First, Is.Empty);
            Assert.That(book.Late(s_start.AddMinutes(31)).Count, Is.EqualTo(1));
        });
    }

    [Test]
    public void Whatever_the_order_of_backlog_repeats_and_one_long_gap_the_interval_is_the_usual_one() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new Random(seed);
            int every = random.Next(1, 1_000), gap = random.Next(2, 50);
            var book = new LoggerBook(new LateRule());
            int at = 0;
            for (int i = 0; i < 30; i++)
            {
                book.Committed(Batch([Row("L", at)]), s_imported);
                // The same again, and an old one from the backlog: neither says anything.
                if (random.Next(3) == 0)
                    book.Committed(Batch([Row("L", at), Row("L", Math.Max(0, at - random.Next(5 * every)))]), s_imported);
                at += i == 10 ? gap * every : every;
            }
            return book.Find("L", 1).Single().Interval == TimeSpan.FromMinutes(every);
        }).Check(Config.QuickThrowOnFailure);

    [Test]
    public void The_database_and_the_import_tell_the_same_interval()
    {
        DateTime[] newest = [.. Enumerable.Range(0, 8).Select(i => s_start.AddMinutes(15 * i))];
        var imported = new LoggerBook(new LateRule());
        foreach (DateTime time in newest) imported.Committed(Batch([new Reading("L", "flow", time, 1)]), s_imported);
        var known = new LoggerBook(new LateRule());

        known.Known("L", newest.Reverse());

        Assert.That(known.Find("L", 1), Is.EqualTo(imported.Find("L", 1)));
    }

    [Test]
    public void A_clock_that_goes_back_and_a_pause_of_days_leave_the_history_in_order()
    {
        var history = new History(TimeSpan.FromMinutes(1), 5);
        history.Add(s_start, 1, 10, TimeSpan.FromSeconds(1));
        history.Add(s_start.AddMinutes(2), 2, 20, TimeSpan.FromSeconds(3));
        history.Add(s_start.AddMinutes(1), 4, 40, TimeSpan.FromSeconds(2));
        long[] before = [.. history.Until(s_start.AddMinutes(2)).Select(step => step.Files)];
        long[] after = [.. history.Until(s_start.AddDays(3)).Select(step => step.Files)];

        Assert.That((before, after), Is.EqualTo((new long[] { 0, 0, 1, 0, 6 }, new long[] { 0, 0, 0, 0, 0 })));
    }

    [Test]
    public void After_a_clock_that_was_a_year_ahead_the_history_goes_on()
    {
        var history = new History(TimeSpan.FromMinutes(1), 5);
        history.Add(s_start.AddYears(1), 9, 90, TimeSpan.FromSeconds(1));
        history.Add(s_start, 1, 10, TimeSpan.FromSeconds(1));
        history.Add(s_start.AddMinutes(1), 2, 20, TimeSpan.FromSeconds(1));

        Assert.That(history.Until(s_start.AddMinutes(2)).Select(step => step.Files), Is.EqualTo(new long[] { 0, 0, 1, 2, 0 }));
    }

    private static Reading Row(string logger, int minute) => new(logger, "flow", s_start.AddMinutes(minute), 1);

    private static CommittedBatch<Reading> Batch(Reading[] readings)
    {
        var file = new SourceFile("a.csv", 1, s_start);
        var rows = new RowBatch<Reading>();
        foreach (Reading reading in readings) rows.Add(reading, 1);
        return new CommittedBatch<Reading>([new FileRows<Reading>(file, rows)], [new FileResult(file, FileOutcome.Loaded)]);
    }
}

internal static class LoggerBookExtensions
{
    /// <summary>A logger that the database knows, without its source.</summary>
    public static void Known(this LoggerBook book, string logger, IEnumerable<DateTime> newest) =>
        book.Known(new LoggerDeliveries(logger, [.. newest], null, null));
}
