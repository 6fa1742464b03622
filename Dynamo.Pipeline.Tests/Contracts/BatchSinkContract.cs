namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What every sink of readings must do. A sink's own fixture inherits it and says how to make one and how to look into its tables.
/// </summary>
[TestFixture]
public abstract class BatchSinkContract
{
    protected const string Source = "folder:/inbox";
    protected static readonly DateTime Noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>A new sink on the test's own tables; called several times in a test.</summary>
    protected abstract IBatchSink<Reading> NewSink(DuplicatePolicy policy = DuplicatePolicy.LastWins);

    protected abstract IReadOnlyList<Reading> StoredReadings();

    /// <summary>How many rejects are recorded for a path.</summary>
    protected abstract long StoredRejects(string path);

    /// <summary>Makes the database refuse the value, with a constraint or trigger of its own. The tables exist.</summary>
    protected abstract void RefuseValue(double value);

    /// <summary>The shortest time the database tells apart.</summary>
    protected virtual TimeSpan Finest => TimeSpan.FromTicks(1);

    protected static RunStart Run(int maxBadRows = 100, string source = Source) => new(source, Noon, "host", "1.0", maxBadRows);

    protected static Reading R(string logger, int minute, double value, string channel = "flow") =>
        new(logger, channel, Noon.AddMinutes(minute), value);

    protected static FileRows<Reading> File(string path, params IEnumerable<Reading> readings) => FileWith(path, [], readings);

    protected static FileRows<Reading> FileWith(string path, Defect[] rejects, params IEnumerable<Reading> readings)
    {
        var rows = new RowBatch<Reading>();
        int line = 2;
        foreach (Reading reading in readings)
            rows.Add(reading, line++);
        foreach (Defect reject in rejects)
            rows.Reject(reject with { Line = line++ });
        return new FileRows<Reading>(new SourceFile(path, 100, Noon), rows);
    }

    protected static FileRows<Reading> Streamed(string path, Func<IEnumerable<RowBatch<Reading>>> portions) =>
        new(new SourceFile(path, 5_000_000, Noon), _ => Portions(portions));

    protected static Defect Bad(int n = 0) => new("the value is not a number") { Column = "value", Found = $"abc{n}" };

    protected async Task<FileResult[]> WriteOnce(DuplicatePolicy policy, params FileRows<Reading>[] files)
    {
        await using IBatchSink<Reading> sink = NewSink(policy);
        await sink.PrepareAsync(Run(), default);
        return await sink.WriteAsync(files, default);
    }

    protected static (long, long, long, long) Counts(FileResult r) => (r.Inserted, r.Updated, r.Unchanged, r.Rejected);

    [Test, CancelAfter(60_000)]
    public async Task New_rows_are_inserted_and_read_back_as_they_were()
    {
        Reading[] rows = [
            new("A \"1'; --", "flöw", Noon + Finest, -1.5e-300), new("😀", "p", DateTime.MinValue.ToUniversalTime(), double.MaxValue),
            R("B", 0, 0)];
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, File("a.csv", rows));
        Assert.That(Counts(results[0]), Is.EqualTo((3L, 0L, 0L, 0L)));
        Assert.That(StoredReadings(), Is.EquivalentTo(rows));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_key_that_is_there_is_counted_by_the_policy([Values] DuplicatePolicy policy)
    {
        await WriteOnce(policy, File("a.csv", R("A", 1, 1), R("A", 2, 2)));
        FileResult[] results = await WriteOnce(policy, File("b.csv", R("A", 1, 10), R("A", 2, 2), R("A", 3, 3)));
        Assert.That(Counts(results[0]), Is.EqualTo(policy switch
        {
            DuplicatePolicy.LastWins => (1L, 1L, 1L, 0L),
            DuplicatePolicy.FirstWins => (1L, 0L, 2L, 0L),
            _ => (1L, 0L, 0L, 2L),
        }));
        Assert.That(
            StoredReadings().Single(r => r.TimestampUtc == Noon.AddMinutes(1)).Value,
            Is.EqualTo(policy == DuplicatePolicy.LastWins ? 10 : 1));
        Assert.That(StoredReadings(), Has.Count.EqualTo(3));
    }

