using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>The folders of an archive by day, of a folder and of a server.</summary>
[TestFixture("folder")]
[TestFixture("portable")]
[TestFixture("sftp")]
[CancelAfter(60_000)]
internal sealed class ArchiveByDayTests(string kind)
{
    private static readonly DateTime s_modified = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly DateTimeOffset s_evening = new(2026, 3, 31, 23, 59, 59, TimeSpan.Zero);

    private readonly List<IFileSource> _sources = [];
    private ScratchFolder _inbox = null!;
    private FakeTimeProvider _clock = null!;

    [SetUp]
    public void MakeInbox() => (_inbox, _clock) = (new ScratchFolder(), new FakeTimeProvider(s_evening));

    [TearDown]
    public async Task RemoveInbox()
    {
        foreach (IFileSource source in _sources) await source.DisposeAsync();
        _sources.Clear();
        _inbox.Dispose();
    }

    [Test]
    public async Task A_file_goes_to_the_folder_of_the_day_with_its_path_below_that()
    {
        Put("a.csv", "1");
        Put("sub/b.csv", "1");
        IFileSource source = Source();

        await CompleteAsync(source, null);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Put("a.csv", "2");
        await CompleteAsync(source, null);

        Assert.That(_inbox.Files(), Is.EqualTo(new[]
        {
            "archive/2026/03/31/a.csv", "archive/2026/03/31/sub/b.csv", "archive/2026/04/01/a.csv",
        }));
        Assert.That(await ListAsync(source), Is.Empty, "the root of the archive is not listed");
    }

    [Test]
    public async Task A_file_that_a_killed_run_archived_before_midnight_is_not_archived_again(
        [Values("archive/2026/03/31/", "archive/")] string place, [Values] bool same)
    {
        Put("a.csv", "content");
        Put(place + "a.csv", same ? "content" : "another");
        _clock.Advance(TimeSpan.FromSeconds(1));

        await CompleteAsync(Source(), s_evening.UtcDateTime);

        string[] there = same ? [place + "a.csv"] : [place + "a.csv", "archive/2026/04/01/a.csv"];
        Assert.That(_inbox.Files(), Is.EquivalentTo(there));
    }

    [Test]
    public async Task Of_several_versions_that_were_archived_the_same_one_is_found()
    {
        const string Second = "archive/2026/03/31/a.20260101T120000.0000000Z.csv";
        Put("archive/2026/03/31/a.csv", "another");
        Put(Second, "content");
        Put("a.csv", "content");
        _clock.Advance(TimeSpan.FromDays(3));

        await CompleteAsync(Source(), s_evening.UtcDateTime);

        Assert.That(_inbox.Files(), Is.EqualTo(new[] { Second, "archive/2026/03/31/a.csv" }));
    }

    [Test]
    public async Task A_day_that_is_a_link_is_refused_by_name_and_no_file_is_lost()
    {
        if (kind == "portable") Assert.Ignore("the portable disk is for systems without these links");
        Put("a.csv", "1");
        Directory.CreateDirectory(_inbox["victim"]);
        Directory.CreateDirectory(_inbox["archive/2026"]);
        Directory.CreateSymbolicLink(_inbox["archive/2026/03"], _inbox["victim"]);

        IFileSource source = Source();
        var error = Assert.CatchAsync<SourceException>(() => CompleteAsync(source, null));

        Assert.That(error!.Message, Does.Contain("archive/2026/03").And.Contains("symbolic link"));
        Assert.That(Directory.GetFileSystemEntries(_inbox["victim"]), Is.Empty);
        Assert.That((await ListAsync(source)).Single().Path, Is.EqualTo("a.csv"), "what was set aside is put back");
    }

