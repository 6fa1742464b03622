using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests.Analysis;

[TestFixture]
internal sealed class BurstDetectorTests
{
    private const int Day = Town.StepsPerDay;
    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly TimeSpan s_step = TimeSpan.FromMinutes(15);

    [Test]
    public void A_burst_is_told_once_within_hours_then_measured_and_its_repair_is_seen()
    {
        var town = new Town(1, 0, 100, [new TownLeak(10, 30 * Day + 40, 45 * Day, 15, 0)]);
        List<BurstEvent> told = Replay(Inflow(town, 60));
        BurstEvent[] events = [.. told.Where(t => t.Detected >= Time(30 * Day) && t.Detected < Time(48 * Day))];
        Assert.Multiple(() =>
        {
            Assert.That(events.Select(e => e.Detected).Distinct().Count(), Is.EqualTo(1), Text(events));
            Assert.That(events.Select(e => e.State), Is.EqualTo(new[] { BurstState.Suspected, BurstState.Confirmed, BurstState.Repaired }));
            Assert.That(events[0].Detected - Time(30 * Day + 40), Is.LessThanOrEqualTo(TimeSpan.FromHours(3)));
            Assert.That(Math.Abs((events[0].Onset - Time(30 * Day + 40)).TotalMinutes), Is.LessThanOrEqualTo(60));
            Assert.That(events[1].Size, Is.EqualTo(15).Within(3 * events[1].Uncertainty));
            Assert.That(events[0].FlowConfidence, Is.GreaterThan(0.9));
        });
    }

    [Test]
    public void A_leak_that_grows_is_told_before_it_is_fully_there_and_its_growth_is_grouped()
    {
        var town = new Town(2, 0, 100, [new TownLeak(10, 30 * Day, 90 * Day, 15, 40 * Day)]);
        BurstEvent[] events = [.. Replay(Inflow(town, 75)).GroupBy(t => t.Detected).Select(e => e.Last()).Where(e =>
            e.State != BurstState.Passed)];
        Assert.That(events, Is.Not.Empty);
        Assert.Multiple(() =>
        {
            Assert.That(events[0].Detected, Is.InRange(Time(30 * Day), Time(60 * Day)));
            Assert.That(events[0].RepeatOf, Is.Null);
            Assert.That(events.Count(e => e.RepeatOf is null), Is.LessThanOrEqualTo(4), Text(events));
        });
    }

    [Test]
    public void Nothing_happens_in_a_year_without_a_leak([Values(11, 12, 13)] int seed) =>
        Assert.That(Replay(Inflow(new Town(seed, 0, 50, []), 365)).Count(t => t.State == BurstState.Suspected), Is.LessThanOrEqualTo(3));

    [Test]
    public void Scale_and_unit_change_nothing_but_the_size([Values(0.001, 3.6, 86_400)] double factor)
    {
        double[] inflow = Inflow(new Town(3, 0, 100, [new TownLeak(10, 30 * Day, 60 * Day, 12, 0)]), 50);
        List<BurstEvent> once = Replay(inflow), scaled = Replay([.. inflow.Select(x => x * factor)]);
        Assert.That(scaled.Select(e => (e.Detected, e.Onset, e.State)), Is.EqualTo(once.Select(e => (e.Detected, e.Onset, e.State))));
        Assert.That(scaled[^1].Size / factor, Is.EqualTo(once[^1].Size).Within(1e-3));
    }

    [Test]
    public void It_goes_on_from_any_step_as_if_it_had_never_stopped()
    {
        var town = new Town(4, 4, 100, [new TownLeak(10, 30 * Day, 36 * Day, 15, 0), new TownLeak(30, 40 * Day, 60 * Day, 15, 0)]);
        var options = new BurstDetectorOptions { PressureLoggers = 4 };
        List<BurstEvent> once = Replay(town, 50, options, _ => false);
        var random = new Random(5);
        Assert.That(once, Is.Not.Empty);
        Assert.That(Replay(town, 50, options, step => random.Next(200) == 0 || step is 29 * Day or 30 * Day + 8),
            Is.EqualTo(once).Using(new SameEvent()));
    }

