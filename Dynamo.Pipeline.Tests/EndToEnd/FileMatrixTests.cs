using System.Runtime.Versioning;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Each way in which a file of the folder can be odd, through the whole pipeline: the verdict, the books, and that the run goes on.
/// </summary>
[TestFixture, CancelAfter(60_000)]
internal sealed class FileMatrixTests
{
    private const string Row = "L1,flow,2026-01-01T00:00:00Z,1.5";

    [Test]
    public async Task A_file_that_vanishes_between_list_and_open_is_deferred([Values] bool streamed, CancellationToken token)
    {
        using var import = new ImportFolder { Options = Streaming(streamed) };
        string path = import.PutRows("gone.csv", Row);
        import.PutRows("good.csv", Row);

        PipelineResult result = await import.RunAsync(token, source => new Meddler(source, opened: file =>
        {
            if (file.Path == "gone.csv") File.Delete(path);
        }));

        AssertDeferred(result, "gone.csv", "vanished");
        Assert.That(import.Query("select Path from ImportedFile"), Is.EqualTo(new[] { "good.csv" }));
    }

    [Test]
    public async Task A_file_that_grows_after_it_was_listed_is_deferred_and_loaded_whole_by_the_next_run(
        [Values] bool streamed, CancellationToken token)
    {
        using var import = new ImportFolder
        {
            Options = Streaming(streamed),
            Folder = new FolderSourceOptions { SettleTime = TimeSpan.Zero },
        };
        string path = import.PutRows("grows.csv", Row);
        import.PutRows("good.csv", Row);

        PipelineResult result = await import.RunAsync(token, source => new Meddler(source, opened: file =>
        {
            if (file.Path == "grows.csv") File.AppendAllText(path, "L2,flow,2026-01-01T00:00:00Z,2\n");
        }));

        AssertDeferred(result, "grows.csv", "grew from");
        Assert.That(import.Query("select Logger from Reading"), Is.EqualTo(new[] { "L1" }), "nothing of it was loaded");
        Assert.That(
            (await import.RunAsync(token)).Books,
            Has.Property("Loaded").EqualTo(1).And.Property("RowsInserted").EqualTo(1).And.Property("RowsUnchanged").EqualTo(1));
    }

    [Test]
    public async Task A_large_file_that_grows_while_the_sink_pulls_its_rows_leaves_nothing(CancellationToken token)
    {
        using var import = new ImportFolder { Options = Streaming(true), Folder = new FolderSourceOptions { SettleTime = TimeSpan.Zero } };
        string path = import.PutRows("large.csv", [.. Enumerable.Range(0, 20_000).Select(i => $"L{i},flow,2026-01-01T00:00:00Z,{i}")]);

        PipelineResult result = await import.RunAsync(token, source => new Meddler(source, streaming: read =>
        {
            if (read == 1) File.AppendAllText(path, Row + '\n');
        }));

        AssertDeferred(result, "large.csv", "grew from");
        Assert.That(import.Query("select Logger from Reading union all select Path from ImportedFile"), Is.Empty);
    }

    [Test]
    public async Task A_folder_named_like_a_file_is_no_file(CancellationToken token)
    {
        using var import = new ImportFolder();
        Directory.CreateDirectory(Path.Join(import.Inbox, "folder.csv"));
        import.PutRows("good.csv", Row);

        Assert.That((await import.RunAsync(token)).Books, Has.Property("Listed").EqualTo(1).And.Property("Loaded").EqualTo(1));
    }

    [Test, Platform("Linux")]
    public async Task A_fifo_does_not_block_and_is_named(CancellationToken token)
    {
        using var import = new ImportFolder();
        await External.RunAsync("mkfifo", Path.Join(import.Inbox, "pipe.csv"));
        import.PutRows("good.csv", Row);

        AssertDeferred(await import.RunAsync(token), "pipe.csv", "not a regular file");
    }

