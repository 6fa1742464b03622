using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>What a number of loggers did to a watch.</summary>
/// <param name="Loggers">How many loggers there would be.</param>
/// <param name="Rate">Files a second, which is that many loggers at the interval.</param>
/// <param name="Files">How many files landed.</param>
/// <param name="MedianLag">From the rename to the commit, the median.</param>
/// <param name="MostLag">The same, of 99 of 100 files.</param>
/// <param name="LastLag">The same, the median of the last quarter: when it is longer than before, files come faster than they go.</param>
/// <param name="Drained">How long after the last rename the last file was committed.</param>
/// <param name="Late">How far the feed itself was behind.</param>
/// <param name="Processors">How many processors the watch used.</param>
/// <param name="Peak">The most memory that this process has used so far, in bytes.</param>
internal sealed record HeadroomPoint(
    long Loggers, double Rate, long Files, TimeSpan MedianLag, TimeSpan MostLag, TimeSpan LastLag, TimeSpan Drained, TimeSpan Late,
    double Processors, long Peak)
{
    private static readonly TimeSpan s_keepsUp = TimeSpan.FromSeconds(1);

    /// <summary>How long a file waits until the watch may see it as whole, however fast it is: on a server, for the next listing.</summary>
    public TimeSpan Unseen { get; init; }

    /// <summary>How many processors the feed used.</summary>
    public double FeedProcessors { get; init; }

    /// <summary>Whether the watch kept up: files were committed as fast as they came.</summary>
    public bool IsSustained => Drained < s_keepsUp + Unseen && LastLag < s_keepsUp + 2 * MedianLag && IsFed;

    /// <summary>Whether the feed itself kept up.</summary>
    public bool IsFed => Late < s_keepsUp;

    /// <summary>What gave way first.</summary>
    public string Limit => IsSustained ? "" : !IsFed
        ? "the feed: this machine cannot rename files any faster beside the import"
        : Processors + FeedProcessors > 0.85 * Environment.ProcessorCount ? "the processors, of which the feed takes a part, too"
        : "the disk, the file system that moves the files, or the database: processors were free";
}

/// <summary>
/// Simulates loggers in compressed time: files land at the rate of so many loggers, for some seconds, and a watch imports them.
/// </summary>
/// <param name="settings">Those of the watch; its source is the inbox.</param>
/// <param name="inbox">Where files land: a folder of this machine.</param>
/// <param name="lasts">How long files land for each number of loggers.</param>
internal sealed class HeadroomTrial(HostSettings settings, string inbox, TimeSpan lasts)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <exception cref="PipelineException">The watch failed.</exception>
    public async Task<HeadroomPoint> RunAsync(
        long loggers, TimeSpan every, Func<HostSettings, IBatchSink<Reading>> sink, CancellationToken cancellationToken)
    {
        double rate = loggers / every.TotalSeconds;
        long files = Math.Max(1, (long)(rate * lasts.TotalSeconds)), first = loggers * 1_000_000 % 1_000_000_000 / 7;
        string from = inbox + "-feed";
        FileFeed.Prepare(from, first, files, (int)Math.Clamp(loggers, 1, 100_000));
        var committed = new ConcurrentQueue<(long At, IReadOnlyList<FileResult> Files)>();
        long done = 0;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using IFileSource source = Composition.Source(settings, mustBeThere: false);
        await using IBatchSink<Reading> into = sink(settings);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<PipelineResult> watching = FilePipeline.From(source).Read(Composition.Format(settings)).WriteTo(into, settings.Pipeline)
            .AfterCommit(batch =>
            {
                committed.Enqueue((DateTime.UtcNow.Ticks, batch.Results));
                Interlocked.Add(ref done, batch.Results.Count);
            })
            .WatchAsync(settings.Watch, new Started(started), null, stop.Token);
        await await Task.WhenAny(watching, started.Task);
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        long at = Stopwatch.GetTimestamp();
        (long begun, TimeSpan late, double fed) = await FedAsync();
        long ended = DateTime.UtcNow.Ticks;
        double processors = (Process.GetCurrentProcess().TotalProcessorTime - before) / Stopwatch.GetElapsedTime(at);
        for (long waited = Stopwatch.GetTimestamp(); Interlocked.Read(ref done) < files && !watching.IsCompleted
            && Stopwatch.GetElapsedTime(waited) < s_patience;) await Task.Delay(5, cancellationToken);
        await stop.CancelAsync();
        PipelineResult result = await watching;
        Directory.Delete(from, recursive: true);

        async Task<(long, TimeSpan, double)> FedAsync()
        {
            try
            {
                return await FeedAsync(from, first, files, rate, cancellationToken);
            }
            catch
            {
                // Before its sink is disposed.
                await stop.CancelAsync();
                await ((Task)watching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }

        // Each file by its number, so by the moment at which it landed.
        long[] lag = new long[files];
        long last = ended;
        foreach ((long when, IReadOnlyList<FileResult> batch) in committed)
        {
            foreach (FileResult file in batch)
                if (FileFeed.Number(file.File.Path) - first is >= 0 and var i && i < files)
                    lag[i] = Math.Max(0, when - begun - (long)(i / rate * TimeSpan.TicksPerSecond));
            last = Math.Max(last, when);
        }
        if (result.Books.Loaded < files) last = Math.Max(last, ended + s_patience.Ticks);
        return new HeadroomPoint(
            loggers, rate, files, Quantile(lag, 0.5), Quantile(lag, 0.99), Quantile(lag[(int)(files * 3 / 4)..], 0.5),
            TimeSpan.FromTicks(last - ended), late, processors, Environment.WorkingSet)
        {
            FeedProcessors = fed / lasts.TotalSeconds,
            Unseen = settings.Remote is { } server ? settings.Watch.Poll + server.SettleTime : TimeSpan.Zero,
        };
    }

    private async Task<(long Begun, TimeSpan Late, double Seconds)> FeedAsync(
        string from, long first, long files, double rate, CancellationToken cancellationToken)
    {
        string program = Environment.ProcessPath!, assembly = Path.Join(AppContext.BaseDirectory, "dynamo.dll");
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [assembly] : [];
        using Process feed = Process.Start(new ProcessStartInfo(program, [.. self, FileFeed.Word, from, inbox,
            first.ToString(CultureInfo.InvariantCulture), files.ToString(CultureInfo.InvariantCulture),
            rate.ToString("R", CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
        try
        {
            long begun = long.Parse((await Line("begun "))!, CultureInfo.InvariantCulture);
            double[] told = [.. (await Line("late "))!.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
            await feed.WaitForExitAsync(cancellationToken);
            return (begun, TimeSpan.FromSeconds(told[0]), told[1]);
        }
        catch
        {
            feed.Kill();
            throw;
        }

        async Task<string?> Line(string word) =>
            (await feed.StandardOutput.ReadLineAsync(cancellationToken))?.Replace(word, "", StringComparison.Ordinal)
                ?? throw new SourceException("The feed of files ended by itself.");
    }

    private static TimeSpan Quantile(long[] ticks, double share)
    {
        long[] sorted = [.. ticks.Order()];
        return TimeSpan.FromTicks(sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))]);
    }

    private sealed class Started(TaskCompletionSource started) : IProgress<WatchEvent>
    {
        public void Report(WatchEvent value)
        {
            if (value is WatchStarted) started.TrySetResult();
        }
    }
}
