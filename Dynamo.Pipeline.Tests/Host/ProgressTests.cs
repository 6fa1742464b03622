using Dynamo.Pipeline.Host;
using Microsoft.Extensions.Time.Testing;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
internal sealed class ProgressTests
{
    [Test]
    public void A_log_gets_a_line_every_five_seconds_with_files_rows_rate_and_what_is_left()
    {
        var books = new RunBooks { Listed = 3000, Loaded = 1000, RowsRead = 4000, RowsInserted = 4000, Bytes = 10_000 };
        var log = new StringWriter();
        var progress = new LogProgress(log, new FakeTimeProvider(DateTime.UnixEpoch));

        foreach (double seconds in (double[])[0.2, 4.9, 5, 5.2, 9.9, 10])
            progress.Report(new PipelineProgress(books, TimeSpan.FromSeconds(seconds), ListingDone: seconds > 6));

        Assert.That(log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), Is.EqualTo(new[]
        {
            "1970-01-01 00:00:00Z 1,000 files of 3,000 listed so far, 4,000 rows, 200 files/s",
            "1970-01-01 00:00:00Z 1,000 of 3,000 files, 4,000 rows, 100 files/s, about 20 s left",
        }));
    }

    [Test]
    public void Before_the_first_file_is_listed_it_says_no_more()
    {
        Assert.That(RunProgress.Counts(new PipelineProgress(new RunBooks(), TimeSpan.FromSeconds(5), false)),
            Is.EqualTo("no file listed so far"));
        Assert.That(RunProgress.Counts(new PipelineProgress(new RunBooks { Listed = 1, Loaded = 1, RowsRead = 1 },
            TimeSpan.FromSeconds(1), true)), Is.EqualTo("1 of 1 file, 1 row, 1 files/s"));
    }
}
