using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>How a contract test wants its source.</summary>
public sealed record SourceSetup
{
    public string Pattern { get; init; } = "*.csv";

    public bool Recursive { get; init; }

    public string? DoneMarker { get; init; }

    public AfterCommit AfterCommit { get; init; } = AfterCommit.Keep;
}

/// <summary>
/// What every <see cref="IFileSource"/> owes. The inbox is a folder of this machine, which a distant source reaches through a server.
/// Times are whole seconds, the coarsest a source knows.
/// </summary>
[CancelAfter(300_000)]
public abstract class FileSourceContract
{
    protected static readonly DateTime Yesterday = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Defect Broken = new("the header is missing")
    {
        Line = 1,
        Column = "value",
        Found = "ä\ud800\u0007",
        Expected = "a header",
        Remedy = "Add it",
    };

    private readonly List<IFileSource> _sources = [];

    protected ScratchFolder Inbox { get; private set; } = null!;

    /// <summary>
    /// A source over <see cref="Inbox"/>, its archive in <c>archive</c>, by day, and its quarantine in <c>quarantine</c> there,
    /// its settle time zero.
    /// </summary>
    protected abstract IFileSource Create(SourceSetup setup);

    [SetUp]
    public void MakeInbox() => Inbox = new ScratchFolder();

    [TearDown]
    public async Task RemoveInbox()
    {
        foreach (IFileSource source in _sources) await source.DisposeAsync();
        Inbox.Dispose();
    }

    [Test]
    public async Task An_empty_folder_lists_nothing() => Assert.That(await ListAsync(Source()), Is.Empty);

    [Test]
    public async Task Files_are_listed_once_with_path_size_and_time()
    {
        Put("a.csv", "12345");
        Put("b.csv", "");

        List<SourceFile> files = await ListAsync(Source());

        Assert.That(files, Is.EquivalentTo(new[] { new SourceFile("a.csv", 5, Yesterday), new SourceFile("b.csv", 0, Yesterday) }));
    }

    [Test]
    public async Task Temporary_hidden_and_other_names_are_not_listed()
    {
        foreach (string name in (string[])["a.csv.tmp", "a.csv.part", "a.csv.FILEPART", ".a.csv", "a.txt", "csv", "acsv"]) Put(name, "x");
        Directory.CreateDirectory(Inbox["folder.csv"]);

        Assert.That(await ListAsync(Source()), Is.Empty);
        Assert.That((await ListAsync(Source(new SourceSetup { Pattern = "*" }))).Select(file => file.Path),
            Is.EquivalentTo(new[] { "a.txt", "csv", "acsv" }));
    }

    [Test]
    public async Task Several_patterns_may_match_and_case_does_not_count()
    {
        foreach (string name in (string[])["a.CSV", "b.txt", "c7.dat", "c77.dat"]) Put(name, "x");

        List<SourceFile> files = await ListAsync(Source(new SourceSetup { Pattern = "*.csv; c?.dat" }));

        Assert.That(files.Select(file => file.Path), Is.EquivalentTo(new[] { "a.CSV", "c7.dat" }));
    }

    [TestCase("with space.csv")]
    [TestCase("it's \"quoted\".csv")]
    [TestCase("new\nline.csv")]
    [TestCase("back\\slash.csv")]
    [TestCase("grün-水-🚰.csv")]
    [TestCase("-rf.csv")]
    [TestCase("%41$HOME`id`.csv")]
    [TestCase("a..b.csv")]
    [TestCase("*?[a].csv")]
    public Task Unusual_names_are_listed_opened_and_archived(string name) => RoundTripAsync(name);

    [Test]
    public Task Names_of_255_bytes_are_listed_opened_and_archived([Values("x", "ü")] string letter) =>
        RoundTripAsync(new string(letter[0], 251 / Encoding.UTF8.GetByteCount(letter)) + (letter == "x" ? ".csv" : "a.csv"));

