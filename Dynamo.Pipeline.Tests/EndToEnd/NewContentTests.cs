using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A file that has the path, size and time of one that was imported and taken away, and other bytes: a logger with a clock that was set
/// back, or a copy with its old time. It must never be archived or deleted unread.
/// </summary>
[CancelAfter(120_000)]
internal sealed class NewContentTests
{
    private const string One = "L1,flow,2026-01-01T00:00:00Z,1", Two = "L1,flow,2026-01-01T00:00:00Z,2";
    private static readonly DateTime s_time = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    [Test]
    public async Task It_is_imported_and_both_contents_stay_in_the_archive(
        [Values(AfterCommit.Archive, AfterCommit.Delete)] AfterCommit after, [Values] bool streamed, CancellationToken token)
    {
        using ImportFolder import = Import(after, streamed);
        PipelineResult second = await FirstThenAsync(import, Two, token);
        PipelineResult third = await import.RunAsync(token);

        Assert.Multiple(() =>
        {
            Assert.That((second.Books.Loaded, second.Books.AlreadyLoaded, second.Books.RowsUpdated), Is.EqualTo((1, 0, 1)));
            Assert.That(third.Books.Listed, Is.Zero);
            Assert.That(import.Query("select Value from Reading"), Is.EqualTo(new[] { "2" }));
            Assert.That(import.Query("select Path || FileId || Outcome from ImportedFile"), Is.EqualTo(new[] { "a.csv1loaded" }));
            Assert.That(import.Query("select ContentHash from ImportedFile"), Is.EqualTo(new[]
            {
                $"{ContentHash.Of(Encoding.UTF8.GetBytes(ImportFolder.Header + Two + '\n'))}",
            }));
            string[] archived = after == AfterCommit.Archive
                ? [.. Directory.GetFiles(import["inbox/archive"], "*", SearchOption.AllDirectories)
                    .Select(path => File.ReadAllLines(path)[1]).Order()]
                : [];
            Assert.That(archived, Is.EqualTo(after == AfterCommit.Archive ? [One, Two] : Array.Empty<string>()));
            Assert.That(Directory.GetFiles(import.Inbox), Is.Empty);
        });
    }

    [Test]
    public async Task The_same_content_is_taken_away_as_before(
        [Values(AfterCommit.Archive, AfterCommit.Delete)] AfterCommit after, [Values] bool streamed, CancellationToken token)
    {
        using ImportFolder import = Import(after, streamed);
        PipelineResult second = await FirstThenAsync(import, One, token);

        Assert.That((second.Books.Loaded, second.Books.AlreadyLoaded), Is.EqualTo((0, 1)));
        string[] left = Directory.GetFiles(import.Inbox, "*.csv", SearchOption.AllDirectories);
        Assert.That(left, Has.Length.EqualTo(after == AfterCommit.Archive ? 1 : 0));
    }

    /// <summary>A source may stream small files too: then there is no hash, and the file is not taken for another one for ever.</summary>
    [Test]
    public async Task A_source_that_streams_whatever_it_is_asked_for_imports_a_file_once(CancellationToken token)
    {
        using ImportFolder import = Import(AfterCommit.Archive, streamed: false);
        Put(import, One);
        await import.RunAsync(token, source => new Streaming(source));
        Put(import, One);

        PipelineResult second = await import.RunAsync(token, source => new Streaming(source));

        Assert.That((second.Books.Loaded, second.Books.AlreadyLoaded), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task A_file_that_stays_is_known_by_its_path_size_and_time(CancellationToken token)
    {
        using ImportFolder import = Import(AfterCommit.Keep, streamed: false);
        Put(import, One);
        await import.RunAsync(token);
        Put(import, Two);

        Assert.That((await import.RunAsync(token, source => new Unopened(source))).Books.AlreadyLoaded, Is.EqualTo(1));
    }

    [Test]
    public async Task A_bad_file_that_is_good_now_is_imported(CancellationToken token)
    {
        using ImportFolder import = Import(AfterCommit.Archive, streamed: false);
        Put(import, One.Replace("flow", "flow\0", StringComparison.Ordinal)[..^1]);
        await import.RunAsync(token);
        Put(import, One);

        PipelineResult second = await import.RunAsync(token);

        Assert.That((second.Books.Loaded, second.Books.AlreadyQuarantined), Is.EqualTo((1, 0)));
        Assert.That(import.Query("select Outcome from ImportedFile"), Is.EqualTo(new[] { "loaded" }));
    }

    /// <summary>The second and all later ones of many files, some of which have new content, in one run with small batches.</summary>
    [Test]
    public async Task Any_mixture_of_old_and_new_contents_ends_with_the_new_ones(
        [Values(1, 2, 3)] int seed, [Values(1, 7)] int batchFiles, CancellationToken token)
    {
        const int Files = 60;
        var random = new Random(seed);
        using var import = new ImportFolder
        {
            Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive },
            Options = new PipelineOptions { BatchFiles = batchFiles, FilesPerMessage = 3, StreamAbove = seed == 3 ? 0 : 1 << 20 },
        };
        int[] values = new int[Files];
        for (int round = 1; round <= 3; round++)
        {
            for (int i = 0; i < Files; i++)
            {
                if (round > 1 && random.Next(3) == 0) continue;
                if (round == 1 || random.Next(2) == 0) values[i] = round;
                string path = Path.Join(import.Inbox, $"{i:00}.csv");
                await File.WriteAllTextAsync(path, $"{ImportFolder.Header}L{i:00},flow,2026-01-01T00:00:00Z,{values[i]}\n", token);
                File.SetLastWriteTimeUtc(path, s_time);
            }
            await import.RunAsync(token);
            Assert.That(
                import.Query("select cast(Value as integer) from Reading order by Logger"), Is.EqualTo(values.Select(value => $"{value}")));
            Assert.That(Directory.GetFiles(import.Inbox), Is.Empty);
        }
        Assert.That(import.Query("select count(*) || ' ' || count(distinct FileId) from ImportedFile"), Is.EqualTo(new[] { "60 60" }));
    }

    [Test]
    public async Task It_is_imported_into_SQL_Server_too([Values] bool streamed, [Values] bool babelfish, CancellationToken token)
    {
        using var folder = new ScratchFolder();
        await using var database = new SqlServerTestDatabase(babelfish: babelfish);
        var results = new List<PipelineResult>();
        foreach (string[] rows in new string[][] { [One], [Two], [Two], [] })
        {
            if (rows.Length > 0)
            {
                await File.WriteAllTextAsync(folder["a.csv"], ImportFolder.Header + rows[0] + '\n', token);
                File.SetLastWriteTimeUtc(folder["a.csv"], s_time);
            }
            await using var source = new FolderSource(folder.Path, new FolderSourceOptions { AfterCommit = AfterCommit.Archive });
            await using SqlServerSink<Reading> sink = database.NewSink();
            results.Add(await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default))
                .WriteTo(sink, new PipelineOptions { StreamAbove = streamed ? 0 : 1 << 20, Settings = "by a test" }).RunAsync(null, token));
        }