    [Test, Platform("Linux,MacOsX")]
    public async Task A_symbolic_link_loop_and_a_dangling_link_are_named(CancellationToken token)
    {
        using var import = new ImportFolder { Folder = new FolderSourceOptions { Recursive = true, FollowLinks = true } };
        File.CreateSymbolicLink(Path.Join(import.Inbox, "loop.csv"), "loop.csv");
        import.PutRows("good.csv", Row);
        Directory.CreateSymbolicLink(Path.Join(import.Inbox, "self"), ".");

        AssertDeferred(await import.RunAsync(token), "loop.csv", "circle");

        File.Delete(Path.Join(import.Inbox, "loop.csv"));
        File.CreateSymbolicLink(Path.Join(import.Inbox, "dangling.csv"), "nowhere.csv");
        PipelineResult second = await import.RunAsync(token);
        Assert.That(second.Notable.Single().Defect!.Problem, Does.Contain("nowhere"));
    }

    [Test, Platform("Linux"), SupportedOSPlatform("linux")]
    public async Task A_file_a_user_may_not_read_is_quarantined_by_the_real_process(CancellationToken token)
    {
        if (!Environment.IsPrivilegedProcess) External.Missing("only root can run the import as another user");
        using var import = new ImportFolder();
        import.PutRows("good.csv", Row);
        File.SetUnixFileMode(import.PutRows("secret.csv", Row), UnixFileMode.None);
        foreach (string folder in new[] { import[""], import.Inbox }) File.SetUnixFileMode(folder, (UnixFileMode)0x1FF);

        (int code, string output) = await AsNobody.RunAsync(
            ["run", "--source", import.Inbox, "--sink", $"sqlite:{import.Database}", "--json"], token);

        Assert.That(code, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain("the file cannot be read: no permission"));
        Assert.That(import.Reason("secret.csv").GetProperty("remedy").GetString(), Does.Contain("read the file"));
        Assert.That(
            import.Query("select Path || ' ' || Outcome from ImportedFile order by 1"),
            Is.EqualTo(new[] { "good.csv loaded", "secret.csv quarantined" }));
    }

    private static IEnumerable<string> Names()
    {
        yield return "with space.csv";
        yield return "it's \"quoted\".csv";
        yield return "new\nline.csv";
        yield return "grün-水-🚰.csv";
        yield return "-rf;drop table Reading--.csv";
        yield return new string('x', 251) + ".csv";
        yield return new string('ü', 125) + "a.csv";
    }

    [TestCaseSource(nameof(Names)), Platform("Linux")]
    public async Task Any_name_goes_through_quarantine_ledger_and_retry(string name, CancellationToken token)
    {
        using var import = new ImportFolder { Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive } };
        byte[] bad = Encoding.UTF8.GetBytes("no header\n" + Row);
        import.Put(name, bad);
        string[] place = ["--source", import.Inbox, "--sink", $"sqlite:{import.Database}"];

        Assert.That((await import.RunAsync(token)).Books.Quarantined, Is.EqualTo(1));
        Assert.That(import.Query("select Path from ImportedFile where Outcome = 'quarantined'"), Is.EqualTo(new[] { name }));
        Assert.That(Directory.GetFiles(import["inbox/quarantine"]), Has.Length.EqualTo(2));

        DynamoResult retry = await DynamoProcess.RunAsync(["retry", .. place, "--json", "--", name], cancellationToken: token);
        Assert.That(retry.ExitCode, Is.Zero, retry.StandardError + retry.StandardOutput);
        Assert.That(DynamoFolder.Json(retry).GetProperty("files")[0].GetProperty("file").GetString(), Is.EqualTo(name));
        Assert.That(await File.ReadAllBytesAsync(Path.Join(import.Inbox, name), token), Is.EqualTo(bad));
        Assert.That(Directory.GetFiles(import["inbox/quarantine"]), Is.Empty);

