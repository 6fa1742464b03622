using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests.Analysis;

[TestFixture]
internal sealed class BurstWatchTests
{
    private const int Day = Town.StepsPerDay;
    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static readonly Town s_town =
        new(8, 4, 100, [new TownLeak(40, 20 * Day + 20, 26 * Day, 25, 0), new TownLeak(12, 30 * Day + 7, 60 * Day, 25, 0)]);

    internal static readonly WatchedArea Area = new("North", [new InflowPart("M", "flow")])
    {
        Pressures = [.. s_town.LoggerNodes.Select((node, i) => new PressurePoint($"P{i}", "pressure", s_town.Graph.Nodes[node].Name))],
        Pipes = s_town.Graph,
    };

    private static readonly Lazy<List<Reading>> s_readings = new(() => Of(35));

    private static readonly Lazy<Task<AreaEvent[]>> s_once = new(OnceAsync);

    internal static IReadOnlyList<Reading> Readings => s_readings.Value;

    /// <summary>The events when everything is there at once.</summary>
    internal static Task<AreaEvent[]> Once => s_once.Value;

    private static async Task<AreaEvent[]> OnceAsync()
    {
        var store = new MemoryStore();
        store.Write(s_readings.Value);
        await using var watch = new BurstWatch([Area], store);
        await watch.BeginAsync();
        return store.Sorted();
    }

    [Test]
    public async Task Both_bursts_are_there_with_their_places()
    {
        AreaEvent[] events = await s_once.Value;
        AreaEvent[] lasting = [.. events.Where(one => one.Event.State != BurstState.Passed && one.Event.Size > 10)];
        Assert.Multiple(() =>
        {
            Assert.That(lasting, Has.Length.EqualTo(2));
            Assert.That(lasting[0].Event.State, Is.EqualTo(BurstState.Repaired));
            Assert.That(lasting[1].Event.State, Is.EqualTo(BurstState.Confirmed));
            Assert.That(lasting, Has.All.Matches<AreaEvent>(one => one.Places.Count > 0));
        });
    }

    [Test]
    public async Task Order_and_batches_of_arrival_do_not_change_the_events([Range(1, 4)] int seed)
    {
        var random = new Random(seed);
        var store = new MemoryStore();
        await using var watch = new BurstWatch([Area], store);
        await watch.BeginAsync();
        // Most come in order, some hours or days late, in batches of any size.
        (Reading Reading, double At)[] arrivals = [.. s_readings.Value
            .Select(reading => (reading, (reading.TimestampUtc - s_start).TotalDays + (random.Next(50) == 0 ? random.NextDouble() * 5 : 0)))
            .OrderBy(arrival => arrival.Item2)];
        for (int from = 0; from < arrivals.Length;)
        {
            int count = random.Next(6) == 0 ? random.Next(1, 4000) : random.Next(1, 30);
            Reading[] batch = [.. arrivals.Skip(from).Take(count).Select(arrival => arrival.Reading).OrderBy(_ => random.Next())];
            await watch.AddAsync(store.Commit(batch));
            from += count;
        }
        Assert.That(store.Sorted(), Is.EqualTo(await s_once.Value).Using(new Same()));
    }

    [Test]
    public async Task Killed_at_any_batch_and_begun_again_it_tells_the_same_events_once([Range(1, 4)] int seed)
    {
        var random = new Random(seed);
        var store = new MemoryStore();
        List<AreaEvent> told = [];
        var watch = new BurstWatch([Area], store, told.Add);
        foreach (Reading[] batch in s_readings.Value.OrderBy(reading => reading.TimestampUtc).Chunk(random.Next(300, 1500)))
        {
            CommittedBatch<Reading> committed = store.Commit(batch);
            // It is killed after the commit, and perhaps before it sees the batch.
            bool isKilled = random.Next(4) == 0;
            if (!isKilled || random.Next(2) == 0) await watch.AddAsync(committed);
            if (isKilled) watch = new BurstWatch([Area], store, told.Add);
        }
        await new BurstWatch([Area], store, told.Add).BeginAsync();
        Assert.Multiple(async () =>
        {
            Assert.That(store.Sorted(), Is.EqualTo(await s_once.Value).Using(new Same()));
            Assert.That(told.Select(one => (one.Event.Detected, one.Event.State)), Is.Unique);
        });
    }