    [Test, CancelAfter(60_000)]
    public async Task Within_a_batch_the_later_file_wins_whatever_the_order_it_comes_in()
    {
        FileRows<Reading> older = File("z.csv", R("A", 1, 1)), newer = File("a.csv", R("A", 1, 2));
        newer = new FileRows<Reading>(newer.File with { ModifiedUtc = Noon.AddSeconds(1) }, newer.Batch);
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, newer, older);
        Assert.That(results.Select(r => (r.File.Path, r.Inserted, r.Updated)), Is.EqualTo(new[] { ("a.csv", 0L, 1L), ("z.csv", 1L, 0L) }));
        Assert.That(StoredReadings().Single().Value, Is.EqualTo(2));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_that_is_in_the_ledger_is_left_alone_and_found_by_a_look_up()
    {
        FileRows<Reading>[] files = [.. Enumerable.Range(0, 40).Select(i => File($"{i}.csv", R("A", i, i)))];
        await WriteOnce(DuplicatePolicy.LastWins, files);
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        FileRows<Reading> unknown = File("new.csv", R("B", 1, 1));
        FileResult[] results = await sink.WriteAsync([.. files, unknown, unknown], default);
        LedgerEntry?[] entries = await sink.LookUpAsync(
            [files[3].File, files[3].File with { Size = 7 }, files[3].File with { ModifiedUtc = Noon.AddTicks(1) }, unknown.File], default);
        Assert.That(
            results.Select(r => r.Outcome),
            Is.EqualTo(Enumerable.Repeat(FileOutcome.AlreadyLoaded, 40).Append(FileOutcome.Loaded).Append(FileOutcome.AlreadyLoaded)));
        Assert.That(entries.Select(e => e?.Outcome), Is.EqualTo(new FileOutcome?[] { FileOutcome.Loaded, null, null, FileOutcome.Loaded }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_look_up_finds_what_the_same_run_wrote_and_knows_no_other_source()
    {
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        FileRows<Reading> file = File("a.csv", R("A", 1, 1));
        LedgerEntry?[] before = await sink.LookUpAsync([file.File], default);
        await sink.WriteAsync([file], default);
        LedgerEntry?[] after = await sink.LookUpAsync([file.File], default);
        await using IBatchSink<Reading> other = NewSink();
        await other.PrepareAsync(Run(source: "folder:/other"), default);
        LedgerEntry?[] elsewhere = await other.LookUpAsync([file.File], default);
        Assert.That(
            (before[0], after[0]?.Outcome, elsewhere[0]),
            Is.EqualTo(((LedgerEntry?)null, (FileOutcome?)FileOutcome.Loaded, (LedgerEntry?)null)));
    }

    [Test, CancelAfter(60_000)]
    public async Task Rejects_up_to_the_limit_are_recorded_and_one_more_quarantines_the_file([Values(2, 3)] int bad)
    {
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(maxBadRows: 2), default);
        FileResult[] results = await sink.WriteAsync(
            [File("good.csv", R("A", 1, 1)), FileWith("bad.csv", [.. Enumerable.Range(0, bad).Select(Bad)], R("B", 1, 1))], default);
        Assert.That(results[0].Outcome, Is.EqualTo(FileOutcome.Loaded));
        Assert.That(results[1].Outcome, Is.EqualTo(bad == 2 ? FileOutcome.Loaded : FileOutcome.Quarantined));
        Assert.That(Counts(results[1]), Is.EqualTo(bad == 2 ? (1L, 0L, 0L, 2L) : (0L, 0L, 0L, 4L)));
        Assert.That(StoredRejects("bad.csv"), Is.EqualTo(bad));
        Assert.That(StoredReadings(), Has.Count.EqualTo(bad == 2 ? 2 : 1));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_of_nothing_but_rejects_is_quarantined_and_an_empty_one_is_loaded()
    {
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, FileWith("bad.csv", [Bad()]), File("empty.csv"));
        Assert.That(results.Select(r => r.Outcome), Is.EqualTo(new[] { FileOutcome.Quarantined, FileOutcome.Loaded }));
        Assert.That(results[0].Defect, Is.Not.Null);
        Assert.That((results[0].Defect!.Line, results[0].Defect!.Column), Is.EqualTo((2L, "value")));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_condemned_file_keeps_its_reason_in_the_ledger()
    {
        FileRows<Reading> file = File("cut.csv", R("A", 1, 1), R("A", 2, 1));
        var defect = new Defect("the quote is never closed") { Line = 7, Column = "value", Found = "\"12", Expected = "a closing quote" };
        file.Quarantine(defect);
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, file);
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        LedgerEntry?[] entries = await sink.LookUpAsync([file.File], default);
        Assert.That(Counts(results[0]), Is.EqualTo((0L, 0L, 0L, 2L)));
        Assert.That(entries[0], Is.EqualTo(new LedgerEntry(FileOutcome.Quarantined, defect) { ImportedUtc = entries[0]!.ImportedUtc }));
        Assert.That(entries[0]!.ImportedUtc, Is.EqualTo(DateTime.UtcNow).Within(TimeSpan.FromHours(1)));
        Assert.That(StoredReadings(), Is.Empty);
    }

    [Test, CancelAfter(60_000)]
    public async Task A_row_the_database_refuses_costs_neither_its_file_nor_its_batch()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("first.csv", R("first", 0, 0)));
        RefuseValue(13);
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        FileRows<Reading>[] files = [
            .. Enumerable.Range(0, 5).Select(f => File($"{f}.csv", Enumerable.Range(0, 10).Select(i => R($"L{f}", i, f * 10 + i))))];
        FileResult[] results = await sink.WriteAsync(files, default);
        Assert.That(results.Sum(r => r.Inserted), Is.EqualTo(49));
        Assert.That(Counts(results[1]), Is.EqualTo((9L, 0L, 0L, 1L)));
        Assert.That(results[1].Rejects.Single().Line, Is.EqualTo(5));
        Assert.That(StoredRejects("1.csv"), Is.EqualTo(1));
        Assert.That(StoredReadings(), Has.Count.EqualTo(50));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_file_the_database_refuses_too_often_is_taken_back_whole_and_the_others_stay()
    {
        await WriteOnce(DuplicatePolicy.LastWins, File("first.csv", R("first", 0, 0)));
        RefuseValue(13);
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(maxBadRows: 1), default);
        FileRows<Reading>[] files = [
            .. Enumerable.Range(0, 20).Select(
                f => File($"{f:00}.csv", R($"L{f}", 0, 1), R($"L{f}", 1, f % 3 == 0 ? 13 : 1), R($"L{f}", 2, f % 6 == 0 ? 13 : 1)))];
        FileResult[] results = await sink.WriteAsync(files, default);
        Assert.That(results.Count(r => r.Outcome == FileOutcome.Quarantined), Is.EqualTo(4));
        Assert.That(results.Where(r => r.Outcome == FileOutcome.Quarantined).Select(Counts), Is.All.EqualTo((0L, 0L, 0L, 3L)));
        Assert.That(StoredReadings(), Has.Count.EqualTo(1 + (13 * 3) + (3 * 2)));
        Assert.That(StoredRejects("00.csv"), Is.EqualTo(2));
        LedgerEntry?[] entries = await sink.LookUpAsync([.. files.Select(f => f.File)], default);
        Assert.That(entries.Select(e => e?.Outcome), Is.EqualTo(results.Select(r => (FileOutcome?)r.Outcome)));
    }

