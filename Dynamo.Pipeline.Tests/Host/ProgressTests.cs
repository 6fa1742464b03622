using Dynamo.Pipeline.Host;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
internal sealed class ProgressTests
{
    [Test]
    public void A_log_gets_a_line_every_five_seconds_with_files_rows_rate_and_what_is_left()
    {
        var books = new RunBooks();
        for (int file = 0; file < 3000; file++) books.CountListed();
        for (int file = 0; file < 1000; file++) books.Count(new FileResult(new SourceFile($"{file}.csv", 10, DateTime.UnixEpoch), FileOutcome.Loaded) { Inserted = 4 });
        books.CountRead(4000);
        var log = new StringWriter();
        var progress = new LogProgress(log, new FakeTimeProvider(DateTime.UnixEpoch));

        foreach (double seconds in (double[])[0.2, 4.9, 5, 5.2, 9.9, 10])
            progress.Report(new PipelineProgress(books, TimeSpan.FromSeconds(seconds), ListingDone: seconds > 6));

        Assert.That(log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), Is.EqualTo(new[]
        {
            "1970-01-01 00:00:00Z 1,000 of 3,000 listed so far files, 4,000 rows, 200 files/s",
            "1970-01-01 00:00:00Z 1,000 of 3,000 files, 4,000 rows, 100 files/s, about 20 s left",
        }));
    }
}
