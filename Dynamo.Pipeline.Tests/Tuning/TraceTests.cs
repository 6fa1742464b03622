using Dynamo.Pipeline.Host;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

[TestFixture, CancelAfter(30_000)]
internal sealed class TraceTests
{
    [Test]
    public async Task A_recorded_run_has_every_file_in_its_chunk_and_nobody_does_two_things_at_once(CancellationToken token)
    {
        var trace = new TraceRecorder();
        await RecordAsync(trace, 100, 7, token);
        TraceEvent[] spans = trace.Events.ToArray();
        TraceEvent[] chunks = [
            .. spans.Where(span => span.Kind == TraceKind.Chunk)], files = [.. spans.Where(span => span.Kind == TraceKind.File)];

        Assert.That(files.Select(file => file.Path), Is.Unique.And.Exactly(100).Items);
        Assert.That(chunks, Has.Length.EqualTo(15));
        Assert.That(
            files,
            Has.All.Matches<TraceEvent>(
                file => chunks.Any(
                    chunk => chunk.Number == file.Number && chunk.Lane == file.Lane && chunk.Start <= file.Start
                        && file.End <= chunk.End)));
        foreach (var lane in chunks.GroupBy(chunk => chunk.Lane))
            Assert.That(
                lane.OrderBy(chunk => chunk.Start).Zip(lane.OrderBy(chunk => chunk.Start).Skip(1), (one, next) => one.End <= next.Start),
                Has.All.True);
        Assert.That(spans.Where(span => span.Kind == TraceKind.Batch).Sum(batch => batch.Files), Is.EqualTo(100));
        Assert.That(trace.Dropped, Is.Zero);
    }

    [Test]
    public async Task What_does_not_fit_is_counted_and_dropped(CancellationToken token)
    {
        var trace = new TraceRecorder(capacity: 10);

        await RecordAsync(trace, 100, 1, token);

        Assert.That(trace.Events.Length, Is.EqualTo(10));
        Assert.That(trace.Dropped, Is.GreaterThanOrEqualTo(100 + 100 - 10));
    }

    [Test]
    public async Task A_timeline_has_the_readers_with_their_chunks_and_says_how_busy_they_were(CancellationToken token)
    {
        var trace = new TraceRecorder();
        await RecordAsync(trace, 60, 100, token);

        Timeline timeline = Timeline.Of("one chunk", 100, trace, readers: 3);

        Assert.That(timeline.Lanes.Select(lane => lane.Chunks.Count), Is.EqualTo(new[] { 1, 0, 0 }), "two had nothing to do");
        Assert.That(timeline.Lanes[0].Chunks[0].Files, Has.Count.EqualTo(60));
        Assert.That(timeline.Busy, Is.GreaterThan(0).And.LessThanOrEqualTo(1 / 3.0));
    }

    [Test]
    public async Task The_trace_file_is_what_viewers_expect(CancellationToken token)
    {
        var trace = new TraceRecorder();
        await RecordAsync(trace, 20, 5, token);
        using var written = new MemoryStream();

        ChromeTrace.Write(written, trace);

        using JsonDocument json = JsonDocument.Parse(written.ToArray());
        JsonElement[] events = [.. json.RootElement.GetProperty("traceEvents").EnumerateArray()];
        JsonElement[] complete = [.. events.Where(span => span.GetProperty("ph").GetString() == "X")];
        Assert.That(complete, Has.Length.EqualTo(trace.Events.Length));
        Assert.That(
            complete,
            Has.All.Matches<JsonElement>(
                span => span.GetProperty("ts").GetDouble() >= 0 && span.GetProperty("dur").GetDouble() >= 0
                    && span.GetProperty("pid").GetInt32() == 1));
        int[] named = [
            .. events.Where(
                span => span.GetProperty("name").GetString() == "thread_name").Select(span => span.GetProperty("tid").GetInt32())];
        Assert.That(complete.Select(span => span.GetProperty("tid").GetInt32()).Distinct(), Is.EquivalentTo(named));
        Assert.That(
            events.Select(span => span.GetProperty("args")).Any(
                args => args.TryGetProperty("name", out JsonElement name) && name.GetString() == "writer 1"));
    }

    private static async Task RecordAsync(TraceRecorder trace, int files, int chunk, CancellationToken token)
    {
        await using var sink = new MemorySink<int>();
        await FilePipeline.From(MemorySource.Of(files)).Read(new NumberFormat())
            .WriteTo(
                sink,
                new PipelineOptions { Readers = 2, FilesPerMessage = chunk, Trace = trace }).RunAsync(cancellationToken: token)
                    .WaitAsync(token);
    }
}