    [Test]
    public void Spikes_gaps_a_stuck_meter_and_zeros_are_no_bursts()
    {
        double[] inflow = Inflow(new Town(5, 0, 100, []), 120);
        var random = new Random(6);
        for (int i = 0; i < 30; i++) inflow[random.Next(20 * Day, inflow.Length)] *= random.Next(3, 50);
        Array.Fill(inflow, double.NaN, 40 * Day, 5 * Day);
        Array.Fill(inflow, inflow[60 * Day + 50], 60 * Day + 50, Day);
        Array.Fill(inflow, 0, 80 * Day + 3, Day / 2);
        Array.Fill(inflow, double.NaN, 100 * Day + 7, 30);
        BurstEvent[] events = [.. Replay(inflow).DistinctBy(t => t.Detected)];
        Assert.That(events.Where(e => e.Size > 8), Is.Empty, Text(events));
        Assert.That(events, Has.Length.LessThanOrEqualTo(3), Text(events));
    }

    [Test]
    public void Another_unit_is_no_burst_for_long_and_the_area_is_learnt_anew()
    {
        double[] inflow = Inflow(new Town(6, 0, 100, [new TownLeak(10, 70 * Day, 90 * Day, 15, 0)]), 80);
        for (int i = 40 * Day; i < inflow.Length; i++) inflow[i] *= 3.6;
        List<BurstEvent> told = Replay(inflow);
        BurstEvent[] last = [.. told.GroupBy(t => t.Detected).Select(e => e.Last())];
        Assert.Multiple(() =>
        {
            Assert.That(last.Where(e => e.Detected < Time(60 * Day)).All(e => e.State == BurstState.Passed), Is.True, Text(last));
            Assert.That(last.First(e => e.Detected >= Time(60 * Day)).Size, Is.EqualTo(15 * 3.6).Within(8));
        });
    }

    [Test]
    public void A_holiday_and_the_end_of_an_unexplained_low_are_no_bursts_that_last()
    {
        var town = new Town(7, 0, 100, []);
        double[] inflow = Inflow(town, 80);
        // A Wednesday like a Sunday, and two weeks of which a fifth stays away.
        for (int i = 0; i < Day; i++) inflow[35 * Day + i] = inflow[39 * Day + i];
        for (int i = 50 * Day; i < 64 * Day; i++) inflow[i] *= 0.8;
        BurstEvent[] last = [.. Replay(inflow).GroupBy(t => t.Detected).Select(e => e.Last())];
        Assert.That(last.Where(e => e.State != BurstState.Passed && e.Size > 5), Is.Empty, Text(last));
        Assert.That(last, Has.Length.LessThanOrEqualTo(5), Text(last));
    }

    [Test]
    public void Pressures_near_the_leak_make_it_certain_at_once_and_say_what_each_logger_lost()
    {
        var town = new Town(8, 6, 100, [new TownLeak(40, 30 * Day + 20, 60 * Day, 25, 0)]);
        List<BurstEvent> told = [.. Replay(town, 34, new BurstDetectorOptions { PressureLoggers = 6 }, _ => false)
            .Where(t => t.Detected >= Time(30 * Day))];
        BurstEvent last = told[^1];
        Assert.Multiple(() =>
        {
            Assert.That(told[0].PressureConfidence, Is.GreaterThan(0.5), Text(told));
            Assert.That(told[0].Detected - Time(30 * Day + 20), Is.LessThanOrEqualTo(TimeSpan.FromHours(6)), Text(told));
            Assert.That(last.State, Is.EqualTo(BurstState.Confirmed));
            Assert.That(last.Drops, Has.Count.EqualTo(6));
            Assert.That(last.Sensitivities, Has.All.GreaterThan(0));
        });
    }

    [Test]
    public void A_rise_that_no_pressure_shares_must_last_a_day()
    {
        var town = new Town(9, 4, 100, []);
        double[] more = new double[45 * Day];
        for (int i = 30 * Day + 40; i < 30 * Day + 60; i++) more[i] = 40;
        List<BurstEvent> told = Replay(town, 45, new BurstDetectorOptions { PressureLoggers = 4 }, _ => false, more);
        Assert.That(told, Is.Empty, Text(told));
    }

