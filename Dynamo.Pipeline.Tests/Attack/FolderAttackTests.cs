using System.Diagnostics;
using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// An inbox that strangers write to, and an importer with more rights than they have. What is tried here: to make the importer write, move
/// or show what the stranger cannot.
/// </summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
internal sealed class FolderAttackTests
{
    private static readonly DateTime s_yesterday = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Defect s_broken = new("the value is not a number") { Line = 2, RawText = "L1,flow,x" };

    private ScratchFolder _folder = null!;

    [SetUp]
    public async Task MakeInbox()
    {
        Stranger.Require();
        _folder = new ScratchFolder();
        Directory.CreateDirectory(_folder["inbox"]);
        Directory.CreateDirectory(_folder["victim"]);
        await Stranger.OwnAsync(_folder["inbox"]);
    }

    [TearDown]
    public void RemoveInbox() => _folder?.Dispose();

    [Test]
    public async Task A_planted_link_is_not_written_through([Values] AfterCommit after)
    {
        await File.WriteAllTextAsync(_folder["victim/keys"], "the administrator's");
        await PutAsync("a.csv");
        await Stranger.RunAsync(_folder["inbox"], $"""
            mkdir quarantine
            for name in a.csv a.csv.reason.json; do
              ln -s '{_folder["victim/keys"]}' "quarantine/.$(printf %s $name | sha256sum | cut -c1-16).tmp"
              ln -s '{_folder["victim/keys"]}' "quarantine/$name"
            done
            """);

        Assert.CatchAsync<SourceException>(() => CompleteAsync(Source(after), s_broken));

        Assert.That(await File.ReadAllTextAsync(_folder["victim/keys"]), Is.EqualTo("the administrator's"));
    }

    [Test]
    public async Task An_archive_or_quarantine_that_is_a_link_is_refused_by_name([Values("archive", "quarantine")] string folder)
    {
        await PutAsync("a.csv");
        await Stranger.RunAsync(_folder["inbox"], $"ln -s '{_folder["victim"]}' {folder}");

        var error = Assert.CatchAsync<SourceException>(
            () => CompleteAsync(Source(AfterCommit.Archive), folder == "archive" ? null : s_broken));

        Assert.That(error!.Message, Does.Contain(_folder["inbox/" + folder]).And.Contains("symbolic link"));
        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
    }

    [Test]
    public async Task An_archive_or_quarantine_of_a_stranger_is_refused_by_name([Values("archive", "quarantine")] string folder)
    {
        await PutAsync("a.csv");
        await Stranger.RunAsync(_folder["inbox"], $"mkdir {folder}");

        var error = Assert.CatchAsync<SourceException>(
            () => CompleteAsync(Source(AfterCommit.Archive), folder == "archive" ? null : s_broken));

        Assert.That(error!.Message, Does.Contain(_folder["inbox/" + folder]).And.Contains("belongs to"));
        Assert.That(File.Exists(_folder["inbox/a.csv"]));
    }

    [Test]
    public async Task A_folder_of_the_archive_that_became_a_link_is_not_followed()
    {
        await PutAsync("sub/a.csv");
        await CompleteAsync(Source(AfterCommit.Archive), null);
        await PutAsync("sub/b.csv");
        string sub = Path.GetDirectoryName(ScratchFolder.Archived(_folder["inbox/archive"], "sub/a.csv"))!;
        await External.RunAsync("rm", "-r", sub);
        File.CreateSymbolicLink(sub, _folder["victim"]);

        Assert.CatchAsync<SourceException>(() => CompleteAsync(Source(AfterCommit.Archive), null));

        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
    }