    [Test]
    public async Task Folders_below_are_listed_only_when_asked_and_never_archive_or_quarantine()
    {
        foreach (string path in (string[])["a.csv", "sub/b.csv", "sub/deep/c.csv", ".hidden/d.csv", "archive/e.csv", "quarantine/f.csv",
            "sub/archive/g.csv"]) Put(path, "x");

        List<SourceFile> flat = await ListAsync(Source()), deep = await ListAsync(Source(new SourceSetup { Recursive = true }));

        Assert.That(flat.Select(file => file.Path), Is.EqualTo(new[] { "a.csv" }));
        Assert.That(deep.Select(file => file.Path), Is.EquivalentTo(new[] { "a.csv", "sub/b.csv", "sub/deep/c.csv", "sub/archive/g.csv" }));
    }

    [Test]
    public async Task A_missing_folder_is_the_sources_error_with_a_remedy()
    {
        IFileSource source = Source();
        Directory.Delete(Inbox.Path);
        try
        {
            var error = Assert.ThrowsAsync<SourceException>(() => ListAsync(source));
            Assert.That(error!.Message, Does.Contain(Inbox.Path));
        }
        finally
        {
            Directory.CreateDirectory(Inbox.Path);
        }
        Assert.That(await ListAsync(source), Is.Empty);
    }

    [Test]
    public async Task The_content_is_the_files([Values(0, 1, 4095, 4096, 300_000)] int size, [Values] bool streamed)
    {
        byte[] content = new byte[size];
        new Random(size).NextBytes(content);
        Put("a.csv", content);
        IFileSource source = Source();
        SourceFile file = (await ListAsync(source)).Single();

        using FileContent opened = await source.OpenAsync(file, streamed ? size - 1 : size, default);

        Assert.That(opened.IsStreamed, Is.EqualTo(streamed));
        Assert.That(await BytesAsync(opened), Is.EqualTo(content));
    }

    [Test]
    public async Task A_file_that_changed_since_it_was_listed_is_deferred(
        [Values("grown", "shorter", "rewritten", "vanished", "folder")] string how, [Values] bool streamed)
    {
        // What is written again is seldom old: only a file of the last hour must be looked at again when its size is the same.
        Put("a.csv", "0123456789", how == "rewritten" ? DateTime.UtcNow.AddMinutes(-10) : Yesterday);
        IFileSource source = Source();
        SourceFile file = (await ListAsync(source)).Single();
        switch (how)
        {
            case "grown": Put("a.csv", "0123456789abcde"); break;
            case "shorter": Put("a.csv", "0123"); break;
            case "rewritten": Put("a.csv", "9876543210", DateTime.UtcNow.AddMinutes(-5)); break;
            default: File.Delete(Inbox["a.csv"]); break;
        }
        if (how == "folder") Directory.CreateDirectory(Inbox["a.csv"]);

        var error = Assert.ThrowsAsync<FileChangedException>(async () =>
        {
            using FileContent content = await source.OpenAsync(file, streamed ? 1 : 1000, default);
            await BytesAsync(content);
        });

        if (how == "grown") Assert.That(error!.Message, Is.EqualTo("grew from 10 to 15 bytes"));
        if (how == "shorter") Assert.That(error!.Message, Does.Contain("shorter"));
        if (how == "vanished") Assert.That(error!.Message, Is.EqualTo("vanished"));
    }

