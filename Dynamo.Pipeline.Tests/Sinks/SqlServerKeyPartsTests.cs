using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>Keys that a table takes for the same are in the same part, so that writers with different parts cannot meet.</summary>
public sealed class SqlServerKeyPartsTests
{
    private const string Exact = "Latin1_General_100_BIN2", Loose = "SQL_Latin1_General_CP1_CI_AS";

    [Test]
    public void The_same_text_is_in_one_part_whatever_case_and_blanks_at_its_end() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), (NonNull<string> any) =>
        {
            string text = any.Get;
            int exact = SqlServerKeyParts<Reading>.Of(text, exact: true), loose = SqlServerKeyParts<Reading>.Of(text, exact: false);
            bool same = exact == SqlServerKeyParts<Reading>.Of(text + "  ", exact: true)
                && loose == SqlServerKeyParts<Reading>.Of(text + " ", exact: false)
                && loose == SqlServerKeyParts<Reading>.Of(text.ToUpperInvariant(), exact: false)
                    && loose == SqlServerKeyParts<Reading>.Of(text.ToLowerInvariant(), exact: false);
            return same && int.IsPow2(exact) && (int.IsPow2(loose) || loose == SqlServerKeyParts<Reading>.All);
        }));

    [TestCase("Zürich"), TestCase("ＡＢＣ"), TestCase("a\u0001b")]
    public void A_letter_that_could_be_taken_for_another_is_in_every_part_unless_the_table_tells_them_apart(string text)
    {
        Assert.That(SqlServerKeyParts<Reading>.Of(text, exact: false), Is.EqualTo(SqlServerKeyParts<Reading>.All));
        Assert.That(int.IsPow2(SqlServerKeyParts<Reading>.Of(text, exact: true)), Is.True);
    }

    [Test]
    public void Loggers_spread_over_all_parts_and_no_part_is_in_two_lanes([Values(1, 2, 3, 4, 7, 16)] int lanes)
    {
        int[] parts = [.. Enumerable.Range(0, 2000).Select(i => SqlServerKeyParts<Reading>.Of($"L{i:D4}", exact: true))];

        Assert.That(
            parts.GroupBy(p => p).Select(g => g.Count()), Has.Exactly(SqlServerKeyParts<Reading>.Count).Items.And.All.GreaterThan(60));
        Assert.That(
            parts.Select(p => SqlServerKeyParts<Reading>.Lane(p, lanes)).Distinct().Order(), Is.EqualTo(Enumerable.Range(0, lanes)));
    }

    [TestCase(Exact, "Logger"), TestCase(Loose, "Logger"), TestCase("Hungarian_CI_AS", null), TestCase(null, null)]
    public void A_collation_with_letters_of_its_own_divides_nothing(string? collation, string? column)
    {
        var map = RowMap<Reading>.Table("Reading").Key("Logger", r => r.Logger).Key(
            "TimestampUtc", r => r.TimestampUtc).Column("Value", r => r.Value);
        SqlServerTable table = SqlServerTable.Of(map);
        var parts = new SqlServerKeyParts<Reading>(
            map.Columns.Where(c => c.IsKey).Select(
                c => SqlServerColumn<Reading>.For(c, table.Find(c.Name)! with { Collation = collation })));

        Assert.That(parts.Column, Is.EqualTo(column));
        Assert.That(
            parts.Of(new Reading("L1", "flow", DateTime.UnixEpoch, 1)),
            column is null
                ? Is.EqualTo(SqlServerKeyParts<Reading>.All)
                : Is.EqualTo(SqlServerKeyParts<Reading>.Of("L1", exact: true)).Or.EqualTo(
                SqlServerKeyParts<Reading>.Of("L1", exact: false)));
    }
}
