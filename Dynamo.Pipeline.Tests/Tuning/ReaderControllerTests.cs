namespace Dynamo.Pipeline.Tests;

/// <summary>The controller against sources whose throughput is a formula.</summary>
internal sealed class ReaderControllerTests
{
    [Test]
    public void Where_reading_waits_it_climbs_to_the_most_there_may_be()
    {
        var controller = new ReaderController(2, 16);

        int[] limits = [.. Limits(controller, readers => readers * 100, 6)];

        Assert.That(limits, Is.EqualTo(new[] { 3, 5, 8, 12, 16, 16 }));
    }

    [Test]
    public void Where_the_processors_are_busy_it_returns_and_asks_ever_more_rarely()
    {
        var controller = new ReaderController(2, 16);

        int[] limits = [.. Limits(controller, _ => 100, 200)];

        Assert.That(limits, Has.All.InRange(2, 3));
        Assert.That(limits.Take(20).Count(limit => limit == 3), Is.GreaterThan(1), "it does ask");
        Assert.That(limits.Skip(100).Count(limit => limit == 3), Is.LessThanOrEqualTo(2), "and does not go on asking");
    }

    [Test]
    public void Where_more_readers_harm_it_stays_where_it_began() =>
        Assert.That(Limits(new ReaderController(4, 16), readers => 100.0 / readers, 50).Last(), Is.EqualTo(4));

    [Test]
    public void It_stops_where_the_gain_stops()
    {
        // Seven readers fill the line.
        var controller = new ReaderController(2, 32);

        int[] limits = [.. Limits(controller, readers => Math.Min(readers, 7) * 100, 100)];

        Assert.That(limits.TakeLast(20).Count(limit => limit == 8), Is.GreaterThanOrEqualTo(19));
    }

    [Test]
    public void It_finds_out_when_a_source_becomes_slow()
    {
        var controller = new ReaderController(2, 16);
        _ = Limits(controller, _ => 100, 30).Last();

        int[] later = [.. Limits(controller, readers => readers * 10, 80)];

        Assert.That(later.Last(), Is.EqualTo(16));
    }

    [Test]
    public void It_never_leaves_its_bounds_whatever_is_measured()
    {
        var random = new Random(3);
        foreach (int most in new[] { 1, 2, 3, 16 })
        {
            var controller = new ReaderController(3, most);
            for (int i = 0; i < 2_000; i++)
                Assert.That(controller.Next(random.NextDouble() * 1000), Is.InRange(Math.Min(3, most), most));
        }
    }

    private static IEnumerable<int> Limits(ReaderController controller, Func<int, double> throughput, int times)
    {
        for (int i = 0; i < times; i++)
            yield return controller.Next(throughput(controller.Limit));
    }
}
