using System.Runtime.CompilerServices;
using System.Text;
using Dynamo.Pipeline.Live;

namespace Dynamo.Pipeline.Tests;

/// <summary>A watch of a source in memory: the order of files, errors of every part, and how it ends.</summary>
[CancelAfter(60_000)]
public sealed class WatchTests
{
    private static readonly WatchOptions s_soon = new()
    {
        Poll = TimeSpan.FromMilliseconds(5),
        LongestPause = TimeSpan.FromMilliseconds(20),
        LongestWave = TimeSpan.FromSeconds(1),
    };

    [Test]
    public async Task What_is_fresh_comes_before_the_backlog(CancellationToken token)
    {
        var source = new LiveSource();
        int swept = int.MaxValue - 1;
        // A slow sink, which goes on quickly when the fresh files have been seen.
        var sink = new MemorySink<int> { OnWrite = async (_, _) => await Task.Delay(source.Sweeps > swept + 1 ? 0 : 20, token) };
        source.Add(Enumerable.Range(0, 30_000).Select(i => Old($"old{i:D5}")));
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { BytesInFlight = 1 << 20, BatchFiles = 200 });
        await watch.UntilAsync(() => sink.FilesWritten > 0);
        source.Add([Fresh("fresh1"), Fresh("fresh2")]);
        swept = source.Sweeps;
        await watch.UntilAsync(() => sink.FilesWritten == 30_002);
        string[] order = [.. sink.Batches.SelectMany(batch => batch)];
        PipelineResult result = await watch.StopAsync();
        Assert.Multiple(() =>
        {
            // What is in flight when they land comes first, and what is written until the next sweep has seen them.
            Assert.That(Array.IndexOf(order, "fresh1"), Is.LessThan(20_000));
            Assert.That(order, Is.Unique);
            Assert.That(result.Books.Loaded, Is.EqualTo(30_002));
        });
    }

    [Test]
    public async Task A_backlog_of_any_length_waits_at_the_source_and_all_of_it_is_loaded()
    {
        var source = new LiveSource();
        var sink = new MemorySink<int>();
        source.Add(Enumerable.Range(0, 250_000).Select(i => Old($"{i:D6}")));
        long most = 0;
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { ProgressInterval = TimeSpan.FromMilliseconds(1) });
        await watch.UntilAsync(() =>
        {
            most = Math.Max(most, watch.Last.Backlog);
            return sink.FilesWritten == 250_000;
        });
        PipelineResult result = await watch.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(result.Books.Loaded, Is.EqualTo(250_000));
            Assert.That(most, Is.Positive.And.LessThanOrEqualTo(200_000), "files that wait in memory");
        });
    }

    [Test]
    public async Task Known_files_are_neither_looked_up_nor_opened_again()
    {
        var source = new LiveSource();
        int lookUps = 0;
        var sink = new MemorySink<int> { OnLookUp = () => Interlocked.Increment(ref lookUps) };
        source.Add(Enumerable.Range(0, 1_000).Select(i => Old($"{i:D4}")));
        await using var watch = new Watch(source, sink, s_soon);
        await watch.UntilAsync(() => sink.FilesWritten == 1_000);
        int asked = lookUps, swept = source.Sweeps;
        await watch.UntilAsync(() => source.Sweeps > swept + 10);
        Assert.Multiple(() =>
        {
            Assert.That(lookUps, Is.EqualTo(asked));
            Assert.That(source.Opened, Is.EqualTo(1_000));
        });
        await watch.StopAsync();
    }

    [Test]
    public async Task A_new_version_of_a_known_file_is_loaded_and_one_that_was_removed_is_forgotten()
    {
        var source = new LiveSource();
        var sink = new MemorySink<int>();
        source.Add([Old("a"), Old("b")]);
        await using var watch = new Watch(source, sink, s_soon);
        await watch.UntilAsync(() => sink.FilesWritten == 2);
        source.Remove("a");
        int swept = source.Sweeps;
        await watch.UntilAsync(() => source.Sweeps > swept + 2);
        source.Add([Old("a")]);
        // The memory of the watch does not have it any more, and asks the ledger.
        await watch.UntilAsync(() => watch.Last.Books.AlreadyLoaded == 1);
        await watch.StopAsync();
        Assert.That(source.Opened, Is.EqualTo(2));
    }

    [Test]
    public async Task A_source_that_fails_to_list_and_to_give_goes_on_where_it_was()
    {
        var source = new LiveSource();
        var sink = new MemorySink<int>();
        int fails = 0;
        source.OnSweep = _ =>
        {
            if (Interlocked.Increment(ref fails) is > 2 and < 6) throw new SourceException("the server is down");
        };
        int opens = 0;
        source.OnOpen = file =>
        {
            if (Interlocked.Increment(ref opens) % 3 == 0) throw new SourceException("the server went away");
        };
        source.Add(Enumerable.Range(0, 100).Select(i => Fresh($"{i:D3}")));
        await using var watch = new Watch(source, sink, s_soon);
        await watch.UntilAsync(() => sink.FilesWritten == 100);
        await watch.UntilAsync(() => watch.Events.OfType<OutageEnded>().Any());
        PipelineResult result = await watch.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(sink.Batches.SelectMany(batch => batch), Is.Unique);
            Assert.That(result.Books.Loaded, Is.EqualTo(100));
            Assert.That(watch.Events.OfType<OutageBegan>().Select(outage => outage.Name), Has.All.EqualTo("live:"));
            Assert.DoesNotThrow(result.Books.Check);
        });
    }

    [Test]
    public async Task A_sink_that_fails_at_the_start_and_in_every_call_is_tried_again()
    {
        var source = new LiveSource();
        int prepared = 0, looked = 0, written = 0;
        var sink = new MemorySink<int>
        {
            OnPrepare = _ =>
                Interlocked.Increment(ref prepared) < 3 ? throw new SinkException("no server") { IsTransient = true } : default,
            OnLookUp = () =>
            {
                if (Interlocked.Increment(ref looked) % 2 == 1) throw new SinkException("no answer");
            },
            // Nothing says that it will pass: somebody may free the disk.
            OnWrite = (_, _) => Interlocked.Increment(ref written) % 2 == 1 ? throw new SinkException("the disk is full") : default,
        };
        source.Add(Enumerable.Range(0, 20).Select(i => Fresh($"{i:D3}")));
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        await watch.UntilAsync(() => sink.FilesWritten == 20);
        PipelineResult result = await watch.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(result.Books.Loaded, Is.EqualTo(20));
            Assert.That(watch.Events.OfType<OutageBegan>().First().Reason, Is.EqualTo("no server"));
            Assert.That(watch.Events.OfType<OutageEnded>().Count(), Is.EqualTo(watch.Events.OfType<OutageBegan>().Count()));
        });
    }

    [Test]
    public async Task Wrong_tables_end_it_at_once()
    {
        var sink = new MemorySink<int> { OnPrepare = _ => throw new SinkException("there is no column Value") };
        await using var watch = new Watch(new LiveSource(), sink, s_soon);
        Assert.That(
            async () => await watch.Result, Throws.TypeOf<SinkException>().With.Message.EqualTo("there is no column Value"));
    }

    [Test]
    public async Task Files_that_the_source_fails_to_complete_are_completed_after_it()
    {
        var source = new LiveSource { TakesFiles = true };
        int completions = 0;
        source.OnComplete = () =>
        {
            if (Interlocked.Increment(ref completions) <= 3) throw new SourceException("read-only");
        };
        var sink = new MemorySink<int>();
        source.Add([Fresh("a"), Fresh("b")]);
        await using var watch = new Watch(source, sink, s_soon);
        await watch.UntilAsync(() => source.Count == 0);
        PipelineResult result = await watch.StopAsync();
        Assert.That(result.Books, Has.Property("Loaded").EqualTo(2));
    }

    [Test]
    public async Task An_error_of_a_block_of_the_user_ends_it_and_names_the_block()
    {
        var source = new LiveSource();
        source.Add([Fresh("a")]);
        var stop = new CancellationTokenSource();
        FilePipeline<int> pipeline = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(new MemorySink<int>())
            .AfterCommit((CommittedBatch<int> _) => throw new InvalidOperationException("a bug"));
        PipelineException? error = Assert.CatchAsync<PipelineException>(() => pipeline.WatchAsync(s_soon, null, null, stop.Token));
        Assert.That(error!.Message, Does.Contain("AfterCommit").And.Contain("a bug"));
        await Task.CompletedTask;
    }

    [Test]
    public async Task Events_that_throw_end_it()
    {
        FilePipeline<int> pipeline = FilePipeline.From(new LiveSource()).Read(new NumberFormat()).WriteTo(new MemorySink<int>());
        PipelineException? error = Assert.CatchAsync<PipelineException>(() => pipeline.WatchAsync(s_soon, new BuggyEvents()));
        Assert.That(error!.Message, Does.Contain("events").And.Contain("a bug"));
        await Task.CompletedTask;
    }

    [Test]
    public async Task A_sink_that_hangs_stalls_it_but_a_quiet_source_does_not(CancellationToken token)
    {
        var source = new LiveSource();
        var sink = new MemorySink<int> { OnWrite = async (_, cancelled) => await Task.Delay(Timeout.Infinite, cancelled) };
        var options = new PipelineOptions { StallTimeout = TimeSpan.FromMilliseconds(100), StopDeadline = TimeSpan.FromSeconds(5) };
        await using var watch = new Watch(source, sink, s_soon, options);
        int swept = source.Sweeps;
        await watch.UntilAsync(() => source.Sweeps > swept + 20);
        Assert.That(watch.Result.IsCompleted, Is.False);
        source.Add([Fresh("a")]);
        Assert.That(async () => await watch.Result.WaitAsync(token), Throws.TypeOf<PipelineStalledException>());
    }

    [Test]
    public void Keys_of_files_are_kept_and_only_those()
    {
        var keys = new FileKeys();
        SourceFile[] files = [.. Enumerable.Range(0, 100_000).Select(i => new SourceFile($"{i}.csv", i, DateTime.UnixEpoch.AddTicks(i)))];
        foreach (SourceFile file in files) keys.Add(FileKeys.Of(file));
        foreach (SourceFile file in files) keys.Add(FileKeys.Of(file));
        Assert.Multiple(() =>
        {
            Assert.That(keys.Count, Is.EqualTo(files.Length));
            Assert.That(files.All(file => keys.Contains(FileKeys.Of(file))));
            Assert.That(files.Any(file => keys.Contains(FileKeys.Of(file with { Size = file.Size + 1 }))), Is.False);
            Assert.That(files.Any(file => keys.Contains(FileKeys.Of(file with { ModifiedUtc = DateTime.MaxValue }))), Is.False);
        });
    }

    private static SourceFile Old(string name) => new(name, 2, DateTime.UnixEpoch);

    private static SourceFile Fresh(string name) => new(name, 2, DateTime.UtcNow);

    private sealed class BuggyEvents : IProgress<WatchEvent>
    {
        public void Report(WatchEvent value) => throw new InvalidOperationException("a bug");
    }

    /// <summary>A watch, what it tells, and its end.</summary>
    private sealed class Watch : IProgress<WatchEvent>, IProgress<PipelineProgress>, IAsyncDisposable
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(50);
        private readonly CancellationTokenSource _stop = new();
        private readonly List<WatchEvent> _events = [];
        private PipelineProgress _last;

        public Watch(LiveSource source, MemorySink<int> sink, WatchOptions watch, PipelineOptions? options = null)
        {
            options = (options ?? new PipelineOptions()) with { ProgressInterval = TimeSpan.FromMilliseconds(1) };
            FilePipeline<int> pipeline = FilePipeline.From(source).Read(new NumberFormat()).WriteTo(sink, options);
            Result = Task.Run(() => pipeline.WatchAsync(watch, this, this, _stop.Token));
        }

        public Task<PipelineResult> Result { get; }

        public PipelineProgress Last
        {
            get
            {
                lock (_events) return _last;
            }
        }

        public IReadOnlyList<WatchEvent> Events
        {
            get
            {
                lock (_events) return [.. _events];
            }
        }

        public void Report(WatchEvent value)
        {
            lock (_events) _events.Add(value);
        }

        public void Report(PipelineProgress value)
        {
            lock (_events) _last = value;
        }

        public async Task UntilAsync(Func<bool> isSo)
        {
            for (DateTime end = DateTime.UtcNow + s_patience; !isSo(); await Task.Delay(1))
            {
                if (Result.IsFaulted) await Result;
                if (DateTime.UtcNow > end) Assert.Fail($"not so: {Last}; {string.Join(" | ", Events)}");
            }
        }

        public async Task<PipelineResult> StopAsync()
        {
            await _stop.CancelAsync();
            return await Result.WaitAsync(s_patience);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAny(Result, Task.Delay(s_patience));
            _stop.Dispose();
        }
    }

    /// <summary>Files in memory that come and go.</summary>
    private sealed class LiveSource : IFileSource
    {
        private readonly Lock _gate = new();
        private readonly SortedDictionary<string, SourceFile> _files = new(StringComparer.Ordinal);
        private int _sweeps, _opened;

        public string Name => "live:";

        public bool TakesFiles { get; init; }

        public int Sweeps => Volatile.Read(ref _sweeps);

        public int Opened => Volatile.Read(ref _opened);

        public Action<SourceFile> OnOpen { get; set; } = _ => { };

        public Action<int> OnSweep { get; set; } = _ => { };

        public Action OnComplete { get; set; } = () => { };

        public int Count
        {
            get
            {
                lock (_gate) return _files.Count;
            }
        }

        public void Add(IEnumerable<SourceFile> files)
        {
            lock (_gate)
                foreach (SourceFile file in files) _files[file.Path] = file;
        }

        public void Remove(string name)
        {
            lock (_gate) _files.Remove(name);
        }

        public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            OnSweep(Sweeps);
            SourceFile[] files;
            lock (_gate) files = [.. _files.Values];
            foreach (SourceFile file in files) yield return file;
            Interlocked.Increment(ref _sweeps);
            await Task.CompletedTask;
        }

        public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _opened);
            OnOpen(file);
            return new(new FileContent(Encoding.UTF8.GetBytes("1\n")));
        }

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken)
        {
            OnComplete();
            if (TakesFiles)
                foreach (CompletedFile file in files) Remove(file.File.Path);
            return default;
        }

        public ValueTask DisposeAsync() => default;
    }
}