    [Test, CancelAfter(60_000)]
    public async Task Values_no_database_keeps_are_rejected_by_column()
    {
        FileResult[] results = await WriteOnce(
            DuplicatePolicy.LastWins, File("a.csv", R("A", 1, 1), R("A", 2, double.NaN), R("A", 3, double.PositiveInfinity),
            R("A\0B", 4, 1), R(null!, 5, 1), R("A\ud800", 6, 1), new Reading(
                "A", "flow", DateTime.SpecifyKind(Noon, DateTimeKind.Unspecified), 1)));
        Assert.That(Counts(results[0]), Is.EqualTo((1L, 0L, 0L, 6L)));
        Assert.That(results[0].Rejects.Select(d => (d.Line, d.Column)), Is.EqualTo(new (long?, string?)[]
            { (3, "Value"), (4, "Value"), (5, "Logger"), (6, "Logger"), (7, "Logger"), (8, "TimestampUtc") }));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_streamed_file_is_written_portion_by_portion_in_one_transaction()
    {
        FileRows<Reading> file = Streamed(
            "big.csv", () => Enumerable.Range(0, 20).Select(p => Portion(p * 100, 100, p == 7 ? [Bad()] : [])));
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, file);
        Assert.That(Counts(results[0]), Is.EqualTo((2000L, 0L, 0L, 1L)));
        Assert.That((file.RowsRead, StoredReadings().Count, StoredRejects("big.csv")), Is.EqualTo((2001L, 2000, 1L)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_streamed_file_that_turns_out_bad_leaves_only_its_ledger_entry_and_rejects()
    {
        FileRows<Reading> file = Streamed(
            "big.csv",
            () => BadAfter(Portion(0, 100, [Bad()]), new BadFileException(new Defect("the last line is cut off") { Line = 102 })));
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, file);
        Assert.That((results[0].Outcome, results[0].Defect!.Line, results[0].Rejected), Is.EqualTo((FileOutcome.Quarantined, 102L, 101L)));
        Assert.That((StoredReadings().Count, StoredRejects("big.csv")), Is.EqualTo((0, 1L)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_streamed_file_with_too_many_rejects_is_quarantined_and_not_read_again()
    {
        int opened = 0;
        FileRows<Reading> file = Streamed(
            "big.csv",
            () => { opened++; return Enumerable.Range(0, 50).Select(p => Portion(p * 10, 10, [.. Enumerable.Range(0, 10).Select(Bad)])); });
        FileResult[] results = await WriteOnce(DuplicatePolicy.LastWins, file);
        Assert.That((results[0].Outcome, results[0].Rejected, opened), Is.EqualTo((FileOutcome.Quarantined, file.RowsRead, 1)));
        Assert.That((StoredReadings().Count, StoredRejects("big.csv")), Is.EqualTo((0, 110L)));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_streamed_file_that_changes_is_deferred_and_leaves_nothing()
    {
        FileRows<Reading> file = Streamed(
            "big.csv", () => BadAfter(Portion(0, 100, []), new FileChangedException("grew from 120 to 180 bytes")));
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        FileResult[] results = await sink.WriteAsync([file], default);
        LedgerEntry?[] entries = await sink.LookUpAsync([file.File], default);
        Assert.That(
            (results[0].Outcome, results[0].Defect!.Problem, entries[0]),
            Is.EqualTo((FileOutcome.Deferred, "grew from 120 to 180 bytes", (LedgerEntry?)null)));
        Assert.That(StoredReadings(), Is.Empty);
    }

    [Test, CancelAfter(60_000)]
    public async Task Cancellation_and_errors_in_the_middle_leave_nothing_and_the_same_batch_can_be_written_again()
    {
        using var cancel = new CancellationTokenSource();
        Action onRead = cancel.Cancel;
        FileRows<Reading> file = Streamed(
            "big.csv", () => { onRead(); return Enumerable.Range(0, 3).Select(p => Portion(p * 100, 100, [])); });
        await using IBatchSink<Reading> sink = NewSink();
        await sink.PrepareAsync(Run(), default);
        Assert.That(async () => await sink.WriteAsync([file], cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        onRead = () => throw new SourceException("connection lost");
        Assert.That(async () => await sink.WriteAsync([file], default), Throws.InstanceOf<SourceException>());
        Assert.That(StoredReadings(), Is.Empty);
        onRead = () => { };
        FileResult[] results = await sink.WriteAsync([file], default);
        Assert.That(results[0].Inserted, Is.EqualTo(300));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_second_run_of_the_same_source_is_refused_at_once_and_another_source_is_welcome()
    {
        await using IBatchSink<Reading> first = NewSink(), second = NewSink(), other = NewSink();
        await first.PrepareAsync(Run(), default);
        Assert.That(async () => await second.PrepareAsync(Run(), default), Throws.InstanceOf<AlreadyRunningException>());
        await other.PrepareAsync(Run(source: "folder:/other"), default);
        await first.EndRunAsync(RunOutcome.Completed, new RunBooks(), default);
        await second.PrepareAsync(Run(), default);
    }

    [Test, CancelAfter(120_000)]
    public async Task Two_sources_write_at_the_same_time_and_nothing_is_lost(CancellationToken token)
    {
        await using IBatchSink<Reading> one = NewSink(), two = NewSink();
        await one.PrepareAsync(Run(source: "folder:/one"), default);
        await two.PrepareAsync(Run(source: "folder:/two"), default);
        await Task.WhenAll(Task.Run(() => WriteMany(one, "one"), token), Task.Run(() => WriteMany(two, "two"), token)).WaitAsync(token);
        Assert.That(StoredReadings(), Has.Count.EqualTo(2 * 30 * 50));

        static async Task WriteMany(IBatchSink<Reading> sink, string name)
        {
            for (int i = 0; i < 30; i++)
                await sink.WriteAsync([File($"{i}.csv", Enumerable.Range(0, 50).Select(m => R($"{name}{i}", m, m)))], default);
        }
    }

    private static RowBatch<Reading> Portion(int from, int count, Defect[] rejects)
    {
        var rows = new RowBatch<Reading>();
        for (int i = from; i < from + count; i++)
            rows.Add(R("big", i, i), i + 2);
        foreach (Defect reject in rejects)
            rows.Reject(reject with { Line = 1 });
        return rows;
    }

    private static IEnumerable<RowBatch<Reading>> BadAfter(RowBatch<Reading> portion, Exception e)
    {
        yield return portion;
        throw e;
    }

    private static async IAsyncEnumerable<RowBatch<Reading>> Portions(Func<IEnumerable<RowBatch<Reading>>> portions)
    {
        await Task.Yield();
        foreach (RowBatch<Reading> portion in portions())
            yield return portion;
    }
}
