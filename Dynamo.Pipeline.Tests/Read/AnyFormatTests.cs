using System.Diagnostics;
using System.Text;
using Dynamo.Pipeline.Host;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What holds for any format, any readings, and any damage.</summary>
public sealed class AnyFormatTests
{
    [Test]
    public void Readings_written_in_any_format_are_read_back_as_they_were() =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(3000), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), RoundTrip));

    [Test]
    public void Damaged_files_give_rows_rejects_or_a_bad_file_in_memory_and_streamed_alike() =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(1500), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Survives));

    [Test, Explicit("Runs for DYNAMO_FUZZ_SECONDS, 60 by default.")]
    public void Damaged_files_for_minutes()
    {
        int seconds = int.Parse(
            Environment.GetEnvironmentVariable("DYNAMO_FUZZ_SECONDS") ?? "60", System.Globalization.CultureInfo.InvariantCulture);
        int seed = Environment.TickCount, first = seed;
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; seed++)
        {
            Assert.That(RoundTrip(seed & int.MaxValue), $"round trip with seed {seed & int.MaxValue}");
            Assert.That(Survives(seed & int.MaxValue), $"damage with seed {seed & int.MaxValue}");
        }
        TestContext.Out.WriteLine($"{seed - first:N0} formats, from seed {first}");
    }

    [Test]
    public void Damaged_real_files_are_survived_by_their_own_format_and_by_infer()
    {
        (byte[] Head, ReadingFormat Format)[] real = [.. RealHeads()];
        Assert.That(real, Is.Not.Empty);
        for (int seed = 0; seed < 400; seed++) SurvivesReal(real, seed);
    }

    [Test, Explicit("Runs for DYNAMO_FUZZ_SECONDS, 60 by default.")]
    public void Damaged_real_files_for_minutes()
    {
        int seconds = int.Parse(
            Environment.GetEnvironmentVariable("DYNAMO_FUZZ_SECONDS") ?? "60", System.Globalization.CultureInfo.InvariantCulture);
        (byte[] Head, ReadingFormat Format)[] real = [.. RealHeads()];
        int seed = Environment.TickCount & int.MaxValue, first = seed;
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; seed++)
            SurvivesReal(real, seed);
        TestContext.Out.WriteLine($"{seed - first:N0} files, from seed {first}");
    }

    private static void SurvivesReal((byte[] Head, ReadingFormat Format)[] real, int seed)
    {
        var random = new Random(seed);
        (byte[] head, ReadingFormat format) = random.Next(3) == 0
            ? (new AnyFormat(seed).Bytes, ReadingFormat.Default)
            : real[random.Next(real.Length)];
        byte[] bytes = Damaged(head, random);
        var formats = new List<ReadingFormat> { format };
        try
        {
            formats.AddRange(
                FormatGuess.OfAsync([Sample.Of("/x/L0042.csv", bytes, random.Next(4) > 0)], null).GetAwaiter().GetResult()
                    .Proposals.Select(proposal => proposal.Format));
        }
        catch (Exception error)
        {
            Assert.Fail($"seed {seed}: {error}\n{Encoding.UTF8.GetString(bytes)}");
        }
        foreach (ReadingFormat one in formats)
        {
            Outcome<Reading> memory = CsvReading.Read(bytes, new CsvFormat<Reading>(one), 50), stream = CsvReading.ReadStreamed(
                bytes, new CsvFormat<Reading>(one), 997, 50).GetAwaiter().GetResult();
            Assert.That(
                (stream.Rows.Count, stream.Rejects.Count, stream.Skipped, stream.BadFile),
                Is.EqualTo((memory.Rows.Count, memory.Rejects.Count, memory.Skipped, memory.BadFile)), $"seed {seed}");
        }
    }

    /// <summary>
    /// The first lines of the real files, where they are beside the repository, and of a file of our own, each with what infer
    /// makes of it.
    /// </summary>
    private static IEnumerable<(byte[], ReadingFormat)> RealHeads()
    {
        byte[][] heads =
        [
            ("Logger ID: 4711\nDate;Time;Flow;P\n;;[l/s];[bar]\n31.01.2026;00:00;1.234,5;2,5\n31.01.2026;00:15;;2,6\n"u8
                + "31.01.2026;00:30;-9999;2,6\nTotal: 3\n"u8).ToArray(),
            .. SharedData.Find("*.csv").Select(
                file => Encoding.UTF8.GetBytes(string.Concat(File.ReadLines(file).Take(60).Select(line => line + "\r\n")))),
        ];
        return heads.Select(
            head => (head, FormatGuess.OfAsync([Sample.Of("/x/L0042.csv", head, true)], "Europe/Brussels").GetAwaiter().GetResult()
                .Proposals.Single().Format));
    }

    private static bool RoundTrip(int seed)
    {
        var any = new AnyFormat(seed);
        if (!any.IsPossible || (any.Format.Text.Separator == CsvText.Detected && HasNoLine(any))) return true;
        Outcome<Reading> read = CsvReading.Read(any.Bytes, any.Format);
        string about = $"seed {seed}: {any.Format}\n{Encoding.UTF8.GetString(any.Bytes)}";
        Assert.That(read.BadFile, any.Bytes.Length == 0 || IsEmpty(any) ? Is.Not.Null : Is.Null, about);
        if (read.BadFile is not null) return true;
        int bad = any.BadRows - (any.Format.Layout == ReadingLayout.Long ? any.NullsOfBadRows : 0);
        Assert.That(read.Rejects, Has.Count.EqualTo(bad), $"{about}\n{(read.Rejects.Count > 0 ? read.Rejects[0] : null)}");
        Assert.That(read.Skipped, Is.EqualTo(any.Skipped), about);
        Assert.That(read.Rows, Is.EqualTo(any.Readings), about);
        return true;
    }

    /// <summary>Without a header and without a line there is nothing to find.</summary>
    private static bool IsEmpty(AnyFormat any) => any.Format.Text.Footer is null && HasNoLine(any);

    private static bool HasNoLine(AnyFormat any) =>
        !any.Format.Text.HasHeader && any.Readings.Count == 0 && any.Skipped == 0 && any.BadRows == 0;

    private static bool Survives(int seed)
    {
        var any = new AnyFormat(seed);
        var random = new Random(~seed);
        byte[] bytes = Damaged(any.Bytes, random);
        var format = new CsvFormat<Reading>(any.Format);
        int limit = random.Next(1, 4);
        Outcome<Reading> memory = CsvReading.Read(bytes, format, limit);
        Outcome<Reading> stream = CsvReading.ReadStreamed(bytes, format, random.Next(1, 9), limit).GetAwaiter().GetResult();
        Assert.That(stream.BadFile, Is.EqualTo(memory.BadFile), $"seed {seed}");
        Assert.That(stream.Rejects, Is.EqualTo(memory.Rejects), $"seed {seed}");
        Assert.That(stream.Skipped, Is.EqualTo(memory.Skipped), $"seed {seed}");
        Assert.That(
            memory.Rows.All(
                row => double.IsFinite(row.Value) && row.TimestampUtc.Kind == DateTimeKind.Utc && row.Logger.Length > 0
                    && row.Channel.Length > 0),
            $"seed {seed}");
        return stream.Rows.SequenceEqual(memory.Rows) && stream.Lines.SequenceEqual(memory.Lines);
    }

    private static byte[] Damaged(byte[] bytes, Random random)
    {
        List<byte> damaged = [.. bytes];
        byte[][] scraps = [
            .. new[]
            {
                "\"",
                "\"\"",
                ",",
                ";",
                "\n",
                "\r\n",
                "\r",
                "#",
                "\0",
                "-9999",
                "1e999",
                "NaN",
                "End of data",
                "Stamp",
                "9999-12-31T23:59:59Z",
                "\uFEFF",
                "é",
                "  ",
                "\t",
            }.Select(Encoding.UTF8.GetBytes)];
        for (int i = random.Next(1, 6); i > 0 && damaged.Count > 0; i--)
        {
            int at = random.Next(damaged.Count), length = Math.Min(random.Next(1, 40), damaged.Count - at);
            switch (random.Next(6))
            {
                case 0: damaged[at] = (byte)random.Next(256); break;
                case 1: damaged.RemoveRange(at, length); break;
                case 2: damaged.InsertRange(at, damaged.GetRange(at, length)); break;
                case 3: damaged.RemoveRange(at, damaged.Count - at); break;
                case 4: damaged.Reverse(at, length); break;
                default: damaged.InsertRange(at, scraps[random.Next(scraps.Length)]); break;
            }
        }
        return [.. damaged];
    }
}
