using Dynamo.Pipeline.Host;
namespace Dynamo.Pipeline.Tests;

internal sealed class TuningAnalysisTests
{
    [Test]
    public void The_best_is_the_smallest_mean_and_only_what_can_be_told_from_it_is_worse()
    {
        TuningAnalysis analysis = Of(
            (1, 1, [2.0, 2.1, 1.9]), (2, 100, [1.00, 1.02, 0.98]), (4, 100, [0.99, 1.03, 0.96]), (4, 1, [1.5, 1.52, 1.49]));

        Assert.That(analysis.Best.Cell, Is.EqualTo(TuningCell.Read(4, 100)));
        Assert.That(analysis.Worst.Cell, Is.EqualTo(TuningCell.Read(1, 1)));
        Assert.That(
            analysis.Cells.Where(cell => cell.IsLikeBest).Select(cell => cell.Cell),
            Is.EquivalentTo(new[] { TuningCell.Read(4, 100), TuningCell.Read(2, 100) }));
        Assert.That(analysis.Recommended.Cell, Is.EqualTo(TuningCell.Read(2, 100)), "as good, with less in memory");
    }

    [Test]
    public void A_cell_so_noisy_that_it_cannot_be_told_from_the_best_is_not_recommended_for_that()
    {
        TuningAnalysis analysis = Of((1, 1, [0.8, 3.5, 0.9]), (4, 100, [0.99, 1.03, 0.96]));

        Assert.That(analysis.Find(TuningCell.Read(1, 1))!.Value.IsLikeBest, Is.True);
        Assert.That(analysis.Recommended.Cell, Is.EqualTo(TuningCell.Read(4, 100)));
    }

    [Test]
    public void Auto_is_compared_with_the_best_fixed_number_and_never_is_it()
    {
        TuningAnalysis analysis = Of((2, 100, [1.00, 1.02, 0.98]), (null, 100, [0.9, 0.91, 0.92]), (null, 1, [1.4, 1.41, 1.42]));

        Assert.That(analysis.Best.Cell.Readers, Is.EqualTo(2));
        Assert.That(analysis.BestAuto!.Value.Cell, Is.EqualTo(TuningCell.Read(null, 100)));
        Assert.That(Of((null, 100, [1.0])).Best.Cell.Readers, Is.Null, "unless nothing else was measured");
    }

    [Test]
    public void The_curve_is_the_smallest_chunk_over_the_fixed_readers()
    {
        TuningAnalysis analysis = Of((4, 1, [1.0]), (1, 1, [2.0]), (2, 1, [1.5]), (1, 100, [1.2]), (null, 1, [1.0]));

        Assert.That(analysis.Curve().Select(point => point.Cell.Readers), Is.EqualTo(new int?[] { 1, 2, 4 }));
    }

    [Test]
    public void Without_a_measurement_there_is_nothing_to_say() => Assert.That(TuningAnalysis.Of([], TuningStage.Read), Is.Null);

    private static TuningAnalysis Of(params (int? Readers, int Chunk, double[] Seconds)[] cells) => TuningAnalysis.Of(
        cells.SelectMany(
            cell => cell.Seconds.Select(
                (seconds, i) => new TuningSample(
                    TuningCell.Read(cell.Readers, cell.Chunk), i + 1, 1, 10, 10, 10, 100, seconds, DateTime.UnixEpoch))),
        TuningStage.Read)!;
}
