using Dynamo.Pipeline.Host;
namespace Dynamo.Pipeline.Tests;

internal sealed class MeasurementsTests
{
    private ScratchFolder _folder = null!;

    private string Path => _folder["measurements.csv"];

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void What_was_added_is_there_when_the_file_is_opened_again()
    {
        TuningSample[] samples = [
            Sample(4, 100, 1), Sample(null, 1, 2), Sample(1, 10, 1) with { Cell = new TuningCell(TuningStage.Whole, 2, 50, 5_000, 3) }];
        using (var first = Measurements.Open(Path))
        {
            foreach (TuningSample sample in samples)
            {
                long before = new FileInfo(Path).Length;
                first.Add(sample);
                Assert.That(new FileInfo(Path).Length, Is.GreaterThan(before + 50), "each is in the file at once");
            }
        }

        using var again = Measurements.Open(Path);

        Assert.That(again.Samples, Is.EqualTo(samples));
    }

    [Test]
    public void A_line_that_was_cut_off_anywhere_is_dropped_and_the_file_goes_on_after_it()
    {
        using (var first = Measurements.Open(Path))
        {
            first.Add(Sample(1, 1, 1));
            first.Add(Sample(2, 1, 1));
        }
        byte[] whole = File.ReadAllBytes(Path);
        int secondLine = Array.IndexOf(whole, (byte)'\n', Array.IndexOf(whole, (byte)'\n') + 1) + 1;
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);

            using (var cut = Measurements.Open(Path))
            {
                Assert.That(cut.Samples, Has.Count.EqualTo(length >= secondLine ? 1 : 0), $"cut after {length} bytes");
                cut.Add(Sample(3, 1, 1));
            }

            using var again = Measurements.Open(Path);
            Assert.That(again.Samples[^1].Cell.Readers, Is.EqualTo(3));
        }
    }

    [TestCase("logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\n", "line 1")]
    [TestCase(Measurements.Header + "\nread,1,1,20000,1,1,1,200,200,1,1,0.5,2026-01-01T00:00:00Z\n"
        + "read,x,1,20000,1,1,1,200,200,1,1,0.5,2026-01-01T00:00:00Z\n", "line 3")]
    [TestCase(Measurements.Header + "\nread,1,1\n", "line 2")]
    public void A_file_of_something_else_is_refused_by_line_and_left_alone(string text, string where)
    {
        File.WriteAllText(Path, text);

        Assert.That(() => Measurements.Open(Path), Throws.TypeOf<InvalidDataException>().With.Message.Contains(where));
        Assert.That(File.ReadAllText(Path), Is.EqualTo(text));
    }

    [Test]
    public void Two_sweeps_do_not_write_into_one_file()
    {
        using var first = Measurements.Open(Path);

        Assert.That(() => Measurements.Open(Path), Throws.InstanceOf<IOException>());
    }

    private static TuningSample Sample(int? readers, int chunk, int set) =>
        new(TuningCell.Read(readers, chunk), set, 1, 27_000, 54_000, 215_184, 9_890_117, 0.123456,
            new DateTime(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc));
}
