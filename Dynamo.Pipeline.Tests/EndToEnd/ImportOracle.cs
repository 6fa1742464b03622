using Dapper;
using Dynamo.Pipeline.Host;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What must be in the database and the folders when everything has been imported, by set difference with what was generated.
/// </summary>
internal sealed class ImportOracle
{
    private readonly HashSet<Reading> _expected;
    private readonly List<string> _good;
    private readonly List<string> _bad;

    public ImportOracle(LoggerFiles generated)
    {
        _expected = [.. generated.ExpectedReadings()];
        ILookup<bool, string> files = generated.ExpectedFiles().ToLookup(
            file => file.Outcome == FileOutcome.Quarantined, file => file.Path);
        (_good, _bad) = (Sorted(files[false]), Sorted(files[true]));
    }

    /// <summary>lost = doubled = unexpected = ∅, every file once in the ledger, and every one where it belongs.</summary>
    public void AssertComplete(string database, string inbox, string context)
    {
        AssertLoaded(database, context);
        AssertSettled(inbox, context);
    }

    /// <summary>Every file is where it belongs.</summary>
    public void AssertSettled(string inbox, string context) =>
        Assert.Multiple(() =>
        {
            Assert.That(ScratchFolder.Archived(Path.Combine(inbox, "archive")), Is.EqualTo(_good), $"archive; {context}");
            Assert.That(
                Names(Path.Combine(inbox, "quarantine")).Where(name => !name.EndsWith(".reason.json", StringComparison.Ordinal)
                    && !FileNames.IsTemporary(name)),
                Is.EqualTo(_bad), $"quarantine; {context}");
            Assert.That(Names(inbox), Is.Empty, $"inbox; {context}");
        });

    /// <summary>lost = doubled = unexpected = ∅, and every file once in the ledger.</summary>
    public void AssertLoaded(string database, string context)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        List<Reading> stored = [.. connection.Query("select Logger, Channel, TimestampUtc, Value from Reading")
            .Select(row => new Reading((string)row.Logger, (string)row.Channel, Utc((string)row.TimestampUtc), (double)row.Value))];
        AssertLoaded(stored, connection.Query<(string, string)>("select Path, Outcome from ImportedFile"), context);
        Assert.That(connection.ExecuteScalar<string>("pragma integrity_check"), Is.EqualTo("ok"), context);
    }

    /// <summary>lost = doubled = unexpected = ∅, and every file once in the ledger.</summary>
    public void AssertLoaded(IReadOnlyCollection<Reading> stored, IEnumerable<(string Path, string Outcome)> ledger, string context)
    {
        var set = stored.ToHashSet();
        ILookup<string, string> entries = ledger.ToLookup(entry => entry.Outcome, entry => entry.Path);
        Assert.Multiple(() =>
        {
            Assert.That(_expected.Except(set), Is.Empty, $"lost; {context}");
            Assert.That(set.Except(_expected), Is.Empty, $"unexpected; {context}");
            Assert.That(stored, Has.Count.EqualTo(set.Count), $"doubled; {context}");
            Assert.That(Sorted(entries["loaded"]), Is.EqualTo(_good), $"ledger; {context}");
            Assert.That(Sorted(entries["quarantined"]), Is.EqualTo(_bad), $"ledger; {context}");
        });
    }

    private static List<string> Names(string folder) =>
        Directory.Exists(folder) ? Sorted(Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path))) : [];

    /// <summary>In order, since a comparison without one takes the square of the time.</summary>
    private static List<string> Sorted(IEnumerable<string> names) => [.. names.Order(StringComparer.Ordinal)];

    private static DateTime Utc(string text) =>
        DateTime.Parse(
            text, System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.AssumeUniversal | System.Globalization.DateTimeStyles.AdjustToUniversal);
}