    [Test]
    public void Steps_come_in_order_and_on_the_step()
    {
        var detector = new BurstDetector(new BurstDetectorOptions());
        detector.Add(s_start, 1);
        Assert.Multiple(() =>
        {
            Assert.That(() => detector.Add(s_start, 1), Throws.ArgumentException.With.Message.Contains("comes after"));
            Assert.That(() => detector.Add(s_start.AddMinutes(20), 1), Throws.ArgumentException.With.Message.Contains("No step"));
            Assert.That(() => new BurstDetectorOptions { Step = TimeSpan.FromMinutes(7) },
                Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
    }

    [Test]
    public void A_state_of_something_else_is_not_taken_for_one()
    {
        var options = new BurstDetectorOptions();
        using var saved = new MemoryStream();
        new BurstDetector(options).Save(saved);
        Assert.Multiple(() =>
        {
            Assert.That(BurstDetector.Restore(new MemoryStream(saved.ToArray()), options), Is.Not.Null);
            Assert.That(BurstDetector.Restore(new MemoryStream(saved.ToArray()), options with { Step = TimeSpan.FromHours(1) }), Is.Null);
            Assert.That(BurstDetector.Restore(new MemoryStream(saved.ToArray()), options with { PressureLoggers = 3 }), Is.Null);
            Assert.That(() => BurstDetector.Restore(new MemoryStream(saved.ToArray()[..100]), options),
                Throws.InstanceOf<EndOfStreamException>());
        });
    }

    [Test]
    public void In_a_zone_with_summer_time_habits_keep_their_hour()
    {
        TimeZoneInfo zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Rome");
        var town = new Town(10, 0, 100, []);
        var detector = new BurstDetector(new BurstDetectorOptions { Zone = zone });
        List<BurstEvent> told = [];
        for (int step = 0; step < 150 * Day; step++)
        {
            DateTime local = TimeZoneInfo.ConvertTimeFromUtc(Time(step), zone);
            told.AddRange(detector.Add(Time(step), town.Inflow((int)((local - s_start) / s_step))));
        }
        Assert.That(told.Where(t => t.State == BurstState.Confirmed), Is.Empty, Text(told));
        Assert.That(told.DistinctBy(t => t.Detected).Count(), Is.LessThanOrEqualTo(3), Text(told));
    }

    private static double[] Inflow(Town town, int days) => [.. Enumerable.Range(0, days * Day).Select(town.Inflow)];

    private static DateTime Time(int step) => s_start + s_step * step;

    private static List<BurstEvent> Replay(double[] inflow)
    {
        var detector = new BurstDetector(new BurstDetectorOptions());
        List<BurstEvent> told = [];
        for (int step = 0; step < inflow.Length; step++) told.AddRange(detector.Add(Time(step), inflow[step]));
        return told;
    }

    private static List<BurstEvent> Replay(Town town, int days, BurstDetectorOptions options, Func<int, bool> stops, double[]? more = null)
    {
        var detector = new BurstDetector(options);
        List<BurstEvent> told = [];
        double[] pressures = new double[options.PressureLoggers];
        for (int step = 0; step < days * Day; step++)
        {
            for (int i = 0; i < pressures.Length; i++) pressures[i] = town.Pressure(i, step);
            told.AddRange(detector.Add(Time(step), town.Inflow(step) + (more?[step] ?? 0), pressures));
            if (!stops(step)) continue;
            var saved = new MemoryStream();
            detector.Save(saved);
            saved.Position = 0;
            detector = BurstDetector.Restore(saved, options)!;
            Assert.That(saved.Position, Is.EqualTo(saved.Length));
        }
        return told;
    }

    private static string Text(IEnumerable<BurstEvent> events) =>
        string.Join('\n', events.Select(e =>
            $"{e.Detected:MM-dd HH:mm} {e.State} {e.Size:F1} ± {e.Uncertainty:F1} since {e.Onset:MM-dd HH:mm}, repeats {e.RepeatOf}"));

    private sealed class SameEvent : IEqualityComparer<BurstEvent>
    {
        public bool Equals(BurstEvent? x, BurstEvent? y) =>
            x! with { Drops = [], Sensitivities = [] } == y! with { Drops = [], Sensitivities = [] }
            && x.Drops.SequenceEqual(y.Drops) && x.Sensitivities.SequenceEqual(y.Sensitivities);

        public int GetHashCode(BurstEvent obj) => 0;
    }
}