    [Test]
    public async Task A_file_that_grows_while_it_is_streamed_is_deferred_at_its_end()
    {
        Put("a.csv", new byte[1_000_000]);
        IFileSource source = Source();
        SourceFile file = (await ListAsync(source)).Single();
        using FileContent content = await source.OpenAsync(file, 1, default);
        await content.Stream!.ReadExactlyAsync(new byte[1000]);

        await using (FileStream writer = File.Open(Inbox["a.csv"], FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
            writer.WriteByte(1);

        var error = Assert.ThrowsAsync<FileChangedException>(() => content.Stream.CopyToAsync(Stream.Null));
        Assert.That(error!.Message, Does.StartWith("grew from 1000000 to 1000001"));
    }

    [Test]
    public async Task Kept_files_stay([Values] bool twice)
    {
        await CompleteAsync(AfterCommit.Keep, null, twice);

        Assert.That(Inbox.Files(), Is.EqualTo(new[] { "sub/a.csv" }));
    }

    [Test]
    public async Task Archived_files_keep_path_and_time([Values] bool twice)
    {
        await CompleteAsync(AfterCommit.Archive, null, twice);

        Assert.That(Inbox.Files().Single(), Does.StartWith("archive/"));
        Assert.That(ScratchFolder.Archived(Inbox["archive"]), Is.EqualTo(new[] { "sub/a.csv" }));
        Assert.That(File.GetLastWriteTimeUtc(Inbox[Inbox.Files().Single()]), Is.EqualTo(Yesterday));
    }

    [Test]
    public async Task Deleted_files_are_gone([Values] bool twice)
    {
        await CompleteAsync(AfterCommit.Delete, null, twice);

        Assert.That(Inbox.Files(), Is.Empty);
    }

    [Test]
    public async Task Bad_files_go_into_quarantine_with_their_reason([Values] AfterCommit after, [Values] bool twice)
    {
        await CompleteAsync(after, Broken, twice);

        string[] quarantined = ["quarantine/sub/a.csv", "quarantine/sub/a.csv.reason.json"];
        Assert.That(Inbox.Files(), Is.EqualTo(after == AfterCommit.Keep ? [.. quarantined, "sub/a.csv"] : quarantined));
        Assert.That(File.GetLastWriteTimeUtc(Inbox[quarantined[0]]), Is.EqualTo(Yesterday));
        string reason = await File.ReadAllTextAsync(Inbox[quarantined[1]]);
        foreach (string part in (string[])["\"path\": \"sub/a.csv\"", "\"size\": 5", "2026-01-01T12:00:00Z", "the header is missing",
            "\"line\": 1", "\"remedy\": \"Add it\""])
            Assert.That(reason, Does.Contain(part));
    }

    [Test]
    public async Task New_content_under_an_old_name_is_left_alone([Values] AfterCommit after, [Values] bool bad)
    {
        Put("a.csv", "12345");
        IFileSource source = Source(new SourceSetup { AfterCommit = after });
        SourceFile file = (await ListAsync(source)).Single();
        Put("a.csv", "54321", Yesterday.AddSeconds(2));

        await source.CompleteAsync([new CompletedFile(file, bad ? Broken : null)], default);

        Assert.That(Inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [TestCase(AfterCommit.Archive, false)]
    [TestCase(AfterCommit.Archive, true)]
    [TestCase(AfterCommit.Keep, true)]
    [TestCase(AfterCommit.Delete, true)]
    public async Task Other_content_in_the_archive_or_quarantine_is_never_overwritten(AfterCommit after, bool bad)
    {
        IFileSource source = Source(new SourceSetup { AfterCommit = after });
        for (int version = 0; version < 3; version++)
        {
            Put("a.csv", "version " + version, Yesterday.AddSeconds(version));
            SourceFile file = (await ListAsync(source)).Single();
            await source.CompleteAsync([new CompletedFile(file, bad ? Broken : null)], default);
        }

        string[] kept = [.. Inbox.Files().Where(file => file.Contains('/') && file.EndsWith(".csv", StringComparison.Ordinal))
            .Select(file => File.ReadAllText(Inbox[file]))];
        Assert.That(kept, Is.EquivalentTo(new[] { "version 0", "version 1", "version 2" }));
    }

    [Test]
    public async Task With_a_done_marker_only_marked_files_are_offered_and_the_marker_goes_with_its_file([Values] AfterCommit after)
    {
        Put("a.csv", "12345");
        Put("a.csv.done", "");
        Put("b.csv", "12345");
        IFileSource source = Source(new SourceSetup { Pattern = "*", DoneMarker = ".done", AfterCommit = after });

        List<SourceFile> files = await ListAsync(source);
        Assert.That(files.Select(file => (file.Path, file.DeferReason is null)),
            Is.EquivalentTo(new[] { ("a.csv", true), ("b.csv", false) }));
        await source.CompleteAsync([new CompletedFile(files.Single(file => file.Path == "a.csv"), null)], default);

        string[] archived = ScratchFolder.Archived(Inbox["archive"]);
        Assert.That(Inbox.Files().Where(path => !path.StartsWith("archive/", StringComparison.Ordinal)),
            Is.EqualTo(after == AfterCommit.Keep ? new[] { "a.csv", "a.csv.done", "b.csv" } : ["b.csv"]));
        Assert.That(archived, Is.EqualTo(after == AfterCommit.Archive ? new[] { "a.csv", "a.csv.done" } : []));
    }

    [TestCase("../a.csv")]
    [TestCase("sub/../../a.csv")]
    [TestCase("/etc/passwd")]
    [TestCase("..")]
    [TestCase("a\0.csv")]
    [TestCase("")]
    public void A_path_that_leaves_the_folder_is_refused(string path)
    {
        var file = new SourceFile(path, 1, Yesterday);
        IFileSource source = Source(new SourceSetup { AfterCommit = AfterCommit.Delete });

        Assert.ThrowsAsync<ArgumentException>(async () => (await source.OpenAsync(file, 10, default)).Dispose());
        Assert.ThrowsAsync<ArgumentException>(async () => await source.CompleteAsync([new CompletedFile(file, null)], default));
    }

    [Test]
    public void A_cancelled_listing_ends()
    {
        Put("a.csv", "x");

        Assert.CatchAsync<OperationCanceledException>(() => ListAsync(Source(), new CancellationToken(canceled: true)));
    }

    protected IFileSource Source(SourceSetup? setup = null)
    {
        IFileSource source = Create(setup ?? new SourceSetup());
        _sources.Add(source);
        return source;
    }

    protected void Put(string path, string content, DateTime? modifiedUtc = null) =>
        Put(path, Encoding.UTF8.GetBytes(content), modifiedUtc);

    protected void Put(string path, byte[] content, DateTime? modifiedUtc = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Inbox[path])!);
        File.WriteAllBytes(Inbox[path], content);
        File.SetLastWriteTimeUtc(Inbox[path], modifiedUtc ?? Yesterday);
    }

    protected static async Task<List<SourceFile>> ListAsync(IFileSource source, CancellationToken cancellationToken = default)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(cancellationToken)) files.Add(file);
        return files;
    }