    [Test]
    public async Task Doubled_readings_change_nothing_and_corrected_ones_give_the_events_of_what_is_in_the_table()
    {
        var store = new MemoryStore();
        await using var watch = new BurstWatch([Area], store);
        foreach (Reading[] day in s_readings.Value.OrderBy(reading => reading.TimestampUtc).Chunk(5 * Day))
        {
            // A burst that was an error: a week later the values come right.
            Reading[] wrong = [.. day.Select(r =>
                r.TimestampUtc >= s_start.AddDays(16) && r.TimestampUtc < s_start.AddDays(17) && r.Channel == "flow"
                ? r with { Value = r.Value + 60 } : r)];
            await watch.AddAsync(store.Commit(wrong));
            await watch.AddAsync(store.Commit(wrong));
            if (day[0].TimestampUtc >= s_start.AddDays(23) && day[0].TimestampUtc < s_start.AddDays(24))
                await watch.AddAsync(store.Commit([.. s_readings.Value.Where(r =>
                    r.TimestampUtc >= s_start.AddDays(16) && r.TimestampUtc < s_start.AddDays(17))]));
        }
        Assert.That(store.Sorted(), Is.EqualTo(await s_once.Value).Using(new Same()));
    }

    [Test]
    public async Task A_clock_in_the_future_does_not_end_the_present()
    {
        var store = new MemoryStore();
        await using var watch = new BurstWatch([Area], store);
        foreach (Reading[] day in s_readings.Value.OrderBy(reading => reading.TimestampUtc).Chunk(5 * Day))
        {
            await watch.AddAsync(store.Commit(day));
            await watch.AddAsync(store.Commit([new Reading("P0", "pressure", DateTime.UtcNow.AddYears(1 + store.Count % 7), 1)]));
        }
        Assert.That(store.Sorted(), Is.EqualTo(await s_once.Value).Using(new Same()));
    }

    [Test]
    public async Task A_tank_that_fills_is_no_inflow_of_the_area()
    {
        const int Days = 25;
        double level = 3;
        List<Reading> readings = [];
        var town = new Town(11, 0, 100, [new TownLeak(3, 20 * Day, 40 * Day, 20, 0)]);
        for (int step = 0; step < Days * Day; step++)
        {
            double fill = step % Day is < 24 or > 80 ? 30 : -12;
            level += fill / 4 / 150;
            DateTime at = s_start.AddMinutes(15 * step);
            readings.Add(new Reading("M", "flow", at, (town.Inflow(step) + fill) / 3.6));
            readings.Add(new Reading("T", "level", at, level));
        }
        var store = new MemoryStore();
        store.Write(readings);
        var area = new WatchedArea("T", [new InflowPart("M", "flow", 3.6), new InflowPart("T", "level", 150, isTankLevel: true)]);
        await new BurstWatch([area], store).BeginAsync();
        Assert.That(store.Sorted().Select(one => one.Event).Where(e => e.State == BurstState.Confirmed).Select(e => e.Size),
            Has.One.EqualTo(20).Within(3));
    }

