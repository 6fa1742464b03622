using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The loggers of a headroom trial: a process of its own that renames prepared files into a folder, evenly, as a server does that receives
/// uploads. Nothing but the renaming takes place while it is measured. It says when it begins and how late it was.
/// </summary>
internal static class FileFeed
{
    /// <summary>The word that makes this program the feed.</summary>
    public const string Word = "headroom-feed";

    private const int Channels = 2, Times = 4;

    /// <summary>The name of a file: its number, in the order of arrival.</summary>
    public static string Name(long number) => string.Create(CultureInfo.InvariantCulture, $"h{number:D9}.csv");

    /// <summary>The number in a name, or −1.</summary>
    public static long Number(string path)
    {
        ReadOnlySpan<char> digits = Path.GetFileNameWithoutExtension(path.AsSpan())[1..];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1;
    }

    /// <summary>Prepares files of eight readings, two channels at four times, beside the folder.</summary>
    public static void Prepare(string from, long first, long files, int loggers)
    {
        Directory.CreateDirectory(from);
        var text = new StringBuilder();
        for (long i = first; i < first + files; i++)
        {
            long logger = i % loggers, step = i / loggers;
            text.Clear().Append("logger,channel,timestamp,value\n");
            for (int row = 0; row < Channels * Times; row++)
            {
                DateTime at = new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(step * 15 + row / Channels * 3);
                text.Append(CultureInfo.InvariantCulture,
                    $"L{logger:D8},{(row % Channels == 0 ? "flow" : "pressure")},{at:yyyy-MM-ddTHH:mm:ssZ},{4 + i % 1000 / 1000.0:F3}\n");
            }
            File.WriteAllText(Path.Join(from, Name(i)), text.ToString());
        }
    }

    /// <summary>
    /// Renames the prepared files in, so many a second, and prints <c>begun</c> with its time, then <c>late</c> with how far it was behind
    /// and what it used of a processor, in seconds.
    /// </summary>
    public static void Run(string[] arguments, TextWriter to)
    {
        (string from, string into) = (arguments[0], arguments[1]);
        long first = long.Parse(arguments[2], CultureInfo.InvariantCulture), files = long.Parse(arguments[3], CultureInfo.InvariantCulture);
        double rate = double.Parse(arguments[4], CultureInfo.InvariantCulture);
        long began = Stopwatch.GetTimestamp();
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"begun {DateTime.UtcNow.Ticks}"));
        to.Flush();
        TimeSpan late = default;
        for (long i = 0; i < files;)
        {
            TimeSpan now = Stopwatch.GetElapsedTime(began);
            long due = Math.Min(files, (long)(now.TotalSeconds * rate) + 1);
            if (i < due && now - TimeSpan.FromSeconds(i / rate) is var behind && behind > late) late = behind;
            for (; i < due; i++) File.Move(Path.Join(from, Name(first + i)), Path.Join(into, Name(first + i)));
            if (i < files) Thread.Sleep(1);
        }
        double used = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"late {late.TotalSeconds:F3} {used:F3}"));
    }
}
