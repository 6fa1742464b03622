using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// CSV engines over the same bytes, one thread, in turn: many small files that are in memory, or one large file through a stream. Before
/// that, every engine reads a few difficult texts, and it is said where one of them finds something else than ours.
/// </summary>
internal static class CsvBench
{
    private const int Columns = 24;

    private static readonly (string Name, string Text)[] s_difficult =
    [
        ("quotes, doubled quotes", "a,b\n\"x\",\"y \"\"z\"\"\"\n1,2\n"),
        ("line breaks in quotes", "a,b\n\"x\ny\",1\n\"x\r\ny\",2\n3,4\n"),
        ("blank lines", "a,b\n\n1,2\n \n\n3,4\n"),
        ("CR, CR LF", "a,b\r1,2\r3,4\r\n5,6\r\n"),
        ("no line end", "a,b\n1,2\n3"),
        ("text after a quote", "a,b\n\"x\"y,1\n3,4\n"),
        ("a quote never closed", "a,b\n1,2\n\"x,1\n3,4\n"),
        ("a quote in the middle of a field", "a,b\n5\" pipe,1\n3,4\n5,6\n"),
        ("too few and too many fields", "a,b\n1\n1,2,3\n4,5\n"),
        ("spaces around fields", "a,b\n 1 ,\t2\n"),
        ("spaces around quotes", "a,b\n \"x,y\" ,3\n"),
        ("a long field", $"a,b\n{new string('x', 100_000)},1\n2,3\n"),
    ];

    public static int Run(string path, int repeat)
    {
        Console.WriteLine("difficult texts, as ours reads them?");
        foreach (CsvEngine engine in CsvEngine.All(',')[1..])
        {
            string[] others = [.. from one in s_difficult where !IsAsOurs(engine, one.Text) select one.Name];
            Console.WriteLine($"  {engine.Name,-16} {(others.Length == 0 ? "all of them" : "not: " + string.Join("; ", others))}");
        }
        if (Directory.Exists(path)) Measure(FromFolder(path), repeat, Machine.Files(path).Length);
        else Measure(FromFile(path), repeat, 1);
        return 0;
    }

    /// <summary>Writes a wide file: a time and 24 channels with decimal commas.</summary>
    public static void Make(string path, int megabytes)
    {
        using var file = new StreamWriter(path, append: false, new UTF8Encoding(false), 1 << 20);
        file.NewLine = "\n";
        file.WriteLine("timestamp;" + string.Join(';', Enumerable.Range(1, Columns).Select(i => $"channel {i}")));
        var time = new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var random = new Random(1);
        string[] values = [.. Enumerable.Range(0, 8192).Select(_ => Value(random))];
        for (long row = 0; file.BaseStream.Position < megabytes * 1_000_000L; row++)
        {
            file.Write(time.AddSeconds(row).ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture));
            for (int i = 0; i < Columns; i++)
            {
                file.Write(';');
                file.Write(values[random.Next(values.Length)]);
            }
            file.WriteLine();
        }
    }

    private static string Value(Random random) =>
        (random.NextDouble() * 200).ToString(random.Next(2) == 0 ? "F2" : "F3", CultureInfo.InvariantCulture).Replace('.', ',');

    private static Func<CsvEngine, CsvTally> FromFolder(string folder)
    {
        byte[][] files = [.. Machine.Files(folder).Select(file => File.ReadAllBytes(file.FullName))];
        return engine =>
        {
            var all = new CsvTally();
            foreach (byte[] file in files) all.Add(engine.Read(file));
            return all;
        };
    }

    private static Func<CsvEngine, CsvTally> FromFile(string path) => engine =>
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        return engine.Read(file);
    };

    private static void Measure(Func<CsvEngine, CsvTally> read, int repeat, int files)
    {
        CsvEngine[] engines = CsvEngine.All(files == 1 ? ';' : ',');
        List<(double Seconds, long Bytes)>[] figures = [.. engines.Select(_ => new List<(double, long)>())];
        CsvTally ours = default;
        for (int round = 0; round <= repeat; round++)
        {
            for (int i = 0; i < engines.Length; i++)
            {
                GC.Collect();
                long allocated = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
                CsvTally tally = read(engines[i]);
                double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
                if (i == 0) ours = tally;
                if (tally != ours) throw new BenchmarkException($"{engines[i].Name} finds {tally}, where {engines[0].Name} finds {ours}.");
                if (round > 0) figures[i].Add((seconds, allocated)); // The first round compiles.
            }
        }
        // The best is the round that nothing disturbed.
        Print($"\n{files:N0} files, {ours.Records:N0} records, {ours.Fields:N0} fields, {ours.Refused:N0} refused; {repeat} rounds");
        for (int i = 0; i < engines.Length; i++)
        {
            double[] seconds = [.. figures[i].Select(figure => figure.Seconds)];
            double bytes = Child.Median(figures[i].Select(figure => (double)figure.Bytes / files));
            double ratio = Child.Median(seconds.Zip(figures[0], (theirs, mine) => theirs / mine.Seconds));
            double best = seconds.Min();
            double median = Child.Median(seconds);
            Print($"  {engines[i].Name,-16} best {best:F4} s, {1e9 * best / ours.Fields:F1} ns a field; median {median:F4} s");
            Print($"  {"",-16} {ratio:F2} times {engines[0].Name} (median of the rounds); {bytes:N0} bytes allocated a file");
        }
    }

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));

    private static bool IsAsOurs(CsvEngine engine, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        var ours = new CsvHelperEngine(',');
        using Stream stream = new MemoryStream(utf8), same = new MemoryStream(utf8);
        return Same(() => engine.Read(utf8), ours.Read(utf8)) && Same(() => engine.Read(stream), ours.Read(same));
    }

    private static bool Same(Func<CsvTally> read, CsvTally expected)
    {
        try
        {
            return read() == expected;
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or FormatException)
        {
            return false;
        }
    }
}