        import.PutRows(name, Row);
        Assert.That((await import.RunAsync(token)).Books.Loaded, Is.EqualTo(1));
        Assert.That(import.Query("select Path || ' ' || Outcome from ImportedFile"), Is.EqualTo(new[] { name + " loaded" }));
        Assert.That(File.Exists(ScratchFolder.Archived(Path.Join(import.Inbox, "archive"), name)));
    }

    [Test]
    public async Task The_same_reading_twice_in_a_file_and_across_files_follows_the_policy(
        [Values] DuplicatePolicy policy, CancellationToken token)
    {
        using var import = new ImportFolder { Sink = new SqliteSinkOptions { Duplicates = policy } };
        import.PutRows("a.csv", "L1,flow,2026-01-01T00:00:00Z,1", "L1,flow,2026-01-01T00:00:00Z,2", "L2,flow,2026-01-01T00:00:00Z,7");
        import.PutRows("b.csv", "L1,flow,2026-01-01T00:00:00Z,3", "L3,flow,2026-01-01T00:00:00Z,7");

        RunBooks first = (await import.RunAsync(token)).Books;

        string kept = policy == DuplicatePolicy.LastWins ? "3.0" : "1.0";
        Assert.That(import.Query("select Value || '' from Reading where Logger = 'L1'"), Is.EqualTo(new[] { kept }));
        Assert.That((first.RowsInserted, first.RowsUpdated, first.RowsUnchanged, first.RowsRejected), Is.EqualTo(policy switch
        {
            DuplicatePolicy.LastWins => (3L, 2L, 0L, 0L),
            DuplicatePolicy.FirstWins => (3L, 0L, 2L, 0L),
            _ => (3L, 0L, 0L, 2L),
        }));
        if (policy != DuplicatePolicy.Reject) return;
        Assert.That(
            import.Query("select Path || ' ' || Line || ' ' || Problem || ' ' || Expected from RejectedRow order by 1"), Is.EqualTo(new[]
        {
            "a.csv 3 a row with the same key is there already a new key", "b.csv 2 a row with the same key is there already a new key",
        }));
    }

    [Test]
    public async Task A_file_delivered_again_follows_its_size_and_time(CancellationToken token)
    {
        using var import = new ImportFolder();
        string path = import.PutRows("a.csv", "L1,flow,2026-01-01T00:00:00Z,1");
        await import.RunAsync(token);
        File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddSeconds(7));

        Assert.That(
            (await import.RunAsync(token)).Books, Has.Property("Loaded").EqualTo(1).And.Property("RowsUnchanged").EqualTo(1),
            "the same bytes at another time");
        Assert.That(
            (await import.RunAsync(token)).Books, Has.Property("AlreadyLoaded").EqualTo(1).And.Property("RowsRead").EqualTo(0),
            "nothing changed");
    }

    private static PipelineOptions Streaming(bool streamed) => new() { StreamAbove = streamed ? 0 : 1 << 20 };

    private static void AssertDeferred(PipelineResult result, string name, string reason)
    {
        Assert.That(result.Books.Deferred, Is.EqualTo(1));
        Assert.That(result.Books.Quarantined, Is.Zero);
        FileResult deferred = result.Notable.Single();
        Assert.That(deferred, Has.Property("Outcome").EqualTo(FileOutcome.Deferred).And.Property("File").Property("Path").EqualTo(name));
        Assert.That(deferred.Defect!.Problem, Does.Contain(reason));
    }

    /// <summary>Does something to a file at a moment no test could hit from outside.</summary>
    private sealed class Meddler(IFileSource source, Action<SourceFile>? opened = null, Action<int>? streaming = null) : IFileSource
    {
        public string Name => source.Name;

        public int OpensInFlight => source.OpensInFlight;

        public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => source.ListAsync(cancellationToken);

        public async ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
        {
            opened?.Invoke(file);
            FileContent content = await source.OpenAsync(file, wholeUpTo, cancellationToken);
            return streaming is null ? content : new FileContent(new CountedStream(content.Stream!, streaming));
        }

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) =>
            source.CompleteAsync(files, cancellationToken);

        public ValueTask DisposeAsync() => source.DisposeAsync();
    }
}
