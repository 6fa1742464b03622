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

    [Test]
    public void Of_three_files_nothing_can_be_said_and_what_is_set_stays()
    {
        TuningResult result = Result(3, (1, 1, [0.004, 0.005, 0.004]), (4, 1, [0.002, 0.002, 0.002]), (null, 1, [0.004, 0.003, 0.004]));

        Assert.That(result.Advice!.Value.Kind, Is.EqualTo(TuningAdviceKind.TooFew));
        Assert.That(TuningWords.Answer(result)[0], Does.StartWith("Leave it as it is: these 3 files are too few to tell anything."));
        Assert.That(TuningWords.Answer(result)[1], Does.Contain("dynamo generate --to"));
        Assert.That(Json(result), Is.EqualTo("{\"readers\":\"auto\",\"chunk\":100}"));
    }

    [TestCase(300, 0.1, true)]
    [TestCase(300, 5, false)]
    [TestCase(27_000, 0.1, false)]
    [TestCase(27_000, 0.01, true)]
    public void Few_files_are_too_few_unless_they_take_long(int files, double seconds, bool areTooFew)
    {
        TuningResult result = Result(files, (2, 100, [seconds, seconds * 1.01, seconds * 0.99]), (1, 100, [3 * seconds, 3.03 * seconds]));

        Assert.That(result.Advice!.Value.Kind == TuningAdviceKind.TooFew, Is.EqualTo(areTooFew));
    }

    [Test]
    public void Where_what_is_set_is_as_good_as_anything_the_first_line_says_to_leave_it()
    {
        TuningResult result = Result(
            27_000, (4, 10, [0.150, 0.153, 0.147]), (1, 1, [0.4, 0.41, 0.39]), (null, 100, [0.152, 0.155, 0.150]));

        Assert.That(result.Advice, Is.EqualTo(new TuningAdvice(TuningAdviceKind.Leave, TuningCell.Read(null, 100))));
        Assert.That(TuningWords.Answer(result)[0], Does.StartWith("Leave it as it is: readers on auto with 100 files at a time"));
        Assert.That(Json(result), Is.EqualTo("{\"readers\":\"auto\",\"chunk\":100}"));
        Assert.That(new TuningReport(result, "inbox", "{}").ToString(), Does.Contain("<p>Leave it as it is"));
    }

    [Test]
    public void Where_nothing_differs_and_what_is_set_was_not_tried_it_is_left_too()
    {
        TuningResult result = Result(27_000, (4, 10, [0.150, 0.163, 0.147]), (2, 10, [0.151, 0.160, 0.149]));

        Assert.That(TuningWords.Answer(result)[0], Does.StartWith("Leave it as it is: whatever was tried"));
    }

    [Test]
    public void Where_something_is_faster_than_what_is_set_it_says_what_and_by_how_much()
    {
        TuningResult result = Result(27_000, (2, 100, [0.150, 0.153, 0.147]), (4, 100, [0.151, 0.150, 0.149]), (8, 1, [0.4, 0.41, 0.39]))
            with { Current = TuningCell.Read(8, 1) };

        IReadOnlyList<string> words = TuningWords.Answer(result);

        Assert.That(words[0],
            Is.EqualTo("Set 2 readers with 100 files at a time: that takes 0.150 s, and what is set now, 8 readers with 1 file at a time, "
                + "0.400 s."));
        Assert.That(Json(result), Is.EqualTo("{\"readers\":2,\"chunk\":100}"));
    }

    [Test]
    public void Pictures_are_of_chunks_that_are_slower_and_say_so_when_none_is()
    {
        TuningVerdict[] Column(params (int Chunk, double Seconds)[] cells) => [.. Of([.. cells.Select(cell =>
            ((int?)2, cell.Chunk, new[] { cell.Seconds, cell.Seconds * 1.01, cell.Seconds * 0.99 }))]).Cells];

        var large = TimelineChoice.Of(Column((1, 0.14), (10, 0.1), (1_000, 0.2), (10_000, 0.15)), advised: 10);
        var small = TimelineChoice.Of(Column((1, 0.14), (10, 0.1), (1_000, 0.1)), advised: 10);
        var none = TimelineChoice.Of(Column((10, 0.1), (100, 0.1), (1_000, 0.09)), advised: 10_000);

        Assert.That((large.Good.Cell.FilesPerMessage, large.Other.Cell.FilesPerMessage, large.Title),
            Is.EqualTo((10, 1_000, "Chunks that are too large")));
        Assert.That((small.Good.Cell.FilesPerMessage, small.Other.Cell.FilesPerMessage, small.Title),
            Is.EqualTo((10, 1, "Chunks that are too small")));
        Assert.That((none.Good.Cell.FilesPerMessage, none.Title), Is.EqualTo((1_000, "Chunks that are too small")));
        var alike = TimelineChoice.Of(Column((10, 0.1), (100, 0.1), (1_000, 0.1)), advised: 100);
        Assert.That((alike.Good.Cell.FilesPerMessage, alike.Other.Cell.FilesPerMessage, alike.Title),
            Is.EqualTo((100, 1_000, "Large chunks, which do no harm here")));
    }

    private static string Json(TuningResult result) => string.Concat(TuneJson.Settings(result).Where(c => !char.IsWhiteSpace(c)));

    private static TuningResult Result(int files, params (int? Readers, int Chunk, double[] Seconds)[] cells) => new(
        FileFacts.Of([], 0, 0) with { Files = files, Ready = files }, MachineFacts.Current, Samples(cells), 0, [], WasCancelled: false);

    private static TuningAnalysis Of(params (int? Readers, int Chunk, double[] Seconds)[] cells) =>
        TuningAnalysis.Of(Samples(cells), TuningStage.Read)!;

    private static TuningSample[] Samples((int? Readers, int Chunk, double[] Seconds)[] cells) => [.. cells.SelectMany(
        cell => cell.Seconds.Select(
            (seconds, i) => new TuningSample(
                TuningCell.Read(cell.Readers, cell.Chunk), i + 1, 1, 10, 10, 10, 100, seconds, DateTime.UnixEpoch)))];
}
