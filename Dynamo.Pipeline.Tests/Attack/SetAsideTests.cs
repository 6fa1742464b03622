namespace Dynamo.Pipeline.Tests;

/// <summary>Files that are set aside while they are archived, deleted or quarantined, and what a killed run leaves of that.</summary>
[TestFixture(false)]
[TestFixture(true)]
[CancelAfter(60_000)]
internal sealed class SetAsideTests(bool portable)
{
    private static readonly DateTime s_yesterday = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private ScratchFolder _inbox = null!;

    [SetUp]
    public void MakeInbox() => _inbox = new ScratchFolder();

    [TearDown]
    public void RemoveInbox() => _inbox.Dispose();

    [Test]
    public async Task What_a_killed_run_had_set_aside_is_put_back_and_listed_once([Values("", "sub/")] string folder)
    {
        string claims = Claim(folder, "a.csv", "12345", "a.csv.done");
        Put(folder + "b.csv", "other");

        List<SourceFile> files = await ListAsync(Source());

        Assert.That(files.Select(file => (file.Path, file.DeferReason)), Is.EquivalentTo(new[]
        {
            (folder + "a.csv", (string?)null), (folder + "b.csv", null),
        }));
        Assert.That(Directory.Exists(claims), Is.False);
        Assert.That(_inbox.Files(), Is.EquivalentTo(new[] { folder + "a.csv", folder + "a.csv.done", folder + "b.csv" }));
        await Source().CompleteAsync([new CompletedFile(files.Single(file => file.Path == folder + "a.csv"), null)], default);
        Assert.That(File.Exists(ScratchFolder.Archived(_inbox["archive"], folder + "a.csv")));
    }

    [Test]
    public async Task A_newer_file_of_that_name_goes_first_and_none_is_lost()
    {
        Claim("", "a.csv", "older");
        Put("a.csv", "newer");
        FolderSource source = Source();

        List<SourceFile> first = await ListAsync(source);
        await source.CompleteAsync([new CompletedFile(first.Single(file => file.DeferReason is null), null)], default);
        List<SourceFile> second = await ListAsync(source);

        Assert.That(first.Single(file => file.DeferReason is not null).DeferReason, Does.Contain("set aside"));
        Assert.That(await File.ReadAllTextAsync(ScratchFolder.Archived(_inbox["archive"], "a.csv")), Is.EqualTo("newer"));
        Assert.That(second.Single().DeferReason, Is.Null);
        Assert.That(await File.ReadAllTextAsync(_inbox["a.csv"]), Is.EqualTo("older"));
    }

    [Test]
    public async Task Where_nothing_is_to_be_changed_it_is_only_told()
    {
        Claim("", "a.csv", "12345");
        FolderSource source = Source();
        source.ChangesNothing = true;
        string[] before = _inbox.Files();

        SourceFile file = (await ListAsync(source)).Single();

        Assert.That((file.Path, file.DeferReason), Is.EqualTo(("a.csv", file.DeferReason)));
        Assert.That(file.DeferReason, Does.Contain("set aside"));
        Assert.That(_inbox.Files(), Is.EqualTo(before));
    }

    [Test]
    public async Task The_same_name_size_and_time_with_other_content_replaces_nothing_in_the_archive()
    {
        FolderSource source = Source();
        foreach (string content in (string[])["first", "other", "other"])
        {
            Put("a.csv", content);
            await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), null)], default);
        }

        Assert.That(_inbox.Files().Select(file => File.ReadAllText(_inbox[file])), Is.EquivalentTo(new[] { "first", "other" }));
    }

    [Test]
    public async Task Nothing_is_left_beside_the_files()
    {
        for (int i = 0; i < 50; i++) Put($"{i % 7}/{i}.csv", "12345");
        FolderSource source = Source();

        await source.CompleteAsync([.. (await ListAsync(source)).Select(file => new CompletedFile(file, null))], default);

        Assert.That(_inbox.Files(), Has.Length.EqualTo(50).And.All.StartsWith("archive/"));
        Assert.That(Directory.EnumerateDirectories(_inbox.Path, ".*", SearchOption.AllDirectories), Is.Empty);
    }

    private FolderSource Source() => new(
        _inbox.Path,
        new FolderSourceOptions { AfterCommit = AfterCommit.Archive, Recursive = true, SettleTime = TimeSpan.Zero },
        root => portable ? new PortableDisk(root) : FolderDisk.For(root));

    private void Put(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_inbox[path])!);
        File.WriteAllText(_inbox[path], content);
        File.SetLastWriteTimeUtc(_inbox[path], s_yesterday);
    }

    private string Claim(string folder, string name, string content, params string[] more)
    {
        string claims = folder + FileNames.NewClaims();
        foreach (string file in (string[])[name, .. more]) Put(claims + "/" + file, content);
        return _inbox[claims];
    }

    private static async Task<List<SourceFile>> ListAsync(FolderSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }
}
