using Dynamo.Pipeline.Host;
namespace Dynamo.Pipeline.Tests;

internal sealed class TuningGridTests
{
    [Test]
    public void The_default_is_the_published_experiment()
    {
        var grid = new TuningGrid();
        var runs = Enumerable.Range(1, grid.Repeat).SelectMany(grid.Order).GroupBy(run => run.Cell).ToDictionary(
            cell => cell.Key, cell => cell.Count());

        Assert.That(
            grid.ReadCells.Where(cell => cell.Readers is not null && grid.Readers.Contains(cell.Readers)).ToArray(), Has.Length.EqualTo(96),
            "12 reader counts × 8 chunk sizes");
        Assert.That(Enumerable.Range(1, 18).Select(readers => runs[TuningCell.Read(readers, 1)]), Has.All.EqualTo(25), "5 sets of 5");
        Assert.That(runs[TuningCell.Read(5, 100)], Is.EqualTo(5));
        Assert.That(grid.Pause, Is.EqualTo(TimeSpan.FromSeconds(5)));
    }

    [Test]
    public void Each_set_has_every_run_once_and_in_an_order_of_its_own_that_can_be_repeated()
    {
        var grid = new TuningGrid();

        Assert.That(grid.Order(1).Distinct().Count(), Is.EqualTo(grid.Order(1).Count));
        Assert.That(grid.Order(2), Is.EquivalentTo(grid.Order(1)).And.Not.EqualTo(grid.Order(1)));
        Assert.That(grid.Order(2), Is.EqualTo(new TuningGrid().Order(2)));
        Assert.That(grid.Order(2), Is.Not.EqualTo((grid with { Seed = 2 }).Order(2)));
    }

    [Test]
    public void Chunks_that_take_all_files_at_once_are_one_cell() =>
        Assert.That(new TuningGrid().For(200).Chunks, Is.EqualTo(new[] { 1, 10, 50, 100, 500 }));

    [Test]
    public void Writers_that_the_sink_does_not_allow_are_left_out()
    {
        var grid = new TuningGrid { BatchRows = [100, 1_000], Writers = [1, 2, 4] };

        Assert.That(grid.WholeOrder(1, TuningCell.Read(2, 50), 1).Select(run => run.Cell), Is.EquivalentTo(new[]
        {
            new TuningCell(TuningStage.Whole, 2, 50, 100, 1), new TuningCell(TuningStage.Whole, 2, 50, 1_000, 1),
        }));
    }

    [Test]
    public void What_cannot_be_measured_is_refused_by_name()
    {
        Assert.That(
            () => new TuningGrid { Readers = [1, 0] }, Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Readers"));
        Assert.That(() => new TuningGrid { Chunks = [] }, Throws.ArgumentException.With.Message.Contains("Chunks"));
        Assert.That(() => new TuningGrid { Repeat = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Repeat"));
    }
}