    [Test]
    public async Task An_archive_swapped_for_a_link_again_and_again_leads_nothing_out()
    {
        const int Files = 200;
        for (int i = 0; i < Files; i++) await PutAsync($"{i:d3}.csv");
        using Process swapping = Stranger.Start(_folder["inbox"], $"""
            while [ ! -e stop ]; do
              mv -T archive kept 2>/dev/null && ln -s '{_folder["victim"]}' archive && rm archive && mv -T kept archive
            done
            """);
        try
        {
            for (int tries = 0; Directory.GetFiles(_folder["inbox"], "*.csv").Length > 0; tries++)
            {
                Assert.That(tries, Is.LessThan(1000), "the files are never archived");
                try
                {
                    FolderSource source = Source(AfterCommit.Archive);
                    foreach (SourceFile file in await ListAsync(source))
                        await source.CompleteAsync([new CompletedFile(file, null)], default);
                }
                catch (SourceException)
                {
                    // Refused in the moment in which it is a link.
                }
            }
        }
        finally
        {
            await File.WriteAllTextAsync(_folder["inbox/stop"], "");
            await swapping.WaitForExitAsync();
        }

        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
        Assert.That(_folder.Files().Count(file => file.EndsWith(".csv", StringComparison.Ordinal)), Is.EqualTo(Files));
    }

    [Test]
    public async Task A_planted_reason_brings_nothing_out_of_the_source()
    {
        await PutAsync("a.csv");
        FolderSource source = Source(AfterCommit.Archive);
        await CompleteAsync(source, s_broken);
        await External.RunAsync("chmod", "777", _folder["inbox/quarantine"]);
        await Stranger.RunAsync(_folder["inbox"], $$"""
            ln -s '{{_folder["victim"]}}' out
            echo evil > quarantine/e
            printf '{"file":"e","source":"{{source.Name}}","path":"out/e","size":5,"modified":"2026-01-01T00:00:00Z",
              "quarantinedAt":"2026-01-01T00:00:00Z","problem":"none"}' > quarantine/e.reason.json
            """);

        Assert.That(() => { new FolderQuarantine(source).ReturnAll(); }, Throws.Nothing.Or.InstanceOf<SourceException>());

        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
        Assert.That(File.Exists(_folder["inbox/a.csv"]), "the others are returned");
    }

    [Test]
    public async Task A_folder_of_the_source_that_became_a_link_brings_nothing_out_of_it()
    {
        await PutAsync("sub/a.csv");
        FolderSource source = Source(AfterCommit.Archive);
        await CompleteAsync(source, s_broken);
        await Stranger.RunAsync(_folder["inbox"], $"rm -r sub && ln -s '{_folder["victim"]}' sub");

        QuarantineReturn returned = new FolderQuarantine(source).ReturnAll().Single();

        Assert.That(returned.Obstacle, Does.Contain("symbolic link"));
        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
    }

    [Test]
    public async Task A_fifo_named_like_a_reason_hangs_nothing()
    {
        await PutAsync("a.csv");
        FolderSource source = Source(AfterCommit.Archive);
        await CompleteAsync(source, s_broken);
        await External.RunAsync("mkfifo", _folder["inbox/quarantine/b.csv.reason.json"]);

        Task<IReadOnlyList<QuarantinedFile>> listing = Task.Run(() => new FolderQuarantine(source).List());

        if (await Task.WhenAny(listing, Task.Delay(TimeSpan.FromSeconds(10))) != listing)
        {
            // Sets the waiting thread free.
            await File.WriteAllTextAsync(_folder["inbox/quarantine/b.csv.reason.json"], "");
            Assert.Fail("the listing hangs");
        }
        Assert.That((await listing).Select(file => file.File.Path), Does.Contain("a.csv"));
    }

    [Test]
    public async Task A_link_in_the_inbox_publishes_nothing([Values] AfterCommit after)
    {
        await File.WriteAllTextAsync(_folder["victim/secret"], "root:secret");
        File.SetUnixFileMode(_folder["victim/secret"], UnixFileMode.UserRead);
        await Stranger.RunAsync(_folder["inbox"], $"ln -s '{_folder["victim/secret"]}' a.csv");

        SourceFile file = (await ListAsync(Source(after))).Single();

        Assert.That(file.DeferReason, Does.Contain("symbolic link"));
        Assert.ThrowsAsync<FileChangedException>(
            async () => (await Source(after).OpenAsync(file with { Size = 11 }, 100, default)).Dispose());
    }

