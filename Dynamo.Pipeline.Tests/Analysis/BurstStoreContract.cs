using Dapper;
using Dynamo.Pipeline.Analysis;
using Microsoft.Data.SqlClient;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>What <see cref="BurstWatch"/> needs of a database, on each of them.</summary>
[CancelAfter(120_000), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal abstract class BurstStoreContract
{
    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    protected abstract IBatchSink<Reading> Sink { get; }

    protected abstract IBurstStore Store { get; }

    [Test]
    public async Task Before_anything_was_looked_after_there_are_no_events(CancellationToken token)
    {
        await ImportAsync([new Reading("M", "flow", s_start, 1)], token);
        Assert.That(await Store.EventsAsync(null, DateTime.MinValue, token), Is.Empty);
    }

    [Test]
    public async Task Readings_are_read_counted_and_spanned_by_series_and_time(CancellationToken token)
    {
        Reading[] readings = [.. Enumerable.Range(0, 10).SelectMany(i => (Reading[])
        [
            new("M", "flow", s_start.AddMinutes(15 * i).AddTicks(1_234_567 * i), i), new("P", "pressure", s_start.AddHours(i), 100 + i),
            new("M", "level", s_start.AddHours(i), 7), new("m", "flow", s_start.AddHours(i), 7),
        ])];
        await ImportAsync(readings, token);
        (string, string)[] series = [("M", "flow"), ("P", "pressure"), ("none", "flow")];
        DateTime from = s_start.AddMinutes(15), before = s_start.AddHours(2);
        List<(int, DateTime, double)> found = [];
        await Store.ReadAsync(series, from, before, (one, at, value) => found.Add((one, at, value)), token);
        (int, DateTime, double)[] expected = [.. readings.Where(r => r.TimestampUtc >= from && r.TimestampUtc < before)
            .Select(r => (Array.IndexOf(series, (r.Logger, r.Channel)), r.TimestampUtc, r.Value)).Where(r => r.Item1 >= 0)];
        Assert.Multiple(async () =>
        {
            Assert.That(found, Is.EquivalentTo(expected));
            Assert.That(found.Select(one => one.Item2.Kind), Has.All.EqualTo(DateTimeKind.Utc));
            Assert.That(await Store.CountAsync(series, from, before, token), Is.EqualTo(expected.Length));
            Assert.That(await Store.SpanAsync(series, token), Is.EqualTo((s_start, s_start.AddHours(9))));
            Assert.That(await Store.SpanAsync(series[2..], token), Is.Null);
        });
    }

    [Test]
    public async Task Changes_are_kept_together_and_events_are_untold_until_they_are_told_in_their_state(CancellationToken token)
    {
        await ImportAsync([new Reading("M", "flow", s_start, 1)], token);
        await Store.PrepareAsync(token);
        await Store.PrepareAsync(token);
        AreaEvent first = Event("Nörd 'x'", 1), second = Event("Nörd 'x'", 2), other = Event("South", 1);
        await Store.SaveAsync(new AreaChange("Nörd 'x'", [first, second], [], [State(1), State(2)], []), token);
        await Store.SaveAsync(new AreaChange("South", [other], [], [State(1)], []), token);
        await Store.ToldAsync([first], token);
        AreaEvent confirmed = Event("Nörd 'x'", 1, BurstState.Confirmed);
        await Store.SaveAsync(new AreaChange("Nörd 'x'", [confirmed], [], [State(2, 9)], [State(1).UntilUtc]), token);
        IReadOnlyList<AreaEvent> untold = await Store.UntoldAsync("Nörd 'x'", token);
        await Store.ToldAsync(untold, token);
        await Store.SaveAsync(new AreaChange("Nörd 'x'", [], [second.Event.Detected], [], []), token);
        Assert.Multiple(async () =>
        {
            Assert.That(untold, Is.EqualTo(new[] { confirmed, second }).Using(new BurstWatchTests.Same()));
            Assert.That(await Store.UntoldAsync("Nörd 'x'", token), Is.Empty);
            Assert.That(
                await Store.EventsAsync(null, DateTime.MinValue, token),
                Is.EqualTo(new[] { confirmed, other }).Using(new BurstWatchTests.Same()));
            Assert.That(await Store.EventsAsync("South", first.Event.Detected, token), Is.Empty, "detected later only");
            Assert.That(await Store.StatesAsync("Nörd 'x'", token), Is.EqualTo(new[] { State(2).UntilUtc }));
            Assert.That(await Store.StateAsync("Nörd 'x'", State(2).UntilUtc, token), Is.EqualTo(State(2, 9).State));
            Assert.That(await Store.StateAsync("Nörd 'x'", State(1).UntilUtc, token), Is.Null);
        });
    }

    [Test]
    public async Task The_events_of_a_town_are_those_of_the_classes(CancellationToken token)
    {
        await ImportAsync(BurstWatchTests.Readings, token);
        await using var watch = new BurstWatch([BurstWatchTests.Area], Store);
        await watch.BeginAsync(token);
        await using var again = new BurstWatch([BurstWatchTests.Area], Store);
        await again.BeginAsync(token);
        Assert.That(
            await Store.EventsAsync(null, DateTime.MinValue, token),
            Is.EqualTo(await BurstWatchTests.Once).Using(new BurstWatchTests.Same()));
    }

    private Task ImportAsync(IReadOnlyList<Reading> readings, CancellationToken token) => ImportAsync(Sink, readings, token);

    /// <summary>Puts readings into a database, from one file.</summary>
    internal static async Task ImportAsync(IBatchSink<Reading> to, IReadOnlyList<Reading> readings, CancellationToken token)
    {
        await using IBatchSink<Reading> sink = to;
        using var inbox = new ScratchFolder();
        File.WriteAllLines(inbox["a.csv"], ["logger,channel,timestamp,value", .. readings.Select(r =>
            FormattableString.Invariant($"{r.Logger},{r.Channel},{r.TimestampUtc:yyyy-MM-ddTHH:mm:ss.fffffff}Z,{r.Value:R}"))]);
        var format = new CsvFormat<Reading>(ReadingFormat.Default);
        var settled = new FolderSourceOptions { SettleTime = TimeSpan.Zero };
        await FilePipeline.From(new FolderSource(inbox.Path, settled)).Read(format).WriteTo(sink).RunAsync(cancellationToken: token);
    }

    private static AreaState State(int day, byte with = 0) => new(s_start.AddDays(day), [.. Enumerable.Repeat(with, 50_000), 1, 2, 3]);

    private static AreaEvent Event(string area, int day, BurstState state = BurstState.Suspected) => new(
        area,
        new BurstEvent(s_start.AddDays(day), s_start.AddDays(day).AddHours(-3), 12.5)
        {
            Uncertainty = 0.25, IsSudden = day == 1, FlowConfidence = 0.99, PressureConfidence = 0.5, State = state,
            Changed = s_start.AddDays(day + 1), RepeatOf = day == 2 ? s_start : null, Drops = [1, 2.5, double.NaN],
            Sensitivities = [3, 2, 1],
        },
        [new RankedPlace(new Place("P1", 1.5, -2), 12, 0.75), new RankedPlace(new Place("P \"2\"", 0, 0), 1, 0.125)]);
}

internal sealed class SqliteBurstStoreTests : BurstStoreContract
{
    private readonly ScratchFolder _folder = new();

    protected override IBatchSink<Reading> Sink => new SqliteSink<Reading>(_folder["r.db"], ReadingTable.Default);

    protected override IBurstStore Store => new SqliteBurstStore(_folder["r.db"]);

    [TearDown]
    public void Remove()
    {
        SqliteConnection.ClearAllPools();
        _folder.Dispose();
    }
}

internal sealed class SqlServerBurstStoreTests : BurstStoreContract
{
    private readonly SqlServerTestDatabase _database = new();

    protected override IBatchSink<Reading> Sink => _database.NewSink();

    protected override IBurstStore Store => new SqlServerBurstStore(_database.ConnectionString, _database.Map, _database.Options);

    [TearDown]
    public async Task RemoveAsync()
    {
        if (_database.Endpoint is null)
        {
            await using var connection = new SqlConnection(_database.ConnectionString);
            await connection.ExecuteAsync("DROP TABLE IF EXISTS BurstEvent; DROP TABLE IF EXISTS BurstState");
        }
        await _database.DisposeAsync();
    }
}
