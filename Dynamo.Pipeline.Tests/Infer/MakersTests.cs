using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Files after the manuals of more than a hundred makers: a proposal imports them whole and right but for the zone, or says in its first
/// line what it could not tell.
/// </summary>
[TestFixture]
internal sealed class MakersTests
{
    private enum Verdict { Right, Said, Silent }

    [TestCaseSource(typeof(Makers), nameof(Makers.All))]
    public void A_makers_file_is_right_or_says_what_is_open(Maker maker)
    {
        for (int seed = 1; seed <= SoakAttribute.Rounds(3, 3, 100); seed++)
        {
            (Verdict verdict, string what) = Judge(maker, seed);
            Assert.That(verdict, Is.Not.EqualTo(Verdict.Silent), $"seed {seed}: {what}");
            if (!maker.LeavesOpen) Assert.That(verdict, Is.EqualTo(Verdict.Right), $"seed {seed}: {what}");
        }
    }

    [Test]
    public void At_least_a_hundred_makers_and_nine_of_ten_right_at_once()
    {
        (Maker Maker, Verdict Verdict)[] all = [.. Makers.All.Select(maker => (maker, Judge(maker, 7).Verdict))];
        string[] others = [.. all.Where(one => one.Verdict != Verdict.Right).Select(one => $"{one.Maker}: {one.Verdict}")];
        TestContext.Out.WriteLine($"{all.Length} makers, {all.Length - others.Length} right; others: {string.Join("; ", others)}");

        Assert.That(all, Has.Length.GreaterThanOrEqualTo(100));
        Assert.That(others.Length * 10, Is.LessThanOrEqualTo(all.Length), string.Join("; ", others));
    }

    [Test]
    public void A_damaged_makers_file_is_never_wrong_in_silence([Range(0, 11)] int kind)
    {
        foreach (Maker maker in Makers.All)
        {
            (string file, string text, List<Reading> readings) = maker.Write(kind + 20, lines: 60);
            string damaged = Damage(text, kind, new Random(kind));
            (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others, List<Reading> read) = Infer(file, damaged);
            if (others.Count > 0 || proposals.Any(proposal => proposal.Topics.Any(topic => topic != "the zone"))) continue;
            // Nothing is asked, so what is read must be what a reader of the undamaged lines would have read.
            var known = readings.ToHashSet();
            Assert.That(read.Where(one => !known.Contains(one)).Take(3), Is.Empty, $"{maker}: {damaged[..Math.Min(400, damaged.Length)]}");
            Assert.That(read, Has.Count.GreaterThanOrEqualTo(readings.Count * 8 / 10), $"{maker}");
        }
    }

    /// <summary>Takes lines away, doubles or swaps them, or adds blank ones: what a user's editor or a bad line does.</summary>
    private static string Damage(string text, int kind, Random random)
    {
        List<string> lines = [.. text.Split('\n')];
        int last = lines.Count - 2, place = random.Next(lines.Count / 2, last);
        switch (kind % 6)
        {
            case 0: lines.RemoveAt(place); break;
            case 1: lines.Insert(place, ""); break;
            case 2: lines[place] = lines[place][..(lines[place].Length / 2)]; break;
            case 3: lines.Add("End of data"); break;
            case 4: lines.RemoveRange(last - 10, 10); break;
            default: return text.Replace("\n", "\r\n", StringComparison.Ordinal);
        }
        return string.Join('\n', lines);
    }

    private static (Verdict Verdict, string What) Judge(Maker maker, int seed)
    {
        (string file, string text, List<Reading> readings) = maker.Write(seed);
        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others, List<Reading> read) = Infer(file, text);
        string shown = string.Join('\n', text.Split('\n').Take(6));
        IEnumerable<string> said = proposals.SelectMany(proposal => proposal.Decide.Concat(proposal.Sure).Concat(proposal.LeftOut))
            .Concat(others.Select(other => other.Why));
        string what = $"{shown}\nread {read.Count} of {readings.Count}: {string.Join(", ", read.Take(3))} "
            + $"instead of {string.Join(", ", readings.Take(3))}\n{string.Join('\n', said)}";
        if (read.ToHashSet().SetEquals(readings) && others.Count == 0) return (Verdict.Right, what);
        bool isSaid = others.Count > 0 || proposals.Any(proposal => proposal.Topics.Any(topic => topic != "the zone"));
        return (isSaid ? Verdict.Said : Verdict.Silent, what);
    }

    private static (IReadOnlyList<Proposal> Proposals, IReadOnlyList<NoProposal> Others, List<Reading> Read) Infer(string file, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) =
            FormatGuess.OfAsync([Sample.Of($"/x/{file}", bytes, true)], null).GetAwaiter().GetResult();
        var rows = new RowBatch<Reading>();
        foreach (Proposal proposal in proposals)
        {
            using var content = new FileContent(bytes);
            using IRowReader<Reading> reader = new CsvFormat<Reading>(proposal.Format)
                .Open(new SourceFile(file, bytes.Length, DateTime.UnixEpoch), content);
            while (reader.ReadAsync(rows, int.MaxValue, default).AsTask().GetAwaiter().GetResult()) { }
        }
        return (proposals, others, [.. rows.Rows]);
    }
}
