using System.Diagnostics;
using System.Globalization;
using Dynamo.Pipeline.Analysis;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>
/// What it costs to look after 1,000 areas with 20,000 loggers while their files come in: a file of each logger every 15 minutes, imported
/// in turn with the analysis and without it.
/// </summary>
[Soak(ByHand = true), CancelAfter(1_800_000)]
internal sealed class AreaMeasurements
{
    private const int Areas = 1_000, Each = 20, Days = 15, Rounds = 9;

    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Test]
    public async Task The_import_with_areas_against_without(CancellationToken token)
    {
        using var folder = new ScratchFolder();
        string database = folder["r.db"];
        await BurstStoreContract.ImportAsync(
            new SqliteSink<Reading>(database, ReadingTable.Default), [new Reading("x", "flow", s_start, 1)], token);
        Fill(database);
        WatchedArea[] areas = [.. Enumerable.Range(0, Areas).Select(area =>
            new WatchedArea($"A{area}", [new InflowPart(Name(area, 0), "v")])
            {
                Pressures = [.. Enumerable.Range(1, Each - 1).Select(i => new PressurePoint(Name(area, i), "v", null, i, i * i % 7))],
            })];
        await using var watch = new BurstWatch(areas, new SqliteBurstStore(database));
        long before = GC.GetTotalMemory(forceFullCollection: true), at = Stopwatch.GetTimestamp();
        await watch.BeginAsync(token);
        TestContext.Out.WriteLine($"history of {Days} days taken up in {Stopwatch.GetElapsedTime(at).TotalSeconds:F1} s");
        TestContext.Out.WriteLine($"{(GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6 / Areas:F3} MB an area");
        List<double> with = [], without = [], cpuWith = [], cpuWithout = [];
        for (int round = 0; round <= 2 * Rounds; round++)
        {
            bool isWatched = round % 2 == 0;
            string inbox = folder[$"in{round}"];
            Directory.CreateDirectory(inbox);
            int step = Days * 96 + round;
            DateTime time = s_start.AddMinutes(15 * step);
            for (int area = 0; area < Areas; area++)
            {
                for (int i = 0; i < Each; i++)
                {
                    string name = Name(area, i), row = string.Create(
                        CultureInfo.InvariantCulture, $"{name},v,{time:yyyy-MM-ddTHH:mm:ssZ},{Value(area, i, step):F3}\n");
                    await File.WriteAllTextAsync(Path.Join(inbox, name + ".csv"), "logger,channel,timestamp,value\n" + row, token);
                }
            }
            var source = new FolderSource(inbox, new FolderSourceOptions { SettleTime = TimeSpan.Zero });
            await using var sink = new SqliteSink<Reading>(database, ReadingTable.Default);
            FilePipeline<Reading> pipeline =
                FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink);
            if (isWatched) pipeline = pipeline.AfterCommit(watch.AddAsync);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            at = Stopwatch.GetTimestamp();
            await pipeline.RunAsync(cancellationToken: token);
            double took = Stopwatch.GetElapsedTime(at).TotalSeconds, used = (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
            Directory.Delete(inbox, recursive: true);
            if (round == 0) continue;
            (isWatched ? with : without).Add(took);
            (isWatched ? cpuWith : cpuWithout).Add(used);
        }
        Print("20,000 files", with, without);
        Print("processor", cpuWith, cpuWithout);
    }

    private static void Print(string what, List<double> with, List<double> without)
    {
        string Text(List<double> all) => string.Join(' ', all.Select(one => one.ToString("F3", CultureInfo.InvariantCulture)));
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"{what}: with {Middle(with):F3} s, without {Middle(without):F3} s: {Middle(with) / Middle(without):F3}"));
        TestContext.Out.WriteLine($"  {Text(with)} | {Text(without)}");
    }

    private static void Fill(string database)
    {
        using var db = new SqliteConnection($"Data Source={database};Pooling=False");
        db.Open();
        using SqliteCommand command = db.CreateCommand();
        command.CommandText = "PRAGMA synchronous = OFF; BEGIN";
        command.ExecuteNonQuery();
        command.CommandText = "INSERT INTO Reading (Logger, Channel, TimestampUtc, Value) VALUES (@l, 'v', @t, @v)";
        SqliteParameter logger = command.Parameters.Add("@l", SqliteType.Text), time = command.Parameters.Add("@t", SqliteType.Text),
            value = command.Parameters.Add("@v", SqliteType.Real);
        string[] times = [.. Enumerable.Range(0, Days * 96).Select(step =>
            s_start.AddMinutes(15 * step).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture))];
        for (int series = 0; series < Areas * Each; series++)
        {
            (int area, int i) = (series / Each, series % Each);
            logger.Value = Name(area, i);
            for (int step = 0; step < times.Length; step++)
            {
                (time.Value, value.Value) = (times[step], Value(area, i, step));
                command.ExecuteNonQuery();
            }
        }
        command.CommandText = "COMMIT";
        command.ExecuteNonQuery();
    }

    private static string Name(int area, int i) => FormattableString.Invariant($"L{area:0000}_{i:00}");

    /// <summary>An inflow with the day's swing, and pressures that fall with it.</summary>
    private static double Value(int area, int i, int step)
    {
        double flow = 100 + 40 * Math.Sin(step % 96 / 96.0 * 2 * Math.PI) + Noise(area, 0, step);
        return i == 0 ? flow : 60 - flow / (10 + i) + 0.05 * Noise(area, i, step);
    }

    private static double Noise(int area, int i, int step) => HashCode.Combine(area, i, step) % 1000 / 500.0;

    private static double Middle(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
