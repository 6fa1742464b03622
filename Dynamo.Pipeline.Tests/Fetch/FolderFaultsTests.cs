namespace Dynamo.Pipeline.Tests;

/// <summary>A bad file is data, a broken system is an error.</summary>
public sealed class FolderFaultsTests
{
    private const int TooManyOpenFiles = 24, InputOutput = 5;

    private static readonly SourceFile File = new("a.csv", 5, DateTime.UnixEpoch);

    [Test]
    public void A_file_without_permission_is_bad_if_others_are_given() =>
        Assert.That(
            Opening(new UnauthorizedAccessException()),
            Is.TypeOf<UnreadableFileException>().With.Property(nameof(UnreadableFileException.Defect)).Not.Null);

    [Test]
    public void A_missing_file_in_a_folder_that_is_there_vanished() =>
        Assert.That(Opening(new FileNotFoundException()), Is.TypeOf<FileChangedException>());

    [Test]
    public void A_missing_file_in_a_missing_folder_is_the_sources_error() =>
        Assert.That(
            Opening(new FileNotFoundException(), Path.Join(Path.GetTempPath(), Guid.NewGuid().ToString())), Is.TypeOf<SourceException>());

    [Test]
    public void A_failing_disk_condemns_no_file() =>
        Assert.That(
            Opening(new IOException("Input/output error", InputOutput)),
            Is.TypeOf<UnreadableFileException>().With.Message.Contains("a.csv"));

    [Test, Platform("Linux")]
    public async Task A_disk_that_fails_at_the_second_look_is_the_sources_error()
    {
        using var inbox = new ScratchFolder();
        await System.IO.File.WriteAllTextAsync(inbox["a.csv"], "12345");
        var options = new FolderSourceOptions { SettleTime = TimeSpan.FromMilliseconds(1) };
        System.IO.File.SetLastWriteTimeUtc(inbox["a.csv"], DateTime.UtcNow.AddMinutes(1));
        await using var source = new FolderSource(inbox.Path, options, root => new StaleDisk(root));

        Assert.That(async () => await source.ListAsync(default).ToListAsync(),
            Throws.TypeOf<SourceException>().With.Message.Contains("Stale file handle"));
    }

    [Test]
    public void Too_many_open_files_are_the_sources_error_with_the_way_out() =>
        Assert.That(
            Opening(new IOException("Too many open files", TooManyOpenFiles)),
            Is.TypeOf<SourceException>().With.Message.Contains("ulimit -n"));

    [Test, Platform("Linux")]
    public async Task A_folder_that_goes_away_while_its_files_are_archived_is_not_made_anew()
    {
        using var work = new ScratchFolder();
        string inbox = Directory.CreateDirectory(work["inbox"]).FullName;
        await System.IO.File.WriteAllTextAsync(work["inbox/a.csv"], "12345");
        var options = new FolderSourceOptions { SettleTime = TimeSpan.Zero, AfterCommit = AfterCommit.Archive };
        VanishingDisk? disk = null;
        await using var source = new FolderSource(inbox, options, root => disk = new VanishingDisk(root));
        SourceFile file = (await source.ListAsync(default).ToListAsync()).Single();
        disk!.Vanishes = true;

        await source.CompleteAsync([new CompletedFile(file, null)], default);

        Assert.That(Directory.Exists(inbox), Is.False, "what is mounted there again would hide it, and a watch would take it for an inbox");
        Assert.That(work.Files().Single(), Does.StartWith("inbox-away/archive/").And.EndsWith("/a.csv"));
    }

    private static Exception Opening(Exception error, string? root = null) =>
        FolderFaults.Opening(new FolderPlace(root ?? Path.GetTempPath(), new FolderSourceOptions()), File, error);

    /// <summary>A folder that is moved away as soon as somebody works in it.</summary>
    private sealed class VanishingDisk(string root) : LinuxDisk(root)
    {
        private readonly string _root = root;

        public bool Vanishes { get; set; }

        public override HeldFolder Hold(string path)
        {
            HeldFolder held = base.Hold(path);
            if (Vanishes && path == _root && Directory.Exists(_root)) Directory.Move(_root, _root + "-away");
            return held;
        }
    }

    /// <summary>A network share whose handles are stale once its folder is read.</summary>
    private sealed class StaleDisk(string root) : LinuxDisk(root)
    {
        public override FileStat Stat(string path) => throw new IOException("Stale file handle", 116);
    }
}