    [Test]
    public async Task The_whole_pipeline_gives_the_events_of_the_classes([Values] bool killed)
    {
        using var folder = new ScratchFolder();
        string inbox = Path.Join(folder.Path, "inbox"), database = Path.Join(folder.Path, "readings.db");
        Directory.CreateDirectory(inbox);
        int number = 0;
        foreach (var file in s_readings.Value.GroupBy(reading => (reading.Logger, Day: reading.TimestampUtc.Date)).OrderBy(file =>
            file.Key.Day))
        {
            string path = Path.Join(inbox, $"{file.Key.Logger}_{number++:00000}.csv");
            await File.WriteAllLinesAsync(path, file
                .Select(r => FormattableString.Invariant($"{r.Logger},{r.Channel},{r.TimestampUtc:yyyy-MM-ddTHH:mm:ssZ},{r.Value:R}"))
                .Prepend("logger,channel,timestamp,value"));
            File.SetLastWriteTimeUtc(path, file.Key.Day.AddDays(1));
        }
        var store = new SqliteBurstStore(database);
        List<AreaEvent> told = [];
        for (int run = killed ? 0 : 1; run < 2; run++)
        {
            await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
            await using var watch = new BurstWatch([Area], store, told.Add);
            using var stop = new CancellationTokenSource();
            int batches = 0;
            await FilePipeline.From(new FolderSource(inbox, "*.csv")).Read(new CsvFormat<Reading>(ReadingFormat.Default))
                .WriteTo(sink, new PipelineOptions { BatchRows = 400, FilesPerMessage = 3 })
                .AfterCommit(async batch =>
                {
                    if (run == 0 && ++batches == 20) await stop.CancelAsync();
                    if (run > 0 || batches < 18) await watch.AddAsync(batch);
                })
                .RunAsync(cancellationToken: stop.Token).WaitAsync(TimeSpan.FromSeconds(60));
            // Where nothing is new, nothing is committed.
            if (run > 0) await watch.BeginAsync();
        }
        IReadOnlyList<AreaEvent> events = await store.EventsAsync(null, DateTime.MinValue, default);
        Assert.Multiple(async () =>
        {
            Assert.That(events, Is.EqualTo(await s_once.Value).Using(new Same()));
            // Files of whole days come one after the other: what looked so without the others is taken back.
            Assert.That(told.Select(one => one.Event.Detected), Is.SupersetOf(events.Select(one => one.Event.Detected)));
        });
    }

    [Test]
    public void Two_areas_of_one_name_are_refused() =>
        Assert.That(() => new BurstWatch([Area, Area], new MemoryStore()),
            Throws.ArgumentException.With.Message.Contains("name North"));

    private static List<Reading> Of(int days)
    {
        List<Reading> readings = [];
        for (int step = 0; step < days * Day; step++)
        {
            DateTime at = s_start.AddMinutes(15 * step);
            readings.Add(new Reading("M", "flow", at, Math.Round(s_town.Inflow(step), 3)));
            for (int i = 0; i < 4; i++) readings.Add(new Reading($"P{i}", "pressure", at, Math.Round(s_town.Pressure(i, step), 3)));
        }
        return readings;
    }

    internal sealed class Same : IEqualityComparer<AreaEvent>
    {
        private static readonly double[] s_none = [];

        public bool Equals(AreaEvent? x, AreaEvent? y) =>
            x!.Area == y!.Area && x.Event with { Drops = s_none, Sensitivities = s_none } == y.Event with { Drops = s_none,
                Sensitivities = s_none }
            && x.Event.Drops.SequenceEqual(y.Event.Drops) && x.Places.SequenceEqual(y.Places);

        public int GetHashCode(AreaEvent obj) => 0;
    }

    /// <summary>A database that is a dictionary.</summary>
    private sealed class MemoryStore : IBurstStore
    {
        private readonly Dictionary<(string, string), SortedDictionary<DateTime, double>> _readings = [];
        private readonly Dictionary<(string, DateTime), AreaEvent> _events = [];
        private readonly Dictionary<(string, DateTime), byte[]> _states = [];
        private readonly Dictionary<(string, DateTime), BurstState> _told = [];

        public int Count { get; private set; }

        public AreaEvent[] Sorted() => [.. _events.Values.OrderBy(one => one.Event.Detected)];

