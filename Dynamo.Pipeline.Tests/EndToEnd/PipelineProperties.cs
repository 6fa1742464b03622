using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What holds for any files and any readings, from the folder to the database.</summary>
[TestFixture]
internal sealed class PipelineProperties
{
    private static readonly string[] s_scraps =
    [
        ImportFolder.Header, "logger;channel;timestamp;value\n", "L1,flow,2026-01-01T00:00:00Z,1.5\n", "L1,flow,", "2026-01-01T00:00:00Z",
        "1.5", "\"", ",", ";", "\n", "\r", "\0", "\uFEFF", "é", "NaN", "x",
    ];

    [Test, CancelAfter(120_000)]
    public void Any_files_are_loaded_or_quarantined_and_the_books_balance(CancellationToken token)
    {
        Gen<byte[]> scraps = Gen.Elements(s_scraps).ArrayOf().Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts)));
        Gen<byte[]> headed = scraps.Select(text => (byte[])[.. Encoding.UTF8.GetBytes(ImportFolder.Header), .. text]);
        Gen<byte[]> raw = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf();

        Check(Gen.OneOf(scraps, headed, headed, raw).ArrayOf().Zip(Settings()), 120, input =>
        {
            (byte[][] files, Shape shape) = input;
            using ImportFolder import = shape.Folder();
            for (int i = 0; i < files.Length; i++) import.Put($"{i}.csv", files[i]);

            PipelineResult result = import.RunAsync(token).GetAwaiter().GetResult();

            Assert.That(result.Books.Listed, Is.EqualTo(files.Length));
            Assert.That(result.Books.Loaded + result.Books.Quarantined, Is.EqualTo(files.Length));
            Assert.That(
                import.Query("select Path from ImportedFile"), Is.EquivalentTo(Enumerable.Range(0, files.Length).Select(i => $"{i}.csv")));
            Assert.That(import.Query("select sum(Inserted) || ' ' || sum(Rejected) from ImportedFile where 1 having count(*) > 0"),
                Is.EqualTo(files.Length == 0 ? [] : new[] { $"{result.Books.RowsInserted} {result.Books.RowsRejected}" }));
            Assert.That(
                import.Query("select count(*) || '' from Reading"),
                Is.EqualTo(new[] { result.Books.RowsInserted.ToString(CultureInfo.InvariantCulture) }));
            Assert.That(Directory.GetFiles(import.Inbox), Is.Empty, "all are archived or in quarantine");
            return true;
        });
    }

    [Test, CancelAfter(120_000)]
    public void Any_readings_in_any_files_are_in_the_database_once(CancellationToken token)
    {
        // Few keys, so that many readings meet another one.
        Gen<Reading> reading = Gen.Elements("L1", "L2", "水,\"x\"").Zip(
            Gen.Elements("flow", "pressure")).Zip(Gen.Choose(0, 40)).Zip(Gen.Choose(-1000, 1000))
            .Select(r => new Reading(r.Item1.Item1.Item1, r.Item1.Item1.Item2, DateTime.UnixEpoch.AddMinutes(r.Item1.Item2 * 15),
                r.Item2 / 8.0));

        Check(reading.ArrayOf().ArrayOf().Zip(Settings()).Zip(Gen.Elements(true, false)), 120, input =>
        {
            ((Reading[][] files, Shape shape), bool lastWins) = input;
            shape = shape with { Duplicates = lastWins ? DuplicatePolicy.LastWins : DuplicatePolicy.FirstWins };
            using ImportFolder import = shape.Folder();
            for (int i = 0; i < files.Length; i++) import.Put($"{i}.csv", Text(files[i]));

            PipelineResult result = import.RunAsync(token).GetAwaiter().GetResult();

            Reading[] all = [.. files.SelectMany(file => file)];
            Assert.That(result.Books.RowsRead, Is.EqualTo(all.Length));
            var stored = Stored(import);
            Assert.That(stored.Select(Key), Is.EquivalentTo(all.Select(Key).Distinct()));
            // Which of two files wins is told by their times within a batch only: with one batch the outcome is certain, with
            // several it is one of what was sent.
            if (shape.BatchRows > all.Length && !shape.Streamed)
                Assert.That(stored, Is.EquivalentTo(all.GroupBy(Key).Select(same => lastWins ? same.Last() : same.First())));
            else Assert.That(stored, Is.SubsetOf(all));
            return true;
        });
    }

    private static (string, string, DateTime) Key(Reading reading) => (reading.Logger, reading.Channel, reading.TimestampUtc);

    private static List<Reading> Stored(ImportFolder import) =>
    [
        .. import.Query(
            "select Logger || char(9) || Channel || char(9) || TimestampUtc || char(9) || Value from Reading")
                .Select(row => row.Split('\t'))
            .Select(part => new Reading(part[0], part[1],
                DateTime.Parse(
                    part[2], CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal), double.Parse(
                        part[3], CultureInfo.InvariantCulture))),
    ];

    private static string Text(Reading[] readings) =>
        ImportFolder.Header + string.Concat(readings.Select(r => string.Create(CultureInfo.InvariantCulture,
        $"\"{r.Logger.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{r.Channel},{r.TimestampUtc:yyyy-MM-ddTHH:mm:ss}Z,{r.Value}\n")));

    private static Gen<Shape> Settings() =>
        Gen.Choose(1, 4).Zip(Gen.Choose(1, 5)).Zip(Gen.Elements(1, 3, 50_000)).Zip(Gen.Elements(true, false))
        .Select(s => new Shape(s.Item1.Item1.Item1, s.Item1.Item1.Item2, s.Item1.Item2, s.Item2));

    private static void Check<T>(Gen<T> inputs, int count, Func<T, bool> holds) =>
        FsCheck.Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(SoakAttribute.Rounds(count / 6, count / 2, count)).WithEndSize(40),
            Prop.ForAll(inputs.ToArbitrary(), holds));

    private sealed record Shape(int Readers, int Chunk, int BatchRows, bool Streamed)
    {
        public DuplicatePolicy Duplicates { get; init; }

        public ImportFolder Folder() => new()
        {
            Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive },
            Sink = new SqliteSinkOptions { Duplicates = Duplicates, Durable = false },
            Options = new PipelineOptions
            {
                Readers = Readers,
                FilesPerMessage = Chunk,
                BatchRows = BatchRows,
                StreamAbove = Streamed ? 60 : 1 << 20,
            },
        };
    }
}
