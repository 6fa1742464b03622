using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

/// <summary>Which files of an archive are removed, of a folder and of a server.</summary>
[TestFixture("folder")]
[TestFixture("portable")]
[TestFixture("sftp")]
[CancelAfter(60_000)]
internal sealed class ArchiveRetentionTests(string kind)
{
    private const string Day = "archive/2025/01/31/";

    private static readonly DateTime s_modified = new(2025, 1, 30, 12, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime s_february = new(2025, 2, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly List<IFileSource> _sources = [];
    private readonly Dictionary<SourceFile, FileOutcome> _ledger = [];
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeInbox()
    {
        _folder = new ScratchFolder();
        Directory.CreateDirectory(_folder["inbox/archive"]);
    }

    [TearDown]
    public async Task RemoveInbox()
    {
        foreach (IFileSource source in _sources) await source.DisposeAsync();
        _sources.Clear();
        _ledger.Clear();
        _folder.Dispose();
    }

    [Test]
    public async Task Old_days_go_with_their_folders_and_what_the_ledger_does_not_have_as_loaded_stays(CancellationToken token)
    {
        Put(Day + "a.csv", "a.csv");
        Put(Day + "a.20250130T120000.0000000Z-2.csv", "a.csv", content: "another");
        Put(Day + "sub/b.csv", "sub/b.csv");
        Put("archive/2025/01/30/c.csv", "c.csv");
        Put(Day + "unknown.csv", null);
        Put(Day + "bad.csv", "bad.csv", FileOutcome.Quarantined);
        Put("archive/2025/02/01/young.csv", "young.csv");
        IArchive archive = Archive();
        string[] before = _folder.Files();

        Pruned would = await archive.PruneAsync(Retention(s_february) with { DryRun = true }, token);
        Assert.That(_folder.Files(), Is.EqualTo(before));
        Pruned did = await archive.PruneAsync(Retention(s_february), token);

        Assert.Multiple(() =>
        {
            Assert.That(would, Is.EqualTo(did));
            Assert.That(did, Is.EqualTo(new Pruned(4, s_modified, 22)));
            Assert.That(Left(), Is.EqualTo(new[] { Day + "bad.csv", Day + "unknown.csv", "archive/2025/02/01/young.csv" }));
            Assert.That(Directory.Exists(_folder["inbox/archive/2025/01/30"]), Is.False);
            Assert.That(Directory.Exists(_folder["inbox/" + Day + "sub"]), Is.False);
        });
    }

    [Test]
    public async Task Empty_folders_of_past_months_and_years_go_but_never_the_root(CancellationToken token)
    {
        Put("archive/2024/12/31/a.csv", "a.csv");
        Directory.CreateDirectory(_folder["inbox/archive/2023/01/01"]);
        Directory.CreateDirectory(_folder["inbox/archive/2025/02/01"]);
        IArchive archive = Archive();

        await archive.PruneAsync(Retention(s_february), token);

        Assert.That(Directory.GetDirectories(_folder["inbox/archive"]), Is.EqualTo(new[] { _folder["inbox/archive/2025"] }));
        Assert.That(Directory.Exists(_folder["inbox/archive/2025/02/01"]), "a run may be about to put a file there");
        Directory.Delete(_folder["inbox/archive/2025"], recursive: true);
        await archive.PruneAsync(Retention(s_february), token);
        Assert.That(Directory.Exists(_folder["inbox/archive"]));
    }

    [Test]
    public async Task In_an_archive_without_days_files_go_by_the_time_of_their_last_change(
        [Values("archive", "archive/{yyyy}/{MM}/{dd}")] string setting, CancellationToken token)
    {
        Put("archive/old.csv", "old.csv");
        Put("archive/sub/old.csv", "sub/old.csv");
        Put("archive/young.csv", "young.csv", modified: s_february.AddDays(1));

        Pruned pruned = await Archive(setting).PruneAsync(Retention(s_february), token);

        Assert.That((pruned.Count, pruned.OldestUtc), Is.EqualTo((2, s_modified)));
        Assert.That(Left(), Is.EqualTo(new[] { "archive/young.csv" }));
    }

    [Test]
    public async Task Links_the_quarantine_and_the_source_are_no_part_of_the_archive(CancellationToken token)
    {
        Put("archive/2025/01/29/quarantine/q.csv", "quarantine/q.csv");
        File.WriteAllText(_folder["victim"], "kept");
        Directory.CreateDirectory(_folder["other/31"]);
        File.WriteAllText(_folder["other/31/b.csv"], "kept");
        File.SetLastWriteTimeUtc(_folder["other/31/b.csv"], s_modified);
        _ledger[new SourceFile("b.csv", 4, s_modified)] = FileOutcome.Loaded;
        Directory.CreateDirectory(_folder["inbox/archive/2025/01/28"]);
        File.CreateSymbolicLink(_folder["inbox/archive/2025/01/28/a.csv"], _folder["victim"]);
        Directory.CreateSymbolicLink(_folder["inbox/archive/2024"], _folder["other"]);
        Directory.CreateSymbolicLink(_folder["inbox/archive/2025/01/31"], _folder["other/31"]);

        Pruned pruned = await Archive(quarantine: "archive/2025/01/29/quarantine").PruneAsync(Retention(s_february), token);

        Assert.That(pruned.Count, Is.Zero);
        Assert.That(_folder.Files(), Does.Contain("victim").And.Contain("other/31/b.csv").And.Contain("inbox/archive/2025/01/28/a.csv")
            .And.Contain("inbox/archive/2025/01/29/quarantine/q.csv"));
    }

    [Test]
    public async Task A_done_marker_goes_with_its_file(CancellationToken token)
    {
        Put(Day + "a.csv", "a.csv");
        Put(Day + "a.csv.done", null);

        await Archive(marker: ".done").PruneAsync(Retention(s_february), token);

        Assert.That(Left(), Is.Empty);
        Assert.That(Directory.Exists(_folder["inbox/" + Day]), Is.False);
    }

    [Test]
    public async Task An_archive_that_is_a_link_is_refused_and_one_that_is_missing_is_empty(CancellationToken token)
    {
        Directory.Delete(_folder["inbox/archive"]);
        Assert.That(await Archive().PruneAsync(Retention(s_february), token), Is.EqualTo(Pruned.Nothing));
        Directory.CreateDirectory(_folder["victim"]);
        Directory.CreateSymbolicLink(_folder["inbox/archive"], _folder["victim"]);

        var error = Assert.CatchAsync<SourceException>(() => Archive().PruneAsync(Retention(s_february), token));

        Assert.That(error!.Message, Does.Contain("symbolic link"));
    }

    [Test, Platform("Linux")]
    public async Task A_strangers_folder_is_left_alone(CancellationToken token)
    {
        if (kind != "folder") Assert.Ignore("only the disk of Linux tells who owns a folder");
        Put(Day + "a.csv", "a.csv");
        await Stranger.OwnAsync(_folder["inbox/" + Day]);

        Pruned pruned = await Archive().PruneAsync(Retention(s_february), token);

        Assert.That((pruned.Count, Left().Length), Is.EqualTo((0, 1)));
    }

    private string[] Left() => [.. _folder.Files().Select(path => path["inbox/".Length..]).Order(StringComparer.Ordinal)];

    private ArchiveRetention Retention(DateTime before) => new(before, (files, _) => Task.FromResult<LedgerEntry?[]>(
        [.. files.Select(file => _ledger.TryGetValue(file, out FileOutcome outcome) ? new LedgerEntry(outcome, null) : null)]));

    private IArchive Archive(string setting = "archive/{yyyy}/{MM}/{dd}", string quarantine = "quarantine", string? marker = null)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        if (kind == "sftp")
        {
            var server = new SftpSource(new SftpSourceOptions
            {
                Host = "pipe", Path = _folder["inbox"], AfterCommit = AfterCommit.Archive, Recursive = true, SettleTime = TimeSpan.Zero,
                ArchiveFolder = setting, QuarantineFolder = quarantine, DoneMarker = marker, TimeProvider = clock,
            }, () => new SftpServerTransport());
            _sources.Add(server);
            return new SftpArchive(server);
        }
        return new FolderArchive(new FolderSource(
            _folder["inbox"],
            new FolderSourceOptions
            {
                AfterCommit = AfterCommit.Archive, Recursive = true, SettleTime = TimeSpan.Zero,
                ArchiveFolder = setting, QuarantineFolder = quarantine, DoneMarker = marker, TimeProvider = clock,
            },
            root => kind == "portable" ? new PortableDisk(root) : FolderDisk.For(root)));
    }

    private void Put(
        string path, string? inLedger, FileOutcome outcome = FileOutcome.Loaded, string content = "12345", DateTime? modified = null)
    {
        string full = _folder["inbox/" + path];
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
        File.SetLastWriteTimeUtc(full, modified ?? s_modified);
        if (inLedger is not null) _ledger[new SourceFile(inLedger, content.Length, modified ?? s_modified)] = outcome;
    }
}
