using System.IO.Compression;
using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Tests;

/// <summary>What docs/extending.md shows, at work.</summary>
[TestFixture, CancelAfter(60_000)]
internal sealed class ExtendingTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task A_zip_archive_is_imported_into_a_sink_of_ones_own_once(CancellationToken token)
    {
        string archive = Zip(
            ("north/a.csv", "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\nL1,flow,2026-01-01T00:15:00Z,2\n"),
            ("b.csv", "logger,channel,timestamp,value\nL2,flow,2026-01-01T00:00:00Z,nothing\n"),
            ("empty.txt", ""));
        await using var source = new ZipSource(archive);
        await using var sink = new LatestValues();
        FilePipeline<Reading> pipeline = FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink);

        PipelineResult first = await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);
        PipelineResult second = await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(first.Books.ToString(), Is.EqualTo(
            "files: 2 listed, 1 loaded, 0 already loaded, 1 quarantined, 0 deferred; rows: 3 read, 2 inserted, 0 updated, 0 unchanged, "
                + "1 rejected"));
        Assert.That(second.Books.AlreadyLoaded, Is.EqualTo(2));
        Assert.That(sink.Latest[("L1", "flow")].Value, Is.EqualTo(2));
    }

    [Test]
    public async Task The_ledger_of_ones_own_tells_runs_and_totals_and_a_quarantined_file_is_loaded_after_a_retry(CancellationToken token)
    {
        const string Good = "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\n";
        const string Bad = "logger,channel,timestamp\nL2,flow,2026-01-01T00:00:00Z\n";
        await using var sink = new LatestValues();
        await using var north = new MemorySource(new Dictionary<string, string> { ["a.csv"] = Good, ["b.csv"] = Bad });
        FilePipeline<Reading> pipeline = FilePipeline.From(north).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink);
        await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);
        var ledger = new OwnLedger(sink);

        QuarantinedEntry bad = (await ledger.QuarantinedAsync(north.Name, 10, token)).Single();
        LedgerTotals totals = await ledger.TotalsAsync(null, token);
        int ofAnother = await ledger.RetryAsync("elsewhere", null, token), loaded = await ledger.RetryAsync(
            north.Name, [bad.File with { Path = "a.csv" }], token), forgotten = await ledger.RetryAsync(north.Name, [bad.File], token);
        PipelineResult again = await pipeline.RunAsync(cancellationToken: token).WaitAsync(token);
        IReadOnlyList<ImportedRun> runs = await ledger.RunsAsync(10, token);

        Assert.That((bad.File.Path, bad.Defect.Problem), Is.EqualTo(("b.csv", "the column 'value' is missing")));
        Assert.That((totals.Loaded, totals.Quarantined), Is.EqualTo((1, 1)));
        Assert.That((ofAnother, loaded, forgotten), Is.EqualTo((0, 0, 1)));
        Assert.That((again.Books.AlreadyLoaded, again.Books.Quarantined), Is.EqualTo((1, 1)), "it is read again, and still bad");
        Assert.That(
            runs.Select(run => (run.RunId, run.Outcome, run.Books.Listed)),
            Is.EqualTo(new[] { (2L, "completed", 2L), (1L, "completed", 2L) }));
        Assert.That(await ledger.RunsAsync(1, token), Is.EqualTo(runs.Take(1)));
    }

    [Test]
    public async Task A_streamed_entry_of_an_archive_is_the_same(CancellationToken token)
    {
        await using var source = new ZipSource(Zip(("a.csv", "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\n")));
        await using var sink = new LatestValues();

        PipelineResult result = await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink, new PipelineOptions { StreamAbove = 0 }).RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.RowsInserted, Is.EqualTo(1));
    }

    [Test]
    public async Task A_broken_archive_is_the_sources_error(CancellationToken token)
    {
        File.WriteAllText(_folder["broken.zip"], "not a zip");
        await using var source = new ZipSource(_folder["broken.zip"]);
        await using var sink = new LatestValues();

        FilePipeline<Reading> pipeline = FilePipeline.From(source).Read(new JsonLines()).WriteTo(sink);

        Assert.That(async () => await pipeline.RunAsync(cancellationToken: token).WaitAsync(token), Throws.TypeOf<SourceException>());
    }

    [Test]
    public async Task JSON_lines_are_readings_and_rejects(CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string>
        {
            ["a.json"] = """
                {"Logger":"L1","Channel":"flow","Time":"2026-01-01T01:00:00+01:00","Value":1.5}
                {"Logger":"L1","Channel":"flow"}
                ["L1"]
                {"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:15:00Z","Value":2.5}
                """,
        });
        await using var sink = new LatestValues();

        PipelineResult result = await FilePipeline.From(source).Read(new JsonLines()).WriteTo(sink).RunAsync(cancellationToken: token)
            .WaitAsync(token);

        Assert.That(result.Books.RowsInserted, Is.EqualTo(2));
        Assert.That(result.Books.RowsRejected, Is.EqualTo(2));
    }

    [Test]
    public async Task A_block_may_condemn_a_file_and_another_may_look_at_what_is_committed(CancellationToken token)
    {
        await using var source = new MemorySource(new Dictionary<string, string>
        {
            ["old.json"] = """{"Logger":"L1","Channel":"flow","Time":"1970-01-01T00:00:00Z","Value":1.5}""",
            ["new.json"] = """{"Logger":"L1","Channel":"flow","Time":"2026-01-01T00:00:00Z","Value":1.5}""",
        });
        await using var sink = new LatestValues();
        var seen = new List<string>();

        PipelineResult result = await FilePipeline.From(source).Read(new JsonLines())
            .Through(o => new TransformBlock<FileRows<Reading>, FileRows<Reading>>(RefuseResetClocks, o))
            .WriteTo(sink)
            .AfterCommit(batch => seen.AddRange(batch.Loaded.Select(file => file.File.Path)))
            .RunAsync(cancellationToken: token).WaitAsync(token);

        Assert.That(result.Books.Quarantined, Is.EqualTo(1));
        Assert.That(seen, Is.EqualTo(new[] { "new.json" }));
    }

    private static FileRows<Reading> RefuseResetClocks(FileRows<Reading> file)
    {
        if (file.Batch.Rows.Any(r => r.TimestampUtc.Year < 2000))
            file.Quarantine(new Defect("the logger's clock was reset") { Remedy = "Set the clock, and correct the times in the file" });
        return file;
    }

    private string Zip(params (string Path, string Text)[] files)
    {
        string path = _folder["inbox.zip"];
        using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach ((string name, string text) in files)
        {
            using var writer = new StreamWriter(zip.CreateEntry(name).Open());
            writer.Write(text);
        }
        return path;
    }
}
