using System.Runtime.CompilerServices;
using System.Text;
using Dynamo.Pipeline.Live;
using Microsoft.Extensions.Time.Testing;

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
        // Long enough for a busy machine to come round to its sweeps.
        var options = new PipelineOptions { StallTimeout = TimeSpan.FromSeconds(2), StopDeadline = TimeSpan.FromSeconds(5) };
        await using var watch = new Watch(source, sink, s_soon, options);
        int swept = source.Sweeps;
        await watch.UntilAsync(() => source.Sweeps > swept + 20);
        Assert.That(watch.Result.IsCompleted, Is.False);
        source.Add([Fresh("a")]);
        Assert.That(async () => await watch.Result.WaitAsync(token), Throws.TypeOf<PipelineStalledException>());
    }

    [Test]
    public async Task A_sink_that_only_says_again_and_again_that_it_waits_stalls_it(CancellationToken token)
    {
        var source = new LiveSource();
        MemorySink<int>? sink = null;
        sink = new MemorySink<int>
        {
            OnWrite = async (_, cancelled) =>
            {
                for (; ; await Task.Delay(1, cancelled)) sink!.Run!.Waits("its answer", TimeSpan.Zero);
            },
        };
        source.Add([Fresh("a")]);
        var options = new PipelineOptions { StallTimeout = TimeSpan.FromMilliseconds(100), StopDeadline = TimeSpan.FromSeconds(5) };
        await using var watch = new Watch(source, sink, s_soon, options);
        Assert.That(async () => await watch.Result.WaitAsync(token), Throws.TypeOf<PipelineStalledException>());
    }

    [Test]
    public async Task An_outage_of_a_look_up_that_waited_ends_with_its_answer(CancellationToken token)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var source = new LiveSource();
        using var answer = new ManualResetEventSlim(true);
        MemorySink<int>? sink = null;
        sink = new MemorySink<int>
        {
            OnLookUp = () =>
            {
                if (answer.IsSet) return;
                sink!.Run!.Waits("its answer", TimeSpan.FromMinutes(4));
                answer.Wait(token);
            },
        };
        source.Add([Old("a")]);
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { TimeProvider = time });
        await UntilAsync(() => sink.FilesWritten == 1);
        source.Remove("a");
        int swept = source.Sweeps;
        await UntilAsync(() => source.Sweeps > swept + 2);
        answer.Reset();
        // The ledger has it, so nothing is written.
        source.Add([Old("a")]);
        await UntilAsync(() => watch.Events.OfType<OutageBegan>().Any());
        answer.Set();
        await UntilAsync(() => watch.Events.OfType<OutageEnded>().Any());
        Assert.That(watch.Events.OfType<OutageBegan>().Single().Reason, Is.EqualTo("It waits: its answer."));

        Task UntilAsync(Func<bool> isSo) => watch.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return isSo();
        });
    }

    [Test]
    public async Task A_file_that_cannot_be_read_is_counted_once_and_offered_again_after_a_while_and_when_it_changed()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var source = new LiveSource();
        bool mayRead = false;
        source.OnOpen = file =>
        {
            if (file.Path == "bad" && !mayRead) throw new UnreadableFileException("no right to read it");
        };
        var sink = new MemorySink<int>();
        source.Add([Old("bad"), Old("good")]);
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { TimeProvider = time });
        await SweepsAsync(20, TimeSpan.FromMilliseconds(50));
        Assert.That((sink.FilesWritten, source.Opened), Is.EqualTo((1, 2)), "not offered at each sweep");
        await UntilAsync(() => source.Opened == 5, TimeSpan.FromSeconds(1));
        source.Add([Old("bad") with { Size = 3 }]);
        await UntilAsync(() => source.Opened == 6, TimeSpan.FromMilliseconds(50));
        mayRead = true;
        await UntilAsync(() => sink.FilesWritten == 2, TimeSpan.FromSeconds(1));
        await SweepsAsync(2, TimeSpan.FromMilliseconds(50));
        PipelineResult result = await watch.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.DoesNotThrow(result.Books.Check);
            // The two versions of the bad file, and the good one. The first version is gone for good.
            Assert.That(result.Books, Has.Property("Listed").EqualTo(3).And.Property("Loaded").EqualTo(2)
                .And.Property("Deferred").EqualTo(1));
            Assert.That(watch.Events.OfType<WaveCommitted>().Select(wave => wave.Books.Deferred), Has.All.GreaterThanOrEqualTo(0));
            Assert.That(watch.Events.OfType<WaveCommitted>().Sum(wave => wave.Books.Loaded), Is.EqualTo(2));
        });

        Task SweepsAsync(int more, TimeSpan step)
        {
            int swept = source.Sweeps;
            return UntilAsync(() => source.Sweeps > swept + more, step);
        }

        Task UntilAsync(Func<bool> isSo, TimeSpan step) => watch.UntilAsync(() =>
        {
            time.Advance(step);
            return isSo();
        });
    }

    [Test]
    public async Task However_many_young_files_there_are_they_settle_side_by_side()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var source = new LiveSource { SettleTime = TimeSpan.FromMinutes(1) };
        var sink = new MemorySink<int>();
        source.Add(Enumerable.Range(0, 120_000).Select(i => Fresh($"{i:D6}")));
        await using var watch = new Watch(source, sink, s_soon, new PipelineOptions { TimeProvider = time });
        await watch.UntilAsync(() => source.Sweeps > 0);
        DateTimeOffset twice = time.GetUtcNow() + 2 * TimeSpan.FromMinutes(1);
        await watch.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(sink.FilesWritten == 0 ? 500 : 10));
            return sink.FilesWritten == 120_000 || time.GetUtcNow() >= twice;
        });
        Assert.That((sink.FilesWritten, time.GetUtcNow() < twice), Is.EqualTo((120_000, true)));
    }

    [Test]
    public void A_deferred_file_waits_longer_each_time_up_to_a_quarter_of_an_hour_and_is_forgotten_when_it_is_gone()
    {
        var time = new FakeTimeProvider();
        var files = new DeferredFiles(time);
        var waited = new List<double>();
        for (int i = 0; i < 9; i++)
        {
            files.Add(7);
            DateTimeOffset began = time.GetUtcNow();
            while (files.Waits(7)) time.Advance(TimeSpan.FromSeconds(10));
            waited.Add((time.GetUtcNow() - began).TotalSeconds);
        }
        Assert.That(waited, Is.EqualTo(new[] { 10, 20, 40, 80, 160, 320, 640, 900, 900 }));
        files.AddInOutage(7);
        Assert.That((files.Contains(7), files.Waits(7)), Is.EqualTo((true, false)), "the source failed, not the file");
        files.SweepBegins();
        files.ForgetUnseen(key => key == 7);
        Assert.That(files.Contains(7), Is.True, "it was offered again, which counts when it is dealt with");
        files.ForgetUnseen(_ => false);
        Assert.That(files.Contains(7), Is.False);
    }

    [Test]
    public void A_server_is_listed_often_when_files_are_expected_and_seldom_between(
        [Values(0, 7, 14)] int minutes, [Values(0, 90)] int lasts)
    {
        TimeSpan poll = TimeSpan.FromSeconds(5), every = TimeSpan.FromMinutes(15);
        var time = new FakeTimeProvider();
        DateTimeOffset start = time.GetUtcNow(), seen = start;
        var rhythm = new PollRhythm(poll, time);
        int lists = 0;
        var late = new List<TimeSpan>();
        while (time.GetUtcNow() < start + 40 * every)
        {
            // A file lands every ten seconds while a wave lasts.
            bool isNew = false;
            for (int wave = 0; wave < 40; wave++)
                for (int second = 0; second <= lasts; second += 10)
                {
                    DateTimeOffset landed = start + wave * every + TimeSpan.FromMinutes(minutes) + TimeSpan.FromSeconds(second + 1);
                    if (landed <= seen || landed > time.GetUtcNow()) continue;
                    isNew = true;
                    if (wave >= 10) late.Add(time.GetUtcNow() - landed);
                }
            seen = time.GetUtcNow();
            TimeSpan pause = rhythm.Next(isNew);
            lists++;
            Assert.That(pause, Is.InRange(poll, 5 * poll));
            time.Advance(pause);
        }
        Assert.That(late, Has.Count.GreaterThanOrEqualTo(29).And.All.LessThanOrEqualTo(poll));
        // Listed at the longest pause all the time it would be 36 in an interval; at the shortest, 180.
        Assert.That(lists / 40.0, Is.LessThan(45 + lasts / 5));
    }

    [Test]
    public void A_server_to_which_files_come_as_they_like_is_listed_less_and_less_often_while_none_comes()
    {
        var time = new FakeTimeProvider();
        var rhythm = new PollRhythm(TimeSpan.FromSeconds(2), time);
        double[] gaps = [100, 450, 31, 900, 77, 300];
        foreach (double gap in gaps)
        {
            Assert.That(rhythm.Next(isNew: true).TotalSeconds, Is.EqualTo(2));
            time.Advance(TimeSpan.FromSeconds(gap));
        }
        Assert.That(Enumerable.Range(0, 6).Select(_ => rhythm.Next(isNew: false).TotalSeconds),
            Is.EqualTo(new[] { 3, 4.5, 6.75, 10, 10, 10 }));
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

        /// <summary>How long each file takes to settle.</summary>
        public TimeSpan? SettleTime { get; init; }

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

        public async IAsyncEnumerable<SourceFile> SweepAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (SourceFile file in ListAsync(cancellationToken))
                yield return SettleTime is null ? file : file with { DeferReason = "young", SettlesIn = SettleTime };
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
