using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
public sealed class LoggerFilesTests
{
    private static readonly GenerateOptions _small = new()
    {
        To = "unused",
        Loggers = 30,
        Steps = 12,
        Seed = 42,
        Backlog = 0.05,
        Bad = 0.25,
    };

    [Test]
    public void The_same_seed_gives_the_same_bytes_and_times_on_every_machine()
    {
        using var folder = new GeneratedFolder(_small);

        Assert.That(folder.Fingerprint(), Is.EqualTo("ad3621cd9aed865f729ade6e9c9944afc63a37e21392befcad03eb556aca5106"));
    }

    [Test]
    public void Another_seed_gives_other_bytes()
    {
        using var one = new GeneratedFolder(_small);
        using var two = new GeneratedFolder(_small with { Seed = 43 });

        Assert.That(two.Names(), Is.EqualTo(one.Names()));
        Assert.That(two.Fingerprint(), Is.Not.EqualTo(one.Fingerprint()));
    }

    [Test]
    public void The_defaults_make_27000_files_of_which_a_fiftieth_holds_a_day_and_a_thousandth_ten_days()
    {
        var files = new LoggerFiles(new GenerateOptions { To = "unused" });

        var channels = files.ExpectedReadings().DistinctBy(
            reading => (reading.Logger, reading.Channel)).CountBy(reading => reading.Logger).ToDictionary();
        var timestamps = files.ExpectedFiles().CountBy(file => file.LoadedRows / channels[file.Path[..6]]).ToDictionary();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(files.Count, Is.EqualTo(27_000));
            Assert.That(timestamps.Keys, Is.EquivalentTo([1, 96, 960]));
            Assert.That(timestamps[96] / 27_000.0, Is.EqualTo(0.02).Within(0.003));
            Assert.That(timestamps[960] / 27_000.0, Is.EqualTo(0.001).Within(0.0006));
            Assert.That(channels.Values.Distinct(), Is.EquivalentTo([1, 2, 3, 4]));
        }
    }

    [Test]
    public void The_expected_readings_are_those_an_independent_parser_finds()
    {
        using var folder = new GeneratedFolder(_small with { Bad = 0 });

        Reading[] found = [.. folder.Names().SelectMany(name => GeneratedFolder.Parse(folder.Text(name)))];
        Reading[] expected = [.. folder.Files.ExpectedReadings()];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(expected.ToHashSet().SetEquals(found));
            Assert.That(expected, Is.Unique);
            Assert.That(folder.Result.DistinctReadings, Is.EqualTo(expected.Length));
            Assert.That(folder.Result.Readings, Is.EqualTo(found.Length));
            Assert.That(
                found.DistinctBy(reading => (reading.Logger, reading.Channel, reading.TimestampUtc)).Count(), Is.EqualTo(expected.Length),
                "a reading that two files hold has one value");
        }
    }

    [Test]
    public void The_expected_files_are_those_on_disk_and_add_up_to_the_result()
    {
        using var folder = new GeneratedFolder(_small);

        ExpectedFile[] expected = [.. folder.Files.ExpectedFiles()];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(expected.Select(file => file.Path).Order(StringComparer.Ordinal), Is.EqualTo(folder.Names()));
            Assert.That(folder.Result.Files, Is.EqualTo(360));
            Assert.That(folder.Result.Bytes, Is.EqualTo(folder.Names().Sum(name => folder.Bytes(name).LongLength)));
            Assert.That(folder.Result.Readings, Is.EqualTo(expected.Sum(file => file.LoadedRows)));
            Assert.That(folder.Result.RejectedRows, Is.EqualTo(expected.Sum(file => file.RejectedRows)));
            Assert.That(folder.Result.Quarantined, Is.EqualTo(expected.Count(file => file.Outcome == FileOutcome.Quarantined)));
            Assert.That(folder.Result.Bad, Is.EquivalentTo(expected.Where(file => file.Bad is not null).CountBy(file => file.Bad!.Value)
                .Select(pair => KeyValuePair.Create(pair.Key, (long)pair.Value))));
        }
    }

    [Test]
    public void A_file_carries_its_steps_time_in_its_name_and_as_time_of_last_change()
    {
        using var folder = new GeneratedFolder(_small with { Backlog = 0, Bad = 0 });

        string path = Path.Combine(folder.Path, "L00007_20250101T001500.csv");
        var time = new DateTime(2025, 1, 1, 0, 15, 0, DateTimeKind.Utc);

        Assert.That(File.GetLastWriteTimeUtc(path), Is.EqualTo(time));
        Assert.That(GeneratedFolder.Parse(File.ReadAllText(path)).Select(reading => (reading.Logger, reading.TimestampUtc)),
            Is.All.EqualTo(("L00007", time)));
    }

    [Test]
    public void Files_are_spread_over_subfolders_in_order_of_time()
    {
        using var folder = new GeneratedFolder(_small with { Loggers = 10, Steps = 5, FilesPerFolder = 15, Bad = 0 });

        Assert.That(folder.Names().CountBy(name => name[..6]), Is.EquivalentTo(new[]
        {
            KeyValuePair.Create("00000/", 15), KeyValuePair.Create("00001/", 15), KeyValuePair.Create("00002/", 15),
            KeyValuePair.Create("00003/", 5),
        }));
        Assert.That(folder.Files.ExpectedFiles().Select(file => file.Path), Is.EquivalentTo(folder.Names()));
    }

    [Test]
    public void Flow_is_low_at_night_and_high_in_the_evening_and_pressure_the_other_way_round()
    {
        var files = new LoggerFiles(new GenerateOptions { To = "unused", Loggers = 50, Steps = 96 * 7, Backlog = 0 });

        var means = files.ExpectedReadings().GroupBy(reading => (reading.Channel, reading.TimestampUtc.Hour))
            .ToDictionary(group => group.Key, group => group.Average(reading => reading.Value));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(means[("flow", 3)], Is.LessThan(means[("flow", 19)] / 3));
            Assert.That(means[("pressure", 3)], Is.GreaterThan(means[("pressure", 19)]));
            Assert.That(means[("level", 3)], Is.GreaterThan(means[("level", 19)]));
            Assert.That(means[("temperature", 3)], Is.LessThan(means[("temperature", 15)]));
            Assert.That(files.ExpectedReadings().Select(reading => reading.Value), Is.All.Positive);
            Assert.That(files.ExpectedReadings().Where(reading => reading.Channel == "pressure").Select(reading => reading.Value),
                Is.All.InRange(3.0, 6.0));
        }
    }

    [Test]
    public void Progress_ends_with_all_files()
    {
        using var folder = new GeneratedFolder(_small);
        var progress = new Last();

        folder.Files.Write(progress);

        Assert.That(progress.Value, Is.EqualTo(360));
    }

    [Test]
    public void A_cancelled_write_says_so()
    {
        using var folder = new GeneratedFolder(_small);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.That(() => folder.Files.Write(null, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void A_file_in_the_way_of_the_folder_is_named_in_the_error()
    {
        using var folder = new GeneratedFolder(_small with { Loggers = 1, Steps = 2, Bad = 0, Backlog = 0 });
        string blocked = Path.Combine(folder.Path, "L00001_20250101T000000.csv");
        File.Delete(blocked);
        Directory.CreateDirectory(blocked);

        Assert.That(() => folder.Files.Write(), Throws.InstanceOf<SystemException>().With.Message.Contains("L00001_20250101T000000.csv"));
    }

    [Test]
    public void Options_refuse_bad_values_by_name()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => new GenerateOptions { To = " " }, Throws.ArgumentException.With.Message.Contains("To"));
            Assert.That(() => _small with { Loggers = 0 }, Refuses("Loggers"));
            Assert.That(() => _small with { Steps = -1 }, Refuses("Steps"));
            Assert.That(() => _small with { Backlog = double.NaN }, Refuses("Backlog"));
            Assert.That(() => _small with { Bad = 2 }, Refuses("Bad"));
            Assert.That(() => _small with { Interval = TimeSpan.FromSeconds(90.5) }, Refuses("Interval"));
            Assert.That(() => _small with { Start = DateTimeOffset.MinValue }, Refuses("Start"));
            Assert.That(() => _small with { FilesPerFolder = -1 }, Refuses("FilesPerFolder"));
            Assert.That(() => new LoggerFiles(_small with { Loggers = 1_000_000, Steps = 10_000 }),
                Throws.ArgumentException.With.Message.Contains("Loggers × Steps"));
            Assert.That(() => new LoggerFiles(_small with { Steps = 10_000_000, Interval = TimeSpan.FromDays(1) }),
                Throws.ArgumentException.With.Message.Contains("9000"));
        }

        static NUnit.Framework.Constraints.Constraint Refuses(string name) =>
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property(nameof(ArgumentException.ParamName)).EqualTo(name);
    }

    private sealed class Last : IProgress<long>
    {
        private long _value;

        public long Value => _value;

        public void Report(long value) => InterlockedMax(value);

        private void InterlockedMax(long value)
        {
            long seen;
            while ((seen = Volatile.Read(ref _value)) < value && Interlocked.CompareExchange(ref _value, value, seen) != seen) { }
        }
    }
}
