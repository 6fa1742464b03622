using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests.Analysis;

[TestFixture]
internal sealed class AreaOfInterestTests
{
    private const int Day = Town.StepsPerDay;

    [Test]
    public void What_the_areas_claim_is_what_happens_in_towns([Values] bool withPipes)
    {
        const int Towns = 60;
        double claimed = 0, share = 0;
        int inside = 0;
        for (int seed = 1; seed <= Towns; seed++)
        {
            int pipe = seed * 7 % 60, loggers = new[] { 6, 10, 16 }[seed % 3];
            var town = new Town(500 + seed, loggers, 100, [new TownLeak(pipe, 21 * Day, 30 * Day, seed % 2 == 0 ? 10 : 20, 0)]);
            LoggerDrop[] drops = Drops(town);
            AreaOfInterest area = withPipes ? AreaOfInterest.Locate(town.Graph, drops)! : AreaOfInterest.Locate(drops)!;
            Place middle = town.Graph.Middle(town.Graph.Pipes[pipe]);
            RankedPlace at = area.Ranking.MinBy(place => Math.Pow(place.Place.X - middle.X, 2) + Math.Pow(place.Place.Y - middle.Y, 2))!;
            if (area.Places.Contains(at)) inside++;
            claimed += area.Probability;
            share += area.Share;
            Assert.That(area.Ranking.Sum(place => place.Probability), Is.EqualTo(1).Within(1e-9));
        }
        TestContext.Out.WriteLine($"inside {inside} of {Towns}, claimed {claimed:F1}, {share / Towns:P1} of the network");
        Assert.Multiple(() =>
        {
            Assert.That(inside, Is.InRange(claimed - 10, claimed + 16));
            Assert.That(inside, Is.GreaterThan(Towns * 3 / 10), "a tenth of the network holds far more than a tenth of the leaks");
            Assert.That(share / Towns, Is.LessThanOrEqualTo(0.1));
        });
    }

    [Test]
    public void The_order_of_the_loggers_the_unit_and_one_without_a_drop_change_nothing()
    {
        var town = new Town(3, 9, 100, [new TownLeak(20, 21 * Day, 30 * Day, 20, 0)]);
        LoggerDrop[] drops = Drops(town);
        string[] names = Names(AreaOfInterest.Locate(town.Graph, drops)!);
        LoggerDrop[] other = [.. drops.Reverse().Select(d => d with { Drop = d.Drop * 9.81, Sensitivity = d.Sensitivity * 2 })];
        LoggerDrop[] silent = [new LoggerDrop(town.Graph.Nodes[0], double.NaN, 1), .. drops];
        Assert.Multiple(() =>
        {
            Assert.That(Names(AreaOfInterest.Locate(town.Graph, other)!), Is.EqualTo(names));
            Assert.That(Names(AreaOfInterest.Locate(town.Graph, silent)!), Is.EqualTo(names));
        });
    }

    [Test]
    public void Too_few_loggers_have_no_area_and_a_node_that_is_not_there_is_named()
    {
        var town = new Town(3, 9, 100, []);
        LoggerDrop[] two = [.. town.Graph.Nodes.Take(2).Select(node => new LoggerDrop(node, 1, 1))];
        Assert.Multiple(() =>
        {
            Assert.That(AreaOfInterest.Locate(town.Graph, two), Is.Null);
            Assert.That(AreaOfInterest.Locate(two), Is.Null);
            Assert.That(() => AreaOfInterest.Locate(town.Graph, [two[0] with { Node = "X" }]),
                Throws.ArgumentException.With.Message.Contains("X"));
            Assert.That(() => new PipeGraph([], [new Pipe("p", "a", "b", 1)]),
                Throws.ArgumentException.With.Message.Contains("ends at the node a"));
            Assert.That(() => new PipeGraph([new Place("a", 0, 0)], [new Pipe("p", "a", "a", 0)]),
                Throws.ArgumentException.With.Message.Contains("no length"));
        });
    }

    private static string[] Names(AreaOfInterest area) => [.. area.Places.Select(place => place.Place.Name)];

    private static LoggerDrop[] Drops(Town town)
    {
        int loggers = town.LoggerNodes.Count;
        var pressures = new PressureDrops(loggers, Day);
        double[] now = new double[loggers];
        for (int day = 0; day <= 21; day++)
        {
            for (int step = day * Day; step < (day + 1) * Day; step++)
            {
                for (int i = 0; i < loggers; i++) now[i] = town.Pressure(i, step);
                pressures.Add(town.Inflow(step), now);
            }
            pressures.EndDay(isUsual: day < 21, isNew: day == 21);
        }
        return [.. town.LoggerNodes.Select((node, i) =>
            new LoggerDrop(town.Graph.Nodes[node], pressures.Change(i), pressures.Sensitivity(i), town.Graph.Nodes[node].Name))];
    }
}