    private IFileSource Source()
    {
        IFileSource source = kind == "sftp"
            ? new SftpSource(new SftpSourceOptions
            {
                Host = "pipe", Path = _inbox.Path, AfterCommit = AfterCommit.Archive, Recursive = true, SettleTime = TimeSpan.Zero,
                TimeProvider = _clock,
            }, () => new SftpServerTransport())
            : new FolderSource(
                _inbox.Path,
                new FolderSourceOptions
                {
                    AfterCommit = AfterCommit.Archive, Recursive = true, SettleTime = TimeSpan.Zero, TimeProvider = _clock,
                },
                root => kind == "portable" ? new PortableDisk(root) : FolderDisk.For(root));
        _sources.Add(source);
        return source;
    }

    private static async Task CompleteAsync(IFileSource source, DateTime? importedUtc) => await source.CompleteAsync(
        [.. (await ListAsync(source)).Select(file => new CompletedFile(file, null) { ImportedUtc = importedUtc })], default);

    private static async Task<List<SourceFile>> ListAsync(IFileSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }

    private void Put(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_inbox[path])!);
        File.WriteAllText(_inbox[path], content);
        File.SetLastWriteTimeUtc(_inbox[path], s_modified);
    }
}

/// <summary>What an archive folder may say, and where its files are.</summary>
internal sealed class ArchivePatternTests
{
    [TestCase("archive/{yy}", "has '{yy}'")]
    [TestCase("archive/{yyyy}/{mm}", "has '{mm}'")]
    [TestCase("archive/{yyyy", "has '{yyyy'")]
    [TestCase("archive/yyyy}", "has '}'")]
    [TestCase("archive/{MM}", "a month without its year")]
    [TestCase("archive/{yyyy}/{dd}", "a day without its month")]
    [TestCase("{yyyy}/{MM}", "no folder before")]
    [TestCase("/{yyyy}", "no folder before")]
    [TestCase("archive/{yyyy}/../x", "the folder '..'")]
    [TestCase("archive/{yyyy}//{MM}", "the folder ''")]
    public void What_names_no_day_is_refused_with_what_is_allowed(string folder, string problem) => Assert.That(
        () => new FolderSourceOptions { ArchiveFolder = folder },
        Throws.ArgumentException.With.Message.Contains(problem).And.Message.Contains("{yyyy}, {MM} and {dd}")
            .And.Property("ParamName").EqualTo("ArchiveFolder"));

    [TestCase("archive", "archive", "", "", null)]
    [TestCase("archive/{yyyy}/{MM}/{dd}", "archive", "2026/03/05", "2026/03/05", "2026-03-06 ")]
    [TestCase("archive/{yyyy}/{MM}/{dd}", "archive", "2026/03/05", "2026/03", "2026-04-01 above")]
    [TestCase("archive/{yyyy}/{MM}/{dd}/", "archive", "2026/03/05", "2026/03/05/sub/deep", "2026-03-06 sub/deep")]
    [TestCase("archive/{yyyy}/{MM}/{dd}", "archive", "2026/03/05", "2026/13", null)]
    [TestCase("archive/{yyyy}/{MM}/{dd}", "archive", "2026/03/05", "2026/02/30", null)]
    [TestCase("archive/{yyyy}/{MM}/{dd}", "archive", "2026/03/05", "sub/03/05", null)]
    [TestCase("/old/a/{yyyy}-{MM}", "/old/a", "2026-03", "2026-12", "2027-01-01 ")]
    [TestCase("a/{yyyy}/{yyyy}-{MM}-{dd}/in", "a", "2026/2026-03-05/in", "2026/2026-03-05/in", "2026-03-06 ")]
    [TestCase("a/{yyyy}/{yyyy}-{MM}-{dd}/in", "a", "2026/2026-03-05/in", "2026/2025-03-05/in", null)]
    public void Folders_are_named_by_the_day_and_read_back(string text, string root, string today, string folder, string? day)
    {
        var pattern = ArchivePattern.Parse(text, "ArchiveFolder");

        Assert.That((pattern.Root, pattern.Of(new DateTime(2026, 3, 5, 23, 0, 0))), Is.EqualTo((root, today)));
        ArchiveDay? read = pattern.DayOf(folder);
        Assert.That(read is { } known ? $"{known.EndUtc:yyyy-MM-dd} {known.Below ?? "above"}" : null, Is.EqualTo(day));
    }
}
