using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>A day in compressed time: wave after wave, with a page and a scrape attached. Nothing of the process grows with it.</summary>
[TestFixture, CancelAfter(1_200_000)]
internal sealed class LongWatchTests
{
    [TestCase(50, 12, false)]
    [TestCase(2_000, 100, true)]
    public async Task However_many_waves_come_series_memory_handles_and_threads_stay(
        int loggers, int waves, bool byHand, CancellationToken token)
    {
        if (byHand) SoakAttribute.Require(byHand: true);
        await using var watch = new ObservedWatch();
        await watch.StartAsync();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(token);
        Task<int> page = EventsAsync(watch, ended.Token), scrape = ScrapesAsync(watch, ended.Token);
        var seen = new List<Sample>();
        for (int wave = 0; wave < waves; wave++)
        {
            watch.LandReadings(loggers, wave);
            long loaded = (long)loggers * (wave + 1);
            await watch.StatusAsync(now => now.GetProperty("sources")[0].GetProperty("files").GetProperty("loaded").GetInt64() == loaded);
            seen.Add(await Sample.OfAsync(watch));
            if (wave % Math.Max(1, waves / 10) == 0 || wave == waves - 1) TestContext.Out.WriteLine($"wave {wave + 1}: {seen[^1]}");
        }
        await ended.CancelAsync();
        TestContext.Out.WriteLine($"{await page} events, {await scrape} scrapes");

        // By then everything was there once: loggers, connections, threads of the pool.
        Sample early = seen[waves / 4], late = seen[^1];
        Assert.Multiple(() =>
        {
            Assert.That(page.Result, Is.Positive);
            Assert.That(scrape.Result, Is.Positive);
            Assert.That(late.Series, Is.EqualTo(early.Series).And.LessThanOrEqualTo(200));
            Assert.That(late.Handles, Is.LessThanOrEqualTo(early.Handles + 8));
            Assert.That(late.Threads, Is.LessThanOrEqualTo(early.Threads + 8));
            Assert.That(late.Megabytes, Is.LessThanOrEqualTo(early.Megabytes + 64));
        });
    }

    private static async Task<int> EventsAsync(ObservedWatch watch, CancellationToken token)
    {
        int events = 0;
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        try
        {
            using Stream stream = await client.GetStreamAsync(watch.Address + "/api/events", token);
            using var lines = new StreamReader(stream);
            while (await lines.ReadLineAsync(token) is { } line)
                if (line.StartsWith("data: ", StringComparison.Ordinal)) events++;
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
        return events;
    }

    private static async Task<int> ScrapesAsync(ObservedWatch watch, CancellationToken token)
    {
        int scrapes = 0;
        for (; !token.IsCancellationRequested; scrapes++)
        {
            await watch.GetAsync("/metrics");
            await Task.Delay(1_000, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return scrapes;
    }

    private sealed record Sample(int Series, int Handles, int Threads, long Megabytes)
    {
        public static async Task<Sample> OfAsync(ObservedWatch watch)
        {
            string metrics = (await watch.GetAsync("/metrics")).Text;
            string folder = $"/proc/{watch.ProcessId}";
            Dictionary<string, string> status = File.ReadLines($"{folder}/status").Select(line => line.Split(':', 2))
                .ToDictionary(line => line[0], line => line[1].Trim());
            return new Sample(
                metrics.Split('\n').Count(line => line.Length > 0 && line[0] != '#'),
                Directory.GetFileSystemEntries($"{folder}/fd").Length,
                int.Parse(status["Threads"], CultureInfo.InvariantCulture),
                long.Parse(status["VmRSS"].Split(' ')[0], CultureInfo.InvariantCulture) / 1024);
        }
    }
}
