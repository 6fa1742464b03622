namespace Dynamo.Pipeline.Tests;

/// <summary>Files go back to the source while the ledger still has them: a kill in between loses nothing.</summary>
[CancelAfter(60_000)]
internal sealed class ReturningTests
{
    private static readonly DateTime s_time = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Test]
    public async Task What_is_imported_again_is_back_before_the_ledger_changes_and_what_could_not_come_back_is_left_as_it_is(
        CancellationToken token)
    {
        var done = new List<string>();
        var ledger = new TellingLineage(done);
        DeliveredFile[] again = [Delivered(1, "a.csv"), Delivered(2, "b.csv"), Delivered(3, "c.csv", source: "folder:/other")];

        (_, IReadOnlyList<Returned> returned) = await Returning.UndoAsync(
            ledger, ReadingTable.Default, new UndoneFiles("folder:/inbox"), again, BringBackAsync, token);

        Assert.That(done, Is.EqualTo(new[] { "back a.csv", "back b.csv", "undone, again 1" }));
        Assert.That(returned.Select(file => file.Obstacle), Is.EqualTo(new[] { null, "gone", "it is of another source, folder:/other" }));

        async ValueTask<string?> BringBackAsync(DeliveredFile file, CancellationToken cancellationToken)
        {
            lock (done) done.Add($"back {file.File.Path}");
            await Task.Yield();
            return file.File.Path == "b.csv" ? "gone" : null;
        }
    }

    [Test]
    public async Task A_file_from_quarantine_is_back_before_the_ledger_forgets_it(CancellationToken token)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["inbox"]);
        await File.WriteAllTextAsync(folder["inbox/bad.csv"], "no,such,header\n1,2,3\n", token);
        File.SetLastWriteTimeUtc(folder["inbox/bad.csv"], s_time);
        var source = new FolderSource(folder["inbox"], new FolderSourceOptions { AfterCommit = AfterCommit.Archive });
        await using (var sink = new SqliteSink<Reading>(folder["readings.db"], ReadingTable.Default))
            await FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink)
                .RunAsync(cancellationToken: token);
        var ledger = new SqliteLedger(folder["readings.db"]);
        var entries = new List<long>();
        var quarantine = new WatchedQuarantine(
            new FolderQuarantine(source), async () => entries.Add(await ledger.CountQuarantinedAsync(null, token)));

        IReadOnlyList<Retried> retried = await Returning.RetryAsync(source.Name, quarantine, ledger, all => [.. all], token);

        Assert.That((retried.Single().Path, retried.Single().Obstacle), Is.EqualTo(("bad.csv", (string?)null)));
        Assert.That(entries, Is.EqualTo(new[] { 1L }), "the entry is there when the file is back");
        Assert.That(await ledger.CountQuarantinedAsync(null, token), Is.Zero);
        Assert.That(File.Exists(folder["inbox/bad.csv"]));
    }

    private static DeliveredFile Delivered(long id, string path, string source = "folder:/inbox") =>
        new(id, source, new SourceFile(path, 1, s_time), "loaded", 1, s_time, 1, null, null);

    private sealed class WatchedQuarantine(IQuarantine inner, Func<Task> returned) : IQuarantine
    {
        public ValueTask<IReadOnlyList<QuarantinedFile>> ListAsync(CancellationToken cancellationToken = default) =>
            inner.ListAsync(cancellationToken);

        public async ValueTask<QuarantineReturn> ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken = default)
        {
            QuarantineReturn result = await inner.ReturnAsync(file, cancellationToken);
            await returned();
            return result;
        }
    }

    private sealed class TellingLineage(List<string> done) : ILineage
    {
        public Task<Undone> UndoAsync<TRow>(
            RowMap<TRow> map, UndoneFiles files, IReadOnlyCollection<long> again, CancellationToken cancellationToken = default)
        {
            done.Add($"undone, again {string.Join(' ', again)}");
            return Task.FromResult(new Undone([], 0, 0, []));
        }

        public Task<IReadOnlyList<TracedRow>> TraceAsync<TRow>(
            RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task<IReadOnlyList<DeliveredFile>> OlderAsync(long fileId, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public Task<Undone> PlanUndoAsync<TRow>(RowMap<TRow> map, UndoneFiles files, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();
    }
}