    [Test]
    public async Task A_file_or_folder_that_became_a_link_after_the_listing_is_not_followed([Values("a.csv", "sub/a.csv")] string path)
    {
        await PutAsync(path);
        await File.WriteAllTextAsync(_folder["victim/a.csv"], "12345");
        File.SetLastWriteTimeUtc(_folder["victim/a.csv"], s_yesterday);
        FolderSource source = Source(AfterCommit.Keep);
        SourceFile file = (await ListAsync(source)).Single();
        await Stranger.RunAsync(_folder["inbox"], path == "a.csv"
            ? $"rm a.csv && ln -s '{_folder["victim/a.csv"]}' a.csv"
            : $"rm -r sub && ln -s '{_folder["victim"]}' sub");

        Assert.ThrowsAsync<FileChangedException>(async () => (await source.OpenAsync(file, 100, default)).Dispose());
        await source.CompleteAsync([new CompletedFile(file, s_broken)], default);

        Assert.That(_folder.Files().Where(found => found.StartsWith("inbox/quarantine", StringComparison.Ordinal)), Is.Empty);
    }

    [TestCase("600")]
    [TestCase("640")]
    [TestCase("4755")]
    public async Task A_copy_and_its_reason_are_for_nobody_who_could_not_read_the_file(string mode)
    {
        await PutAsync("a.csv");
        await External.RunAsync("chown", "65534:65534", _folder["inbox/a.csv"]);
        await External.RunAsync("chmod", mode, _folder["inbox/a.csv"]);
        UnixFileMode original = File.GetUnixFileMode(_folder["inbox/a.csv"]) & (UnixFileMode)0x1FF;

        await CompleteAsync(Source(AfterCommit.Keep), s_broken);

        Assert.That(File.GetUnixFileMode(_folder["inbox/quarantine/a.csv"]), Is.EqualTo(original));
        UnixFileMode reason = File.GetUnixFileMode(_folder["inbox/quarantine/a.csv.reason.json"]);
        Assert.That(reason & ~original, Is.EqualTo((UnixFileMode)0), $"{reason} is more than {original}");
    }

    [Test]
    public async Task An_archive_without_rights_ends_the_run_and_does_not_spin()
    {
        await PutAsync("a.csv");
        Directory.CreateDirectory(_folder["inbox/archive"]);
        File.SetUnixFileMode(_folder["inbox/archive"], UnixFileMode.None);
        SourceFile file = (await ListAsync(Source(AfterCommit.Archive))).Single();
        Task completing = AsStrangerAsync(
            () => Source(AfterCommit.Archive).CompleteAsync([new CompletedFile(file, null)], default).AsTask());

        Assert.CatchAsync<SourceException>(() => completing.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Test]
    public async Task An_archive_that_is_a_link_to_itself_ends_the_run_and_does_not_spin()
    {
        await PutAsync("a.csv");
        await Stranger.RunAsync(_folder["inbox"], "ln -s archive archive");
        Task completing = Task.Run(() => CompleteAsync(Source(AfterCommit.Archive), null));

        Assert.CatchAsync<SourceException>(() => completing.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Test]
    public async Task A_stranger_s_folder_under_the_name_of_ours_is_left_alone()
    {
        await Stranger.RunAsync(_folder["inbox"], $"name={FileNames.NewClaims()}; mkdir $name && echo 12345 > $name/a.csv");

        Assert.That(await ListAsync(Source(AfterCommit.Archive)), Is.Empty);
        Assert.That(_folder.Files().Single(), Does.EndWith("/a.csv").And.Contains(".dynamo-claimed-"));
    }

    private FolderSource Source(AfterCommit after) => new(
        _folder["inbox"], new FolderSourceOptions { AfterCommit = after, Recursive = true, SettleTime = TimeSpan.Zero });

    private async Task PutAsync(string path)
    {
        string full = _folder["inbox/" + path], folder = Path.GetDirectoryName(full)!;
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            await Stranger.OwnAsync(folder);
        }
        await File.WriteAllTextAsync(full, "12345");
        File.SetLastWriteTimeUtc(full, s_yesterday);
    }

    private static async Task CompleteAsync(FolderSource source, Defect? defect) =>
        await source.CompleteAsync([.. (await ListAsync(source)).Select(file => new CompletedFile(file, defect))], default);

    private static async Task<List<SourceFile>> ListAsync(FolderSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }

    private static Task AsStrangerAsync(Func<Task> action) => FileUser.RunAsync(65534, action);
}
