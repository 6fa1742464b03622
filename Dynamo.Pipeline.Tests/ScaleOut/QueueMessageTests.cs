using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>What goes over a queue comes back as it was, and what a stranger wrote is refused without any other error.</summary>
internal sealed class QueueMessageTests
{
    private static readonly DateTime s_time = new(2026, 3, 1, 12, 0, 0, 123, DateTimeKind.Utc);

    private static readonly ChunkMessage s_chunk = new(
        "p-1", 7, "folder:/inbox",
        [new SourceFile("a/ü 水.csv", 12, s_time), new SourceFile("b.csv", 0, s_time) { HasNewContent = true }], true);

    private static readonly WorkerReport s_report = new(ReportKind.Imported, new WorkerId("höst", 12, 99, "1.2+abc"))
    {
        Chunk = "p-1",
        Reason = "because",
        Held = ["x", "y"],
        Files = 1,
        Rows = 2,
        Redelivered = 3,
        Results =
        [
            new FileResult(s_chunk.Files[0], FileOutcome.Loaded)
            {
                Inserted = 1, Updated = 2, Unchanged = 3, Rejected = 4, Collided = 5, Skipped = 6, Flagged = 7,
                Rejects = [new Defect("bad") { Line = 3, Column = "value", Found = "\"x\"", Expected = "a number", Remedy = "mend it" }],
                Flags = [new Defect("odd")],
            },
            new FileResult(s_chunk.Files[1], FileOutcome.AlreadyLoaded) { ImportedUtc = s_time, Defect = new Defect("was bad") },
        ],
    };

    [Test]
    public void A_chunk_comes_back_as_it_was()
    {
        ChunkMessage read = ChunkMessage.Of(s_chunk.ToBytes());
        Assert.That((read.Id, read.RunId, read.Source, read.IsAgain), Is.EqualTo((s_chunk.Id, s_chunk.RunId, s_chunk.Source, true)));
        Assert.That(read.Files, Is.EqualTo(s_chunk.Files));
    }

    [Test]
    public void A_report_comes_back_as_it_was()
    {
        WorkerReport read = WorkerReport.Of(s_report.ToBytes());
        Assert.That(read.ToBytes().ToArray(), Is.EqualTo(s_report.ToBytes().ToArray()));
        Assert.That((read.Kind, read.Worker, read.Reason), Is.EqualTo((s_report.Kind, s_report.Worker, s_report.Reason)));
        Assert.That(read.Results[0].Rejects, Is.EqualTo(s_report.Results[0].Rejects));
        Assert.That((read.Results[1].ImportedUtc, read.Results[1].Defect), Is.EqualTo((s_time, s_report.Results[1].Defect)));
    }

    [Test]
    public void Whatever_a_stranger_writes_is_refused_or_read_and_nothing_else()
    {
        var random = new Random(18);
        byte[][] whole = [s_chunk.ToBytes().ToArray(), s_report.ToBytes().ToArray()];
        string[] values = ["null", "-1", "1e99", "\"\"", "[]", "{}", "true", "9223372036854775807", "[[]]", "[[\"a\"]]", "[[\"a\",1,-5]]"];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] message = [.. whole[i % 2]];
            for (int changes = random.Next(1, 4); changes > 0; changes--) message = Changed(message);
            foreach (Action read in (Action[])[() => ChunkMessage.Of(message), () => WorkerReport.Of(message)])
            {
                try
                {
                    read();
                }
                catch (FormatException)
                {
                    // Refused.
                }
            }
        }

        byte[] Changed(byte[] from)
        {
            if (from.Length == 0) return from;
            switch (random.Next(4))
            {
                case 0:
                    from[random.Next(from.Length)] = (byte)random.Next(256);
                    return from;
                case 1:
                    return from[..random.Next(from.Length)];
                default:
                    // Another value after a colon.
                    string text = Encoding.UTF8.GetString(from);
                    int at = text.IndexOf(':', random.Next(text.Length));
                    int end = at < 0 ? -1 : text.IndexOfAny([',', '}'], at);
                    return end < 0 ? from : Encoding.UTF8.GetBytes(text[..(at + 1)] + values[random.Next(values.Length)] + text[end..]);
            }
        }
    }

    [TestCase("{\"v\":1,\"id\":\"x\",\"run\":1,\"source\":\"s\",\"files\":[[]]}")]
    [TestCase("{\"v\":1,\"id\":\"x\",\"run\":1,\"source\":\"s\",\"files\":[[\"a\",1]]}")]
    [TestCase("{\"v\":1,\"id\":\"x\",\"run\":1,\"source\":\"s\",\"files\":[[\"a\",1,-1]]}")]
    [TestCase("{\"v\":1,\"id\":\"x\",\"run\":1,\"source\":\"s\",\"files\":7}")]
    [TestCase("{\"v\":9}")]
    [TestCase("[]")]
    public void A_message_of_another_shape_is_refused(string text) =>
        Assert.That(() => ChunkMessage.Of(Encoding.UTF8.GetBytes(text)), Throws.TypeOf<FormatException>());

    [TestCase("../a.csv")]
    [TestCase("a/../../b.csv")]
    [TestCase("/etc/passwd")]
    [TestCase("")]
    [TestCase("a//b.csv")]
    [TestCase("./a.csv")]
    [TestCase("a\0.csv")]
    public void A_file_outside_of_the_source_is_refused(string path) => Assert.That(
        () => ChunkMessage.Of((s_chunk with { Files = [new SourceFile(path, 1, s_time)] }).ToBytes()), Throws.TypeOf<FormatException>());
}
