using System.Text;
using System.Text.Json.Nodes;

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
    public void A_reason_is_read_back_as_it_was_written_and_is_none_where_something_it_needs_is_missing()
    {
        var file = new SourceFile("sub/a.csv", 5, Yesterday);
        var reason = new ReasonFile("a.csv", "folder:/in", file, Yesterday.AddDays(1), Broken with { Column = "value" });
        JsonObject written = JsonNode.Parse(reason.ToBytes())!.AsObject();

        Assert.That(ReasonFile.TryParse(reason.ToBytes()), Is.EqualTo(reason));
        Assert.That(written.Select(property => property.Key), Is.EqualTo(new[]
        {
            "file", "source", "path", "size", "modified", "quarantinedAt", "problem",
            "line", "column", "found", "expected", "remedy", "row", "text",
        }));
        foreach ((string name, ReasonFile? rest) in ((string, ReasonFile?)[])
        [
            ("file", null), ("source", null), ("path", null), ("size", null), ("modified", null), ("quarantinedAt", null),
            ("problem", null),
            ("line", reason with { Defect = reason.Defect with { Line = null } }),
            ("column", reason with { Defect = reason.Defect with { Column = null } }),
            ("found", reason with { Defect = reason.Defect with { Found = null } }),
            ("expected", reason with { Defect = reason.Defect with { Expected = null } }),
            ("remedy", reason with { Defect = reason.Defect with { Remedy = null } }),
            ("row", reason with { Defect = reason.Defect with { RawText = null } }),
            ("text", reason),
        ])
        {
            JsonObject without = JsonNode.Parse(reason.ToBytes())!.AsObject();
            without.Remove(name);
            Assert.That(ReasonFile.TryParse(Encoding.UTF8.GetBytes(without.ToJsonString())), Is.EqualTo(rest), name);
        }
    }

    [TestCase("path", "../a.csv")]
    [TestCase("path", "/a.csv")]
    [TestCase("file", "../a.csv")]
    [TestCase("file", "sub/a.csv")]
    [TestCase("file", "..")]
    public void A_reason_about_another_place_is_none(string property, string value)
    {
        var reason = new ReasonFile("a.csv", "s", new SourceFile("a.csv", 5, Yesterday), Yesterday, Broken);
        JsonObject written = JsonNode.Parse(reason.ToBytes())!.AsObject();
        written[property] = value;

        Assert.That(ReasonFile.TryParse(Encoding.UTF8.GetBytes(written.ToJsonString())), Is.Null);
    }

    [TestCase(0, true)]
    [TestCase(1, false)]
    public void A_reason_of_more_than_a_megabyte_is_not_read(int more, bool isRead)
    {
        byte[] reason = new ReasonFile("a.csv", "s", new SourceFile("a.csv", 5, Yesterday), Yesterday, Broken).ToBytes();
        File.WriteAllBytes(_inbox["a"], [.. reason, .. Enumerable.Repeat((byte)' ', (1 << 20) - reason.Length + more)]);

        FolderDisk disk = FolderDisk.For(_inbox.Path);
        using HeldFolder folder = disk.Hold(_inbox.Path)!;
        Assert.That(FolderReasons.TryReadFile(disk, folder, "a") is not null, Is.EqualTo(isRead));
        Assert.That(FolderReasons.TryReadFile(disk, folder, "b"), Is.Null, "there is none");
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