        public (long Inserted, long Updated) Write(IEnumerable<Reading> readings)
        {
            long inserted = 0, updated = 0;
            foreach (Reading reading in readings)
            {
                if (!_readings.TryGetValue((reading.Logger, reading.Channel), out SortedDictionary<DateTime, double>? series))
                    _readings[(reading.Logger, reading.Channel)] = series = [];
                if (!series.TryGetValue(reading.TimestampUtc, out double was)) inserted++;
                else if (was != reading.Value) updated++;
                series[reading.TimestampUtc] = reading.Value;
            }
            return (inserted, updated);
        }

        public CommittedBatch<Reading> Commit(Reading[] readings)
        {
            Count++;
            (long inserted, long updated) = Write(readings);
            var file = new SourceFile($"{Count}.csv", 1, s_start);
            var rows = new RowBatch<Reading>();
            for (int i = 0; i < readings.Length; i++) rows.Add(readings[i], i + 2);
            return new CommittedBatch<Reading>(
                [new FileRows<Reading>(file, rows)],
                [new FileResult(file, FileOutcome.Loaded) { Inserted = inserted, Updated = updated,
                    Unchanged = readings.Length - inserted - updated }]);
        }

        public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<IReadOnlyList<DateTime>> StatesAsync(string area, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<DateTime>>([.. _states.Keys.Where(key => key.Item1 == area).Select(key => key.Item2).Order()]);

        public Task<byte[]?> StateAsync(string area, DateTime untilUtc, CancellationToken cancellationToken) =>
            Task.FromResult(_states.GetValueOrDefault((area, untilUtc)));

        public Task<IReadOnlyList<AreaEvent>> EventsAsync(string? area, DateTime afterUtc, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<AreaEvent>>([.. Sorted().Where(one =>
                (area is null || one.Area == area) && one.Event.Detected > afterUtc)]);

        public Task ReadAsync(
            IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime,
                double> found,
            CancellationToken cancellationToken)
        {
            for (int i = 0; i < series.Count; i++)
            {
                foreach ((DateTime at, double value) in _readings.GetValueOrDefault(series[i]) ?? [])
                    if (at >= fromUtc && at < beforeUtc) found(i, at, value);
            }
            return Task.CompletedTask;
        }

        public Task<long> CountAsync(
            IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc,
                CancellationToken cancellationToken) =>
            Task.FromResult(series.Sum(one =>
                (long)(_readings.GetValueOrDefault(one)?.Keys.Count(at => at >= fromUtc && at < beforeUtc) ?? 0)));

        public Task<(DateTime Oldest, DateTime Newest)?> SpanAsync(
            IReadOnlyList<(string Logger, string Channel)> series, CancellationToken cancellationToken)
        {
            DateTime[] times = [.. series.SelectMany(one => _readings.GetValueOrDefault(one)?.Keys ?? Enumerable.Empty<DateTime>())];
            return Task.FromResult<(DateTime, DateTime)?>(times.Length == 0 ? null : (times.Min(), times.Max()));
        }

        public Task SaveAsync(AreaChange change, CancellationToken cancellationToken)
        {
            foreach (DateTime gone in change.Gone)
            {
                _events.Remove((change.Area, gone));
                _told.Remove((change.Area, gone));
            }
            foreach (AreaEvent told in change.Events) _events[(told.Area, told.Event.Detected)] = told;
            foreach (DateTime outdated in change.Outdated) _states.Remove((change.Area, outdated));
            foreach (AreaState kept in change.States) _states[(change.Area, kept.UntilUtc)] = kept.State;
            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<AreaEvent>> UntoldAsync(string area, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<AreaEvent>>([.. Sorted().Where(one => one.Area == area
                && !(_told.TryGetValue((area, one.Event.Detected), out BurstState told) && told == one.Event.State))]);

        public Task ToldAsync(IReadOnlyList<AreaEvent> events, CancellationToken cancellationToken)
        {
            foreach (AreaEvent told in events) _told[(told.Area, told.Event.Detected)] = told.Event.State;
            return Task.CompletedTask;
        }
    }
}
