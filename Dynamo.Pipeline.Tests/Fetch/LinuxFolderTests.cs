using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>What only Unix has: FIFOs, permissions, names that are no text, several file systems.</summary>
[CancelAfter(30_000)]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
public sealed class LinuxFolderTests
{
    private static readonly Defect Broken = new("broken");
    private static readonly DateTime Yesterday = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private ScratchFolder _inbox = null!;

    [SetUp]
    public void MakeInbox() => _inbox = new ScratchFolder();

    [TearDown]
    public void RemoveInbox() => _inbox.Dispose();

    [Test]
    public async Task A_fifo_is_deferred_and_does_not_block()
    {
        await External.RunAsync("mkfifo", _inbox["a.csv"]);

        SourceFile file = (await ListAsync(Source())).Single();

        Assert.That(file.DeferReason, Is.EqualTo("not a regular file"));
    }

    [Test]
    public async Task A_fifo_in_the_place_of_a_listed_file_does_not_block([Values(0, 1000)] int wholeUpTo)
    {
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        SourceFile file = (await ListAsync(Source())).Single();
        File.Delete(_inbox["a.csv"]);
        await External.RunAsync("mkfifo", _inbox["a.csv"]);

        Task<FileContent> opening = Task.Run(async () => await Source().OpenAsync(file, wholeUpTo, default));

        var error = Assert.ThrowsAsync<FileChangedException>(() => opening.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.That(error!.Message, Is.EqualTo("is no longer a regular file"));
    }

    [Test]
    public async Task A_time_beyond_the_calendar_is_its_last_one_and_the_file_is_dealt_with()
    {
        // The file systems of disks end some centuries from now.
        string folder = Path.Combine("/dev/shm", $"dynamo-tests-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "a.csv"), "12345");
            await External.RunAsync("touch", "-d", "@253402300900", Path.Combine(folder, "a.csv"));
            await using var source = new FolderSource(
                folder, new FolderSourceOptions { AfterCommit = AfterCommit.Archive, SettleTime = TimeSpan.Zero });

            SourceFile file = (await ListAsync(source)).Single();
            using (FileContent content = await source.OpenAsync(file, 10, default)) Assert.That(content.Bytes.Length, Is.EqualTo(5));
            await source.CompleteAsync([new CompletedFile(file, null)], default);

            Assert.That((file.DeferReason, file.ModifiedUtc.Year), Is.EqualTo(((string?)null, 9999)));
            Assert.That(Directory.GetFiles(Path.Combine(folder, "archive"), "a*", SearchOption.AllDirectories), Has.Length.EqualTo(1));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task A_name_that_is_not_utf8_is_deferred()
    {
        await External.RunAsync("sh", "-c", $"printf x > '{_inbox.Path}/'\"$(printf 'a\\377b.csv')\"");

        SourceFile file = (await ListAsync(Source())).Single();

        Assert.That(file.Path, Is.EqualTo("a\uFFFDb.csv"));
        Assert.That(file.DeferReason, Does.Contain("UTF-8"));
        // .NET cannot name it, and so not delete it either.
        await External.RunAsync("sh", "-c", $"rm '{_inbox.Path}'/a*");
    }

    [Test]
    public void Names_come_in_the_order_of_their_bytes_portion_by_portion([Values(1, 3, 9, 10, 100)] int portion)
    {
        string[] names = ["b.csv", "a.csv", "B.csv", "a b.csv", "\u00E9.csv", "\U0001F4A7.csv", "z\uFF21.csv", "a.csv.csv", "0.csv"];
        foreach (string name in names) File.WriteAllText(_inbox[name], "x");
        using var reader = new LinuxFolderReader(_inbox.Path, new FileSelection(new FolderSourceOptions()), portion);

        var found = new List<string>();
        while (reader.TryRead(out FolderEntry entry)) found.Add(entry.Name);

        Assert.That(found, Is.EquivalentTo(names));
        foreach (string[] chunk in found.Chunk(portion))
            Assert.That(chunk.Select(Bytes), Is.Ordered.Ascending.Using<string>(string.CompareOrdinal));
    }

    private static string Bytes(string name) => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(name));

    [TestCase(AfterCommit.Archive, false)]
    [TestCase(AfterCommit.Archive, true)]
    [TestCase(AfterCommit.Keep, true)]
    [TestCase(AfterCommit.Delete, true)]
    public async Task Moves_between_file_systems_keep_content_and_time(AfterCommit after, bool bad)
    {
        if (!Directory.Exists("/dev/shm")) External.Missing("there is no second file system at /dev/shm");
        using var elsewhere = new ScratchFolder("/dev/shm");
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        File.SetLastWriteTimeUtc(_inbox["a.csv"], Yesterday.AddTicks(1234567));
        FolderSource source = Source(after, elsewhere.Path);
        SourceFile file = (await ListAsync(source)).Single();

        await source.CompleteAsync([new CompletedFile(file, bad ? Broken : null)], default);

        string moved = bad ? elsewhere["quarantine/a.csv"] : ScratchFolder.Archived(elsewhere["archive"], "a.csv");
        Assert.That(await File.ReadAllTextAsync(moved), Is.EqualTo("12345"));
        Assert.That(File.GetLastWriteTimeUtc(moved), Is.EqualTo(file.ModifiedUtc));
        Assert.That(File.Exists(_inbox["a.csv"]), Is.EqualTo(after == AfterCommit.Keep));
        Assert.That(elsewhere.Files(), Has.Length.EqualTo(bad ? 2 : 1), "nothing temporary is left");
        if (!bad) return;
        Assert.That(new FolderQuarantine(source).ReturnAll().Single().Obstacle, Is.Null);
        Assert.That((await ListAsync(source)).Single(), Is.EqualTo(file));
    }

    /// <summary>A bad file of a terabyte, of which the disk has some bytes: copied byte for byte it would fill any disk.</summary>
    [Test, CancelAfter(60_000)]
    public async Task A_file_with_holes_keeps_them_on_another_file_system([Values(0, 1)] int bytesAtTheEnd)
    {
        if (!Directory.Exists("/dev/shm")) External.Missing("there is no second file system at /dev/shm");
        const long Terabyte = 1L << 40, Middle = Terabyte / 2 + 12_345;
        using var elsewhere = new ScratchFolder("/dev/shm");
        await using (FileStream sparse = File.Create(_inbox["a.csv"]))
        {
            await sparse.WriteAsync("begin"u8.ToArray());
            sparse.Position = Middle;
            await sparse.WriteAsync("middle"u8.ToArray());
            sparse.SetLength(Terabyte - bytesAtTheEnd);
            sparse.Position = sparse.Length;
            await sparse.WriteAsync(new byte[bytesAtTheEnd]);
        }
        File.SetLastWriteTimeUtc(_inbox["a.csv"], Yesterday);
        FolderSource source = Source(AfterCommit.Archive, elsewhere.Path);

        await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), Broken)], default);

        using FileStream copy = File.OpenRead(elsewhere["quarantine/a.csv"]);
        byte[] begin = new byte[6], middle = new byte[8];
        copy.ReadExactly(begin);
        copy.Position = Middle - 1;
        copy.ReadExactly(middle);
        Assert.Multiple(() =>
        {
            Assert.That(copy.Length, Is.EqualTo(Terabyte));
            Assert.That(begin, Is.EqualTo("begin\0"u8.ToArray()));
            Assert.That(middle, Is.EqualTo("\0middle\0"u8.ToArray()));
            Assert.That(_inbox.Files(), Is.Empty);
        });
    }

    [Test]
    public async Task A_link_archived_on_another_file_system_leaves_its_content_there()
    {
        if (!Directory.Exists("/dev/shm")) External.Missing("there is no second file system at /dev/shm");
        using var elsewhere = new ScratchFolder("/dev/shm");
        Directory.CreateDirectory(_inbox["below"]);
        await File.WriteAllTextAsync(_inbox["below/real.txt"], "12345");
        File.SetLastWriteTimeUtc(_inbox["below/real.txt"], Yesterday);
        File.CreateSymbolicLink(_inbox["a.csv"], "below/real.txt");
        FolderSource source = Source(AfterCommit.Archive, elsewhere.Path);

        await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), null)], default);

        Assert.That(await File.ReadAllTextAsync(ScratchFolder.Archived(elsewhere["archive"], "a.csv")), Is.EqualTo("12345"));
        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "below/real.txt" }), "the link went, what it led to is another's");
    }

    [Test]
    public async Task Without_permission_files_are_bad_folders_deferred_and_a_locked_inbox_is_the_sources_error()
    {
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        Directory.CreateDirectory(_inbox["locked"]);
        File.SetUnixFileMode(_inbox["a.csv"], UnixFileMode.None);
        File.SetUnixFileMode(_inbox["locked"], UnixFileMode.None);
        FolderSource source = Source(AfterCommit.Archive);

        await AsNobodyAsync(() =>
        {
            List<SourceFile> files = ListAsync(source).GetAwaiter().GetResult();
            Assert.That(files.Single(file => file.Path == "locked").DeferReason, Does.Contain("cannot be listed"));
            SourceFile unreadable = files.Single(file => file.Path == "a.csv");
            var bad = Assert.Throws<UnreadableFileException>(
                () => source.OpenAsync(unreadable, 10, default).AsTask().GetAwaiter().GetResult());
            Assert.That(bad!.Defect!.Remedy, Is.Not.Null);
            var error = Assert.Throws<SourceException>(
                () => source.CompleteAsync([new CompletedFile(unreadable, bad.Defect)], default).AsTask().GetAwaiter().GetResult());
            Assert.That(error!.Message, Does.Contain("permission"));
        });
        foreach (UnixFileMode mode in new[] { UnixFileMode.None, UnixFileMode.UserRead | UnixFileMode.OtherRead })
        {
            File.SetUnixFileMode(_inbox.Path, mode);
            await AsNobodyAsync(() => Assert.Throws<SourceException>(() => ListAsync(source).GetAwaiter().GetResult(), $"{mode}"));
        }
        File.SetUnixFileMode(_inbox.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.SetUnixFileMode(_inbox["locked"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Test]
    public async Task A_kept_file_that_cannot_be_read_leaves_its_reason_and_can_be_retried()
    {
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        File.SetUnixFileMode(_inbox["a.csv"], UnixFileMode.None);
        Directory.CreateDirectory(_inbox["quarantine"]);
        File.SetUnixFileMode(_inbox["quarantine"], (UnixFileMode)0x1FF);
        FolderSource source = Source();
        SourceFile file = (await ListAsync(source)).Single();

        await AsNobodyAsync(() => source.CompleteAsync([new CompletedFile(file, Broken)], default).AsTask().GetAwaiter().GetResult());

        QuarantinedFile quarantined = new FolderQuarantine(source).List().Single();
        Assert.That(quarantined.File, Is.EqualTo(file));
        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv", "quarantine/a.csv.reason.json" }));
        Assert.That(new FolderQuarantine(source).Return(quarantined).IsReturned, Is.True);
        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task Where_nothing_can_be_written_a_kept_bad_file_stays_and_the_run_goes_on()
    {
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        FolderSource source = Source();
        SourceFile file = (await ListAsync(source)).Single();

        await AsNobodyAsync(() => source.CompleteAsync([new CompletedFile(file, Broken)], default).AsTask().GetAwaiter().GetResult());

        Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task On_a_read_only_file_system_a_kept_bad_file_stays_and_the_run_goes_on()
    {
        await File.WriteAllTextAsync(_inbox["a.csv"], "12345");
        if (!Environment.IsPrivilegedProcess) External.Missing("only root can mount a file system");
        await External.RunAsync("mount", "--bind", "-o", "ro", _inbox.Path, _inbox.Path);
        try
        {
            FolderSource source = Source();
            SourceFile file = (await ListAsync(source)).Single();

            await source.CompleteAsync([new CompletedFile(file, Broken)], default);

            Assert.That(_inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
        }
        finally
        {
            await External.RunAsync("umount", _inbox.Path);
        }
    }

    private FolderSource Source(AfterCommit after = AfterCommit.Keep, string? elsewhere = null) => new(_inbox.Path, new FolderSourceOptions
    {
        AfterCommit = after,
        Recursive = true,
        SettleTime = TimeSpan.Zero,
        FollowLinks = true,
        ArchiveFolder = (elsewhere is null ? "" : elsewhere + "/") + "archive/{yyyy}/{MM}/{dd}",
        QuarantineFolder = elsewhere is null ? "quarantine" : elsewhere + "/quarantine",
    });

    private static async Task<List<SourceFile>> ListAsync(FolderSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }

    /// <summary>Runs on a thread whose file accesses are those of another user, who may look into the inbox.</summary>
    private async Task AsNobodyAsync(Action action)
    {
        if (Environment.IsPrivilegedProcess && (File.GetUnixFileMode(_inbox.Path) & UnixFileMode.UserRead) != 0)
            File.SetUnixFileMode(_inbox.Path, File.GetUnixFileMode(_inbox.Path) | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        await FileUser.RunAsync(65534, () =>
        {
            action();
            return Task.CompletedTask;
        }).WaitAsync(TimeSpan.FromSeconds(30));
    }
}
