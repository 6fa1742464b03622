namespace Dynamo.Pipeline.Tests;

/// <summary>What is decided about a file before the database is asked, and what is kept of its rejects.</summary>
public sealed class FileWorkTests
{
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Defect s_cut = new("the last line is cut off");

    [TestCase(1, 0, FileOutcome.Loaded)]
    [TestCase(0, 0, FileOutcome.Loaded)]
    [TestCase(1, 2, FileOutcome.Loaded)]
    [TestCase(1, 3, FileOutcome.Quarantined)]
    [TestCase(0, 1, FileOutcome.Quarantined)]
    public void A_whole_file_is_judged_early_where_its_rejects_are_enough(int rows, int rejects, FileOutcome outcome)
    {
        FileWork<int> work = Work(rows, rejects);

        work.JudgeEarly(maxBadRows: 2);

        bool isBad = outcome == FileOutcome.Quarantined;
        Assert.That((work.Outcome, work.Rejected, work.Kept.Count), Is.EqualTo((outcome, isBad ? rejects : 0, isBad ? rejects : 0)));
        Assert.That(work.Verdict?.Problem, Is.EqualTo(!isBad ? null
            : rows == 0 ? "no row could be loaded, the first: bad 1" : "more than 2 rows were rejected, the first: bad 1"));
    }

    [Test]
    public void A_defect_of_the_file_is_its_verdict_streamed_or_not([Values] bool streamed)
    {
        var file = streamed ? new FileRows<int>(new SourceFile("a", 1, s_noon), _ => AsyncEnumerable.Empty<RowBatch<int>>()) : Rows(1, 1);
        file.Quarantine(s_cut);
        var work = new FileWork<int>(file);

        work.JudgeEarly(maxBadRows: 0);
        work.Quarantine(new Defect("a later one"));
        work.JudgeEarly(maxBadRows: 0);

        Assert.That(
            (work.Outcome, work.Verdict!.Problem, work.Rejected), Is.EqualTo((FileOutcome.Quarantined, "a later one", streamed ? 0 : 1)));
    }

    [Test]
    public void A_streamed_file_and_one_that_is_decided_are_left_alone()
    {
        var streamed = new FileWork<int>(
            new FileRows<int>(new SourceFile("a", 1, s_noon), _ => AsyncEnumerable.Empty<RowBatch<int>>())) { Inserted = 3 };
        FileWork<int> deferred = Work(0, 1);
        deferred.Defer(s_cut);

        streamed.JudgeEarly(maxBadRows: 0);
        deferred.JudgeEarly(maxBadRows: 0);

        Assert.That((streamed.Outcome, streamed.Inserted), Is.EqualTo((FileOutcome.Loaded, 3)));
        Assert.That((deferred.Outcome, deferred.Rejected), Is.EqualTo((FileOutcome.Deferred, 0)));
    }

    [TestCase(1, 0, 1)]
    [TestCase(1, 1, 0)]
    [TestCase(0, 1, 1)]
    [TestCase(0, 0, 1)]
    public void Every_row_that_is_in_the_database_afterwards_is_a_good_one(long inserted, long updated, long unchanged)
    {
        FileWork<int> work = Work(0, 0);
        (work.Inserted, work.Updated, work.Unchanged) = (inserted, updated, unchanged);
        work.Count(new Defect("bad"));

        Assert.That(work.JudgeLate(maxBadRows: 1), Is.False);
        work.Count(new Defect("bad"));
        Assert.That(work.JudgeLate(maxBadRows: 1), Is.True);
        Assert.That(work.Verdict!.Problem, Does.StartWith("more than 1 rows were rejected"));
    }

    [Test]
    public void A_thousand_rejects_are_kept_in_the_order_of_the_lines_and_ten_are_shown()
    {
        FileWork<int> work = Work(1, 0);
        for (int line = 1500; line > 0; line--) work.Count(new Defect("bad") { Line = line });
        work.Remember(3, new Defect("poison"));
        work.Remember(5, s_cut);

        Assert.That(work.Kept.Select(d => d.Line), Is.EqualTo(Enumerable.Range(501, 1000)));
        Assert.That(work.Result().Rejects.Select(d => d.Line), Is.EqualTo(Enumerable.Range(501, 10)));
        Assert.That((work.Result().Rejected, work.Poison!.Count), Is.EqualTo((1500, 2)));
    }

    [TestCase(false, false, true)]
    [TestCase(false, true, false)]
    [TestCase(true, false, false)]
    public void A_file_is_loading_until_it_is_known_or_bad(bool isKnown, bool isBad, bool isLoading)
    {
        FileWork<int> work = Work(1, 0);
        work.IsKnown = isKnown;
        if (isBad) work.Quarantine(s_cut);

        Assert.That(work.IsLoading, Is.EqualTo(isLoading));
    }

    [Test]
    public void The_filter_holds_what_was_added_and_nearly_nothing_else()
    {
        var filter = new LedgerFilter();
        SourceFile[] files = [.. Enumerable.Range(0, 2_000).Select(i => new SourceFile($"{i:D6}.csv", 1, s_noon))];
        foreach (SourceFile file in files[..1_000]) filter.Add(file);

        Assert.That(files[..1_000], Has.All.Matches<SourceFile>(filter.MayHold));
        Assert.That(files[1_000..].Count(filter.MayHold), Is.LessThan(20));
    }

    private static FileWork<int> Work(int rows, int rejects) => new(Rows(rows, rejects));

    private static FileRows<int> Rows(int rows, int rejects)
    {
        var batch = new RowBatch<int>();
        for (int i = 1; i <= rows; i++) batch.Add(i, i);
        for (int i = 1; i <= rejects; i++) batch.Reject(new Defect($"bad {i}") { Line = i });
        return new FileRows<int>(new SourceFile("a", 1, s_noon), batch);
    }
}
