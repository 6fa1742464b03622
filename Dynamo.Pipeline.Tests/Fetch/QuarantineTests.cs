namespace Dynamo.Pipeline.Tests;

[CancelAfter(30_000)]
public sealed class QuarantineTests
{
    private static readonly DateTime Yesterday = new DateTime(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc).AddTicks(1234567);
    private static readonly Defect Broken = new("the value is not a number")
    {
        Line = 7, Column = "val\ud800ue", Found = "<ä & 'b'>", Expected = "a decimal number", Remedy = "Mend it", RawText = "a,b,\u0007",
    };

    private ScratchFolder _inbox = null!;

    [SetUp]
    public void MakeInbox() => _inbox = new ScratchFolder();

    [TearDown]
    public void RemoveInbox() => _inbox.Dispose();

    [Test]
    public void An_empty_quarantine_lists_nothing() => Assert.That(new FolderQuarantine(Source(AfterCommit.Keep)).List(), Is.Empty);

    [Test]
    public async Task The_list_says_what_is_there_and_why([Values] AfterCommit after)
    {
        FolderSource source = Source(after);
        SourceFile file = await QuarantineAsync(source, "sub/a.csv");

        QuarantinedFile found = new FolderQuarantine(source).List().Single();

        Assert.That((found.Source, found.File, found.Location), Is.EqualTo((source.Name, file, _inbox["quarantine/sub/a.csv"])));
        Assert.That(found.Defect, Is.EqualTo(Broken with { Column = "val\uFFFDue" }), "half a character cannot be written");
    }

    [Test]
    public async Task Returned_files_are_listed_again_with_the_same_identity([Values] AfterCommit after, [Values] bool marked)
    {
        FolderSource source = Source(after, marked ? ".done" : null);
        SourceFile file = await QuarantineAsync(source, "sub/a.csv");
        string[] before = marked ? ["sub/a.csv", "sub/a.csv.done"] : ["sub/a.csv"];

        QuarantineReturn returned = new FolderQuarantine(source).ReturnAll().Single();

        Assert.That((returned.IsReturned, returned.File.File), Is.EqualTo((true, file)));
        Assert.That(_inbox.Files(), Is.EqualTo(before));
        Assert.That((await ListAsync(source)).Single(), Is.EqualTo(file));
    }

    [Test]
    public async Task A_newer_file_of_the_same_name_is_not_overwritten([Values] AfterCommit after)
    {
        FolderSource source = Source(after);
        await QuarantineAsync(source, "a.csv");
        await File.WriteAllTextAsync(_inbox["a.csv"], "newer");
        string[] before = _inbox.Files();

        QuarantineReturn returned = new FolderQuarantine(source).ReturnAll().Single();

        Assert.That(returned.Obstacle, Does.Contain("another file of that name"));
        Assert.That(_inbox.Files(), Is.EqualTo(before));
        Assert.That(await File.ReadAllTextAsync(_inbox["a.csv"]), Is.EqualTo("newer"));
    }

    [Test]
    public async Task A_file_mended_in_the_quarantine_returns_as_it_is()
    {
        FolderSource source = Source(AfterCommit.Archive);
        await QuarantineAsync(source, "a.csv");
        await File.WriteAllTextAsync(_inbox["quarantine/a.csv"], "mended");

        Assert.That(new FolderQuarantine(source).ReturnAll().Single().IsReturned, Is.True);
        Assert.That(await File.ReadAllTextAsync(_inbox["a.csv"]), Is.EqualTo("mended"));
    }

    [Test]
    public async Task A_return_that_was_interrupted_is_finished()
    {
        FolderSource source = Source(AfterCommit.Archive);
        SourceFile file = await QuarantineAsync(source, "a.csv");
        File.Move(_inbox["quarantine/a.csv"], _inbox["a.csv"]);

        QuarantineReturn returned = new FolderQuarantine(source).ReturnAll().Single();

        Assert.That((returned.IsReturned, returned.File.File), Is.EqualTo((true, file)));
        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task A_settling_that_was_interrupted_after_the_reason_is_finished()
    {
        FolderSource source = Source(AfterCommit.Archive);
        SourceFile file = await QuarantineAsync(source, "a.csv");
        File.Move(_inbox["quarantine/a.csv"], _inbox["a.csv"]);

        await source.CompleteAsync([new CompletedFile(file, Broken)], default);

        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "quarantine/a.csv", "quarantine/a.csv.reason.json" }));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("{\"file\":1}")]
    [TestCase("{\"file\":\"a.csv\",\"source\":\"x\",\"path\":\"../../etc/passwd\",\"size\":1,\"modified\":\"2026-01-01T00:00:00Z\","
        + "\"quarantinedAt\":\"2026-01-01T00:00:00Z\",\"problem\":\"\"}")]
    [TestCase("{\"file\":null,\"path\":null}")]
    public async Task A_damaged_reason_does_not_hide_its_file(string damage)
    {
        FolderSource source = Source(AfterCommit.Archive);
        SourceFile file = await QuarantineAsync(source, "sub/a.csv");
        await File.WriteAllTextAsync(_inbox["quarantine/sub/a.csv.reason.json"], damage);

        QuarantinedFile found = new FolderQuarantine(source).List().Single();

        Assert.That((found.IsDamaged, found.Source, found.File), Is.EqualTo((true, source.Name, file)));
        Assert.That(new FolderQuarantine(source).Return(found).IsReturned, Is.True);
        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "sub/a.csv" }));
    }

    [Test]
    public async Task Files_of_another_source_stay()
    {
        FolderSource source = Source(AfterCommit.Archive);
        await QuarantineAsync(source, "a.csv");
        using var other = new ScratchFolder();
        var quarantine = new FolderQuarantine(
            new FolderSource(other.Path, new FolderSourceOptions { QuarantineFolder = _inbox["quarantine"] }));

        Assert.That(quarantine.ReturnAll(), Is.Empty);
        Assert.That(quarantine.Return(quarantine.List().Single()).Obstacle, Does.Contain(source.Name));
    }

    private FolderSource Source(AfterCommit after, string? marker = null) =>
        new(_inbox.Path,
            new FolderSourceOptions { AfterCommit = after, Recursive = true, DoneMarker = marker, SettleTime = TimeSpan.Zero });

    private async Task<SourceFile> QuarantineAsync(FolderSource source, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_inbox[path])!);
        foreach (string name in (string[])(source.Options.DoneMarker is null ? [path] : [path, path + ".done"]))
        {
            await File.WriteAllTextAsync(_inbox[name], "12345");
            File.SetLastWriteTimeUtc(_inbox[name], Yesterday);
        }
        SourceFile file = (await ListAsync(source)).Single();
        await source.CompleteAsync([new CompletedFile(file, Broken)], default);
        return file;
    }

    private static async Task<List<SourceFile>> ListAsync(FolderSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }
}