        Assert.Multiple(() =>
        {
            Assert.That(results.Select(r => r.Books.Listed), Is.EqualTo(new[] { 1, 1, 1, 0 }));
            Assert.That(results.Select(r => r.Books.Loaded), Is.EqualTo(new[] { 1, 1, 0, 0 }));
            Assert.That(database.Readings().Select(r => r.Value), Is.EqualTo(new[] { 2.0 }));
            Assert.That(database.Ledger().Count, Is.EqualTo(1));
            Assert.That(Directory.GetFiles(folder["archive"], "*", SearchOption.AllDirectories), Has.Length.EqualTo(2));
        });
    }

    private static ImportFolder Import(AfterCommit after, bool streamed) => new()
    {
        Folder = new FolderSourceOptions { AfterCommit = after },
        Options = new PipelineOptions { StreamAbove = streamed ? 0 : 1 << 20 },
    };

    private static async Task<PipelineResult> FirstThenAsync(ImportFolder import, string row, CancellationToken token)
    {
        Put(import, One);
        await import.RunAsync(token);
        Put(import, row);
        return await import.RunAsync(token);
    }

    private static void Put(ImportFolder import, string row) =>
        File.SetLastWriteTimeUtc(import.PutRows("a.csv", row), s_time);

    /// <summary>A source that opens files in a way of its own.</summary>
    private abstract class Opening(IFileSource source) : IFileSource
    {
        public string Name => source.Name;

        public bool TakesFiles => source.TakesFiles;

        protected IFileSource Source => source;

        public IAsyncEnumerable<SourceFile> ListAsync(CancellationToken cancellationToken) => source.ListAsync(cancellationToken);

        public abstract ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken);

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) =>
            source.CompleteAsync(files, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Unopened(IFileSource source) : Opening(source)
    {
        public override ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
            throw new AssertionException($"{file.Path} was opened");
    }

    private sealed class Streaming(IFileSource source) : Opening(source)
    {
        public override ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
            Source.OpenAsync(file, wholeUpTo: 0, cancellationToken);
    }
}

/// <summary>The hash against its specification's reference program.</summary>
internal sealed class ContentHashTests
{
    [TestCase("", 0xEF46DB3751D8E999UL)]
    [TestCase("a", 0xD24EC4F1A98C6E5BUL)]
    [TestCase("abc", 0x44BC2CF5AD770999UL)]
    [TestCase("Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1UL)]
    public void It_is_that_of_the_specification(string text, ulong expected) =>
        Assert.That((ulong)ContentHash.Of(Encoding.UTF8.GetBytes(text)), Is.EqualTo(expected));

    [Test]
    public void It_does_not_depend_on_the_portions([Range(0, 100, 7)] int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        for (int first = 0; first <= length; first++)
        {
            for (int second = first; second <= length; second += 5)
            {
                var hash = new ContentHash();
                hash.Append(bytes.AsSpan(0, first));
                hash.Append(bytes.AsSpan(first, second - first));
                hash.Append(bytes.AsSpan(second));
                Assert.That(hash.Value, Is.EqualTo(ContentHash.Of(bytes)), $"{first}, {second}");
            }
        }
    }
}
