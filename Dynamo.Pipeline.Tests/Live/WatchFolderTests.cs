using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>A watch of a real folder: what lands is loaded at once, and nothing depends on anybody telling.</summary>
[CancelAfter(180_000)]
public sealed class WatchFolderTests
{
    private static readonly Func<FolderSourceOptions, FolderSourceOptions> s_never = o => o with { SettleTime = TimeSpan.FromHours(1) };

    [Test]
    public async Task What_is_renamed_in_is_loaded_at_once_and_what_was_there_before_when_it_has_settled()
    {
        await using var watched = new Watched();
        watched.Land(3);
        await watched.StartAsync(folder: o => o with { SettleTime = TimeSpan.FromMilliseconds(200) });
        await watched.UntilReadingsAsync(3);
        watched.Land(5);
        await watched.UntilReadingsAsync(8);

        PipelineResult result = await watched.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(result.WasCancelled, Is.False, "stopped is how a watch ends");
            Assert.That(result.Books, Has.Property("Listed").EqualTo(8).And.Property("Loaded").EqualTo(8));
            Assert.That(Directory.GetFiles(watched.Inbox), Is.Empty);
            Assert.That(Directory.GetFiles(Path.Join(watched.Inbox, "archive")), Has.Length.EqualTo(8));
            Assert.That(watched.Scalar<string>("SELECT group_concat(Outcome || ' ' || Loaded) FROM ImportRun"), Is.EqualTo("completed 8"));
            Assert.That(watched.Events.OfType<WaveCommitted>().Sum(wave => wave.Books.Loaded), Is.EqualTo(8));
        });
    }

    [Test]
    public async Task What_is_written_in_place_is_loaded_when_its_writer_closes_it_however_long_it_pauses()
    {
        await using var watched = new Watched();
        var source = new SweptSource(
            new FolderSource(watched.Inbox, new FolderSourceOptions { SettleTime = TimeSpan.FromMilliseconds(1) }));
        watched.Start(Watched.Sweeps, source: source);
        await watched.UntilAsync(() => source.Sweeps > 0, "swept");
        (string name, string text) = watched.Next();
        await using (var writer = new StreamWriter(Path.Join(watched.Inbox, name)))
        {
            await writer.WriteAsync(text[..^5]);
            await writer.FlushAsync();
            int swept = source.Sweeps;
            await watched.UntilAsync(() => source.Sweeps > swept + 5, "swept while it is open");
            Assert.That(watched.Readings(), Is.Zero);
            await writer.WriteAsync(text[^5..]);
        }
        await watched.UntilReadingsAsync(1);

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(1).And.Property("RowsRejected").EqualTo(0));
    }

    [Test]
    public async Task What_is_resumed_after_it_was_cut_off_is_loaded_again_with_all_its_rows()
    {
        await using var watched = new Watched();
        await watched.StartAsync(folder: o => s_never(o) with { AfterCommit = AfterCommit.Keep });
        string path = Path.Join(watched.Inbox, "slow.csv");
        await File.WriteAllTextAsync(
            path, "logger,channel,timestamp,value\nA,p,2025-01-01T00:00:00Z,1\nA,p,2025-01-01T00:01:00Z,2\nA,p,2025-0");
        await watched.UntilReadingsAsync(2);
        await File.AppendAllTextAsync(path, "1-01T00:02:00Z,3\n");
        await watched.UntilReadingsAsync(3);

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(2).And.Property("RowsUnchanged").EqualTo(2));
    }

    [Test]
    public async Task Folders_that_come_later_are_watched_with_all_that_is_in_them()
    {
        await using var watched = new Watched();
        await watched.StartAsync(folder: o => o with { Recursive = true, SettleTime = TimeSpan.FromMilliseconds(50) });
        Directory.CreateDirectory(Path.Join(watched.Inbox, "north", "deep"));
        watched.Land(2, "north/deep");
        await watched.UntilReadingsAsync(2);
        watched.Land(2, "north/deep");
        watched.Land(1, "north");
        await watched.UntilReadingsAsync(5);
        await watched.StopAsync();
    }

    [Test]
    public async Task A_file_with_a_done_marker_is_loaded_when_the_marker_lands()
    {
        await using var watched = new Watched();
        await watched.StartAsync(folder: o => s_never(o) with { DoneMarker = ".done", AfterCommit = AfterCommit.Keep });
        watched.Land(2);
        string first = Directory.GetFiles(watched.Inbox).Order(StringComparer.Ordinal).First();
        await File.WriteAllTextAsync(first + ".done", "");
        await watched.UntilReadingsAsync(1);
        PipelineResult result = await watched.StopAsync();
        Assert.That(result.Books.Listed, Is.EqualTo(1));
    }

    [Test]
    public async Task When_more_lands_than_the_system_can_tell_every_file_is_loaded()
    {
        const string limit = "/proc/sys/fs/inotify/max_queued_events";
        if (!LinuxDisk.IsSupported || !Environment.IsPrivilegedProcess) Assert.Ignore("needs inotify and root");
        await using var watched = new Watched();
        string before = await File.ReadAllTextAsync(limit);
        try
        {
            // The queue gets its length when it is made.
            await File.WriteAllTextAsync(limit, "16");
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            Assert.Ignore($"{limit} cannot be set: {error.Message}");
        }
        try
        {
            await watched.StartAsync(folder: o => o with { SettleTime = TimeSpan.FromMilliseconds(50) });
        }
        finally
        {
            await File.WriteAllTextAsync(limit, before);
        }
        int files = SoakAttribute.Rounds(3_000, 27_000, 27_000);
        watched.Land(files);
        await watched.UntilReadingsAsync(files);
        PipelineResult result = await watched.StopAsync();
        Assert.That(result.Books, Has.Property("Loaded").EqualTo(files));
    }

    [Test]
    public async Task Without_anybody_who_tells_sweeps_find_everything()
    {
        await using var watched = new Watched();
        watched.Start(
            new WatchOptions { Poll = TimeSpan.FromMilliseconds(20) },
            source: new SweptSource(
                new FolderSource(watched.Inbox, new FolderSourceOptions { SettleTime = TimeSpan.Zero }), isTold: false));
        for (int i = 1; i <= 10; i++)
        {
            watched.Land(20);
            await watched.UntilReadingsAsync(i * 20);
        }
        PipelineResult result = await watched.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(result.Books, Has.Property("Loaded").EqualTo(200).And.Property("AlreadyLoaded").EqualTo(0));
            Assert.That(((WatchStarted)watched.Events[0]).IsTold, Is.False);
        });
    }

    [Test]
    public async Task A_folder_that_goes_away_and_comes_back_is_an_outage_and_nothing_is_lost()
    {
        await using var watched = new Watched();
        await watched.StartAsync(folder: o => o with { SettleTime = TimeSpan.FromMilliseconds(10) });
        watched.Land(10);
        await watched.UntilReadingsAsync(10);
        string archive = Path.Join(watched.Inbox, "archive"), away = watched.Inbox + "-away";
        await watched.UntilAsync(
            () => Directory.Exists(archive) && Directory.GetFiles(archive, "*", SearchOption.AllDirectories).Length == 10, "archived");
        Directory.Move(watched.Inbox, away);
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
        File.WriteAllText(Path.Join(away, "meanwhile.csv"), watched.Next().Text);
        Directory.Move(away, watched.Inbox);
        await watched.UntilReadingsAsync(11);
        watched.Land(10);
        await watched.UntilReadingsAsync(21);

        PipelineResult result = await watched.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(watched.Events.OfType<OutageBegan>().Single().Reason, Does.Contain("does not exist"));
            Assert.That(watched.Events.OfType<OutageEnded>().Single().Name, Is.EqualTo("folder:" + watched.Inbox));
            Assert.That(result.Books, Has.Property("Loaded").EqualTo(21));
        });
    }

    [Test]
    public async Task A_folder_that_is_not_there_yet_is_waited_for()
    {
        await using var watched = new Watched();
        Directory.Delete(watched.Inbox);
        watched.Start(folder: o => o with { SettleTime = TimeSpan.FromMilliseconds(10) });
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
        Directory.CreateDirectory(watched.Inbox);
        watched.Land(2);
        await watched.UntilReadingsAsync(2);
        await watched.StopAsync();
    }

    [Test]
    public async Task A_database_that_another_locks_is_an_outage_and_what_lands_meanwhile_is_loaded_after_it()
    {
        await using var watched = new Watched();
        watched.Start(sqlite: new SqliteSinkOptions { BusyTimeout = TimeSpan.FromMilliseconds(100) });
        watched.Land(1);
        await watched.UntilReadingsAsync(1);
        using (var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={watched.Database};Pooling=False"))
        {
            await other.OpenAsync();
            using Microsoft.Data.Sqlite.SqliteTransaction locked = other.BeginTransaction();
            watched.Land(50);
            await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "an outage");
            watched.Land(50);
        }
        await watched.UntilReadingsAsync(101);
        await watched.UntilAsync(() => watched.Events.OfType<OutageEnded>().Any(), "its end");

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(101));
        Assert.That(result.Retries, Is.Positive);
    }

    [Test]
    public async Task A_database_that_is_replaced_while_it_is_open_ends_it_so_that_its_next_start_opens_the_new_one()
    {
        await using var watched = new Watched();
        await watched.StartAsync();
        watched.Land(1);
        await watched.UntilReadingsAsync(1);
        File.Move(watched.Database, watched.Database + ".old");
        await File.WriteAllTextAsync(watched.Database, "");
        watched.Land(1);
        Assert.That(
            async () => await watched.UntilAsync(() => false, "an end"),
            Throws.TypeOf<SinkException>().With.Message.Contains("was deleted or replaced"));
        Assert.That(Directory.GetFiles(watched.Inbox), Has.Length.EqualTo(1), "not loaded, not archived");
    }

    [Test]
    public async Task One_file_that_cannot_be_taken_away_keeps_no_other_at_the_source()
    {
        await using var watched = new Watched();
        Directory.CreateDirectory(Path.Join(watched.Inbox, "a"));
        Directory.CreateDirectory(Path.Join(watched.Inbox, "b"));
        Directory.CreateDirectory(Path.Join(watched.Inbox, "archive"));
        // Where the files of the first folder would go, there is a file.
        await File.WriteAllTextAsync(Path.Join(watched.Inbox, "archive", "a"), "");
        watched.Land(3, "a");
        watched.Land(3, "b");
        watched.Start(folder: o => o with { Recursive = true, SettleTime = TimeSpan.Zero });
        await watched.UntilAsync(() => Directory.GetFiles(Path.Join(watched.Inbox, "b")).Length == 0, "the others are archived");
        await watched.UntilAsync(() => watched.Events.OfType<OutageBegan>().Any(), "it is told");
        File.Delete(Path.Join(watched.Inbox, "archive", "a"));
        await watched.UntilAsync(() => Directory.GetFiles(Path.Join(watched.Inbox, "a")).Length == 0, "all are archived");
        await watched.UntilAsync(() => watched.Events.OfType<OutageEnded>().Any(), "its end is told");

        PipelineResult result = await watched.StopAsync();

        Assert.That(result.Books, Has.Property("Loaded").EqualTo(6));
    }

    [Test]
    public async Task The_row_of_the_run_follows_the_commits_and_tells_how_far_a_killed_watch_came()
    {
        await using var watched = new Watched();
        await watched.StartAsync();
        watched.Land(7);
        await watched.UntilAsync(
            () => watched.Readings() == 7 && watched.Scalar<string>("SELECT Outcome || ' ' || Loaded FROM ImportRun") == "running 7",
            "the books in the row");
        string? alive = watched.Scalar<string?>("SELECT EndedUtc FROM ImportRun");
        await watched.StopAsync();
        Assert.That(DateTime.Parse(alive!, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal), Is.EqualTo(DateTime.UtcNow)
            .Within(TimeSpan.FromMinutes(5)));
    }

    [Test]
    public async Task A_file_that_was_archived_and_is_delivered_again_unchanged_is_taken_away_again_and_not_loaded_twice()
    {
        await using var watched = new Watched();
        await watched.StartAsync();
        (string name, string text) = watched.Next();
        for (int i = 0; i < 3; i++)
        {
            string upload = watched.Inbox + "-upload";
            await File.WriteAllTextAsync(upload, text);
            File.SetLastWriteTimeUtc(upload, new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            File.Move(upload, Path.Join(watched.Inbox, name));
            await watched.UntilAsync(() => watched.Readings() == 1 && Directory.GetFiles(watched.Inbox).Length == 0, "taken away");
        }
        PipelineResult result = await watched.StopAsync();
        Assert.That(result.Books, Has.Property("Loaded").EqualTo(1).And.Property("AlreadyLoaded").EqualTo(2));
    }

    /// <summary>Counts sweeps, and may keep to itself what lands.</summary>
    private sealed class SweptSource(FolderSource folder, bool isTold = true) : IFileSource
    {
        private int _sweeps;

        public int Sweeps => Volatile.Read(ref _sweeps);

        public string Name => folder.Name;

        public bool TakesFiles => folder.TakesFiles;

        public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => folder.ListAsync(cancellationToken);

        public IArrivals? Listen(Action landed) => isTold ? folder.Listen(landed) : null;

        public async IAsyncEnumerable<SourceFile> SweepAsync(
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (SourceFile file in folder.SweepAsync(cancellationToken)) yield return file;
            Interlocked.Increment(ref _sweeps);
        }

        public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
            folder.OpenAsync(file, wholeUpTo, cancellationToken);

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) =>
            folder.CompleteAsync(files, cancellationToken);

        public ValueTask DisposeAsync() => folder.DisposeAsync();
    }
}