    protected static async Task<byte[]> BytesAsync(FileContent content)
    {
        if (content.Stream is null) return content.Bytes.ToArray();
        var bytes = new MemoryStream();
        await content.Stream.CopyToAsync(bytes).WaitAsync(TimeSpan.FromMinutes(4));
        return bytes.ToArray();
    }

    private async Task RoundTripAsync(string name)
    {
        Put(name, "12345");
        IFileSource source = Source(new SourceSetup { AfterCommit = AfterCommit.Archive });
        SourceFile file = (await ListAsync(source)).Single();
        Assert.That(file, Is.EqualTo(new SourceFile(name, 5, Yesterday)));
        using (FileContent content = await source.OpenAsync(file, 100, default))
            Assert.That(content.Bytes.ToArray(), Is.EqualTo("12345"u8.ToArray()));

        await source.CompleteAsync([new CompletedFile(file, null)], default);
        Put(name, "other", Yesterday.AddSeconds(1));
        SourceFile bad = (await ListAsync(source)).Single();
        await source.CompleteAsync([new CompletedFile(bad, Broken)], default);
        Put(name, "third", Yesterday.AddSeconds(2));
        SourceFile again = (await ListAsync(source)).Single();
        await source.CompleteAsync([new CompletedFile(again, Broken)], default);

        Assert.That(File.ReadAllText(ScratchFolder.Archived(Inbox["archive"], name)), Is.EqualTo("12345"));
        Assert.That(File.ReadAllText(Inbox["quarantine/" + name]), Is.EqualTo("other"));
        Assert.That(Inbox.Files(), Has.Length.EqualTo(5));
    }

    private async Task CompleteAsync(AfterCommit after, Defect? defect, bool twice)
    {
        Put("sub/a.csv", "12345");
        IFileSource source = Source(new SourceSetup { Recursive = true, AfterCommit = after });
        SourceFile file = (await ListAsync(source)).Single();
        for (int i = 0; i < (twice ? 2 : 1); i++) await source.CompleteAsync([new CompletedFile(file, defect)], default);
    }
}
