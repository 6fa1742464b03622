using FsCheck.Fluent;
using FsCheck;

namespace Dynamo.Pipeline.Tests;

/// <summary>The folder by this system's fastest calls, and by .NET's own, which other systems use.</summary>
[TestFixture(false)]
[TestFixture(true)]
public sealed class FolderSourceTests(bool portable) : FileSourceContract
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    protected override IFileSource Create(SourceSetup setup) => Folder(new FolderSourceOptions
    {
        Pattern = setup.Pattern,
        Recursive = setup.Recursive,
        DoneMarker = setup.DoneMarker,
        AfterCommit = setup.AfterCommit,
        SettleTime = TimeSpan.Zero,
    });

    private FolderSource Folder(FolderSourceOptions options) =>
        new(Inbox.Path, options, root => portable ? new PortableDisk(root) : FolderDisk.For(root));

    [Test]
    public void The_name_is_the_full_path() => Assert.That(Folder(new FolderSourceOptions()).Name, Is.EqualTo("folder:" + Inbox.Path));

    [Test]
    public void Bad_options_are_refused_by_name()
    {
        Assert.That(
            () => new FolderSourceOptions { Pattern = " ;" }, Throws.ArgumentException.With.Property("ParamName").EqualTo("Pattern"));
        Assert.That(() => new FolderSourceOptions { Pattern = "in/*.csv" }, Throws.ArgumentException.With.Message.Contains("Recursive"));
        Assert.That(
            () => new FolderSourceOptions { DoneMarker = "" }, Throws.ArgumentException.With.Property("ParamName").EqualTo("DoneMarker"));
        Assert.That(
            () => new FolderSourceOptions { SettleTime = TimeSpan.FromSeconds(-1) },
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("SettleTime"));
        Assert.That(
            () => new FolderSourceOptions { AfterCommit = (AfterCommit)9 },
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("AfterCommit"));
        Assert.That(
            () => Folder(new FolderSourceOptions { ArchiveFolder = "." }), Throws.ArgumentException.With.Message.Contains("ArchiveFolder"));
        Assert.That(() => new FolderSource("", "*.csv"), Throws.ArgumentException);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_young_file_is_offered_last_once_it_has_kept_still(CancellationToken token)
    {
        var clock = new WatchedTime(Yesterday);
        Put("young.csv", "x", Yesterday.AddSeconds(-1));
        Put("old.csv", "x", Yesterday.AddSeconds(-2));
        await using IAsyncEnumerator<SourceFile> listing = Listing(clock);

        Assert.That(await listing.MoveNextAsync(), Is.True);
        Assert.That(listing.Current.Path, Is.EqualTo("old.csv"));
        Task<bool> next = listing.MoveNextAsync().AsTask();
        await clock.SomebodyWaitsAsync(Settle, token);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.That(await next.WaitAsync(token), Is.True);
        Assert.That(listing.Current, Is.EqualTo(new SourceFile("young.csv", 1, Yesterday.AddSeconds(-1))));
        Assert.That(await listing.MoveNextAsync(), Is.False);
    }

    [TestCase(-1)]
    [TestCase(3600, Description = "A time in the future is another clock's")]
    [CancelAfter(60_000)]
    public async Task A_file_that_still_changes_is_deferred_and_one_that_vanishes_is_not_listed(int age, CancellationToken token)
    {
        var clock = new WatchedTime(Yesterday);
        foreach (string name in (string[])["grows.csv", "still.csv", "goes.csv"]) Put(name, "x", Yesterday.AddSeconds(age));
        await using IAsyncEnumerator<SourceFile> listing = Listing(clock);
        Task<bool> next = listing.MoveNextAsync().AsTask();
        await clock.SomebodyWaitsAsync(Settle, token);
        Put("grows.csv", "xx", Yesterday.AddSeconds(age));
        File.Delete(Inbox["goes.csv"]);
        clock.Advance(Settle);

        var found = new Dictionary<string, string?>();
        for (; await next.WaitAsync(token); next = listing.MoveNextAsync().AsTask())
            found.Add(listing.Current.Path, listing.Current.DeferReason);
        Assert.That(found, Is.EquivalentTo(new Dictionary<string, string?> { ["grows.csv"] = "still changing", ["still.csv"] = null }));
    }

    [Test]
    public async Task A_folder_removed_under_the_listing_is_the_sources_error()
    {
        Put("a.csv", "x");
        await using IAsyncEnumerator<SourceFile> listing = Listing(TimeProvider.System);
        await listing.MoveNextAsync();
        SourceFile file = listing.Current;
        string elsewhere = Inbox.Path + "-moved";
        Directory.Move(Inbox.Path, elsewhere);
        try
        {
            Assert.ThrowsAsync<SourceException>(async () => { while (await listing.MoveNextAsync()) { } });
            Assert.ThrowsAsync<SourceException>(async () => (await Source().OpenAsync(file, 10, default)).Dispose());
        }
        finally
        {
            Directory.Move(elsewhere, Inbox.Path);
        }
    }

    [Test]
    public async Task A_marker_older_than_its_file_does_not_count()
    {
        Put("a.csv", "x", Yesterday.AddSeconds(5));
        Put("a.csv.done", "");

        SourceFile file = (await ListAsync(Source(new SourceSetup { DoneMarker = ".done" }))).Single();

        Assert.That(file.DeferReason, Is.EqualTo("a.csv.done is older than the file"));
    }

    [Test]
    public async Task The_listed_time_is_that_of_dotnet_to_the_tick([Values(-1, 0, 1234567)] long ticks)
    {
        Put("a.csv", "x", DateTime.UnixEpoch.AddTicks(ticks));

        Assert.That((await ListAsync(Source())).Single().ModifiedUtc, Is.EqualTo(File.GetLastWriteTimeUtc(Inbox["a.csv"])));
    }

    [Test]
    public async Task Links_are_not_followed_unless_that_is_set()
    {
        Put("a.csv", "12345");
        File.CreateSymbolicLink(Inbox["link.csv"], Inbox["a.csv"]);
        File.CreateSymbolicLink(Inbox["dangling.csv"], Inbox["none"]);

        List<SourceFile> files = await ListAsync(Source());

        Assert.That(files.Where(file => file.DeferReason is null).Select(file => file.Path), Is.EqualTo(new[] { "a.csv" }));
        Assert.That(files.Where(file => file.DeferReason is not null).Select(file => file.DeferReason), Has.All.Contains("symbolic link"));
        Assert.ThrowsAsync<FileChangedException>(
            async () => (await Source().OpenAsync(new SourceFile("link.csv", 5, Yesterday), 10, default)).Dispose());
    }

    [Test]
    public async Task Links_that_lead_out_of_the_source_are_never_followed()
    {
        using var outside = new ScratchFolder();
        await File.WriteAllTextAsync(outside["secret"], "12345");
        File.CreateSymbolicLink(Inbox["a.csv"], outside["secret"]);
        FolderSource source = Folder(new FolderSourceOptions { SettleTime = TimeSpan.Zero, FollowLinks = true });

        SourceFile file = (await ListAsync(source)).Single();

        Assert.That(file.DeferReason, Does.Contain("leads out"));
        Assert.ThrowsAsync<FileChangedException>(async () => (await source.OpenAsync(file, 10, default)).Dispose());
    }

    [Test]
    public async Task Links_to_files_are_files_where_that_is_set_and_links_to_folders_are_not_followed()
    {
        Put("a.csv", "12345");
        Directory.CreateDirectory(Inbox["sub"]);
        File.CreateSymbolicLink(Inbox["link.csv"], Inbox["a.csv"]);
        File.CreateSymbolicLink(Inbox["dangling.csv"], Inbox["none"]);
        File.CreateSymbolicLink(Inbox["loop.csv"], Inbox["loop.csv"]);
        Directory.CreateSymbolicLink(Inbox["sub/up"], Inbox.Path);
        Directory.CreateSymbolicLink(Inbox["up.csv"], Inbox.Path);
        FolderSource source = Folder(new FolderSourceOptions { Recursive = true, SettleTime = TimeSpan.Zero, FollowLinks = true });

        Dictionary<string, SourceFile> files = (await ListAsync(source)).ToDictionary(file => file.Path);

        Assert.That(files.Keys, Is.EquivalentTo(new[] { "a.csv", "link.csv", "dangling.csv", "loop.csv" }));
        Assert.That(files["link.csv"], Is.EqualTo(new SourceFile("link.csv", 5, Yesterday)));
        Assert.That(files["dangling.csv"].DeferReason, Does.Contain("nowhere"));
        Assert.That(files["loop.csv"].DeferReason, Does.Contain("circle"));
        using FileContent content = await source.OpenAsync(files["link.csv"], 10, default);
        Assert.That(content.Bytes.Length, Is.EqualTo(5));
    }

    [Test]
    public async Task An_archive_named_through_a_link_is_not_listed_again([Values] bool linkInTheSource)
    {
        Directory.CreateDirectory(Inbox["real/inbox"]);
        Directory.CreateSymbolicLink(Inbox["link"], Inbox["real"]);
        Put("real/inbox/a.csv", "12345");
        string one = Inbox["real/inbox"], other = Inbox["link/inbox"];
        var options = new FolderSourceOptions
        {
            Recursive = true,
            SettleTime = TimeSpan.Zero,
            AfterCommit = AfterCommit.Archive,
            ArchiveFolder = (linkInTheSource ? one : other) + "/old",
            QuarantineFolder = (linkInTheSource ? one : other) + "/bad",
        };
        await using var source = new FolderSource(linkInTheSource ? other : one, options);

        await source.CompleteAsync([.. (await ListAsync(source)).Select(file => new CompletedFile(file, null))], default);

        Assert.That(Inbox.Files(), Does.Contain("real/inbox/old/a.csv"));
        Assert.That(await ListAsync(source), Is.Empty);
        Assert.That(
            () => new FolderSource(other, options with { ArchiveFolder = one }),
            Throws.ArgumentException.With.Message.Contains("three different folders"));
    }

    [Test]
    public void Any_set_of_files_is_listed_exactly_once_and_read_back()
    {
        Gen<string> name = Gen.Elements(
            "a", "B", "ü", " ", "'", "\n", "水", "🚰", "-", "x.y", "~").NonEmptyListOf().Select(parts => string.Concat(parts.Take(12)));
        Arbitrary<Dictionary<string, byte[]>> inbox = name.Zip(ArbMap.Default.GeneratorFor<byte[]>()).ListOf()
            .Select(files => files.GroupBy(file => file.Item1.ToUpperInvariant())
                .ToDictionary(group => group.First().Item1 + ".csv", group => group.First().Item2 ?? [])).ToArbitrary();

        Prop.ForAll(inbox, files => AreListedAndReadAsync(files).GetAwaiter().GetResult()).QuickCheckThrowOnFailure();
    }

    private async Task<bool> AreListedAndReadAsync(Dictionary<string, byte[]> files)
    {
        foreach (string old in Inbox.Files()) File.Delete(Inbox[old]);
        foreach ((string path, byte[] content) in files) Put(path, content);
        IFileSource source = Source();
        List<SourceFile> listed = await ListAsync(source);
        if (!listed.Select(file => file.Path).Order().SequenceEqual(files.Keys.Order())) return false;
        foreach (SourceFile file in listed)
        {
            using FileContent content = await source.OpenAsync(file, file.Size % 2 == 0 ? 1000 : 0, default);
            if (!(await BytesAsync(content)).SequenceEqual(files[file.Path])) return false;
        }
        return true;
    }

    private IAsyncEnumerator<SourceFile> Listing(TimeProvider clock) =>
        Folder(new FolderSourceOptions { TimeProvider = clock, SettleTime = Settle }).ListAsync(default).GetAsyncEnumerator();
}
