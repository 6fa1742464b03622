using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>Values as people read them, the same on every machine.</summary>
internal static class Shown
{
    /// <summary>A name without characters that would move the cursor: whoever can put a file into the source chooses its name.</summary>
    public static string Name(string text)
    {
        if (!text.Any(IsUnsafe)) return text;
        var shown = new StringBuilder(text.Length + 8);
        foreach (char c in text)
        {
            if (IsUnsafe(c)) shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else shown.Append(c);
        }
        return shown.ToString();
    }

    /// <summary>A path below the current folder relative to it, any other path in full.</summary>
    public static string Path(string path) => Path(path, Environment.CurrentDirectory);

    /// <summary>The same for any folder. Seen from the root everything is below it: there, paths stay in full.</summary>
    public static string Path(string path, string folder)
    {
        if (System.IO.Path.GetPathRoot(folder) == folder) return Name(path);
        string relative = System.IO.Path.GetRelativePath(folder, path);
        return Name(relative.StartsWith("..", StringComparison.Ordinal) || relative.Length > path.Length ? path : relative);
    }

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary><c>1 file</c>, <c>27,000 files</c>.</summary>
    public static string Count(long count, string noun) => $"{Count(count)} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>A number with the word for one or the word for several.</summary>
    public static string Count(long count, string one, string several) => $"{Count(count)} {(count == 1 ? one : several)}";

    /// <summary>A rate or another number that need not be whole, rounded.</summary>
    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Seconds with as many decimals as say something: <c>0.0123</c>, <c>1.23</c>, <c>123</c>.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        >= 100 => seconds.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => seconds.ToString("0.0", CultureInfo.InvariantCulture),
        >= 1 => seconds.ToString("0.00", CultureInfo.InvariantCulture),
        >= 0.1 or 0 => seconds.ToString("0.000", CultureInfo.InvariantCulture),
        _ => seconds.ToString("0.0000", CultureInfo.InvariantCulture),
    };

    /// <summary>A number of bytes: <c>512 B</c>, <c>1.5 KiB</c>, <c>32 MiB</c>.</summary>
    public static string Size(double bytes) => bytes switch
    {
        >= 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 30):0.#} GiB"),
        >= 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):0.#} MiB"),
        >= 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 10):0.#} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes:0} B"),
    };

    /// <summary>A difference: <c>−60 %</c>.</summary>
    public static string Percent(double share) => Math.Round(share * 100) switch
    {
        0 => "±0 %",
        < 0 => string.Create(CultureInfo.InvariantCulture, $"−{-share * 100:0} %"),
        _ => string.Create(CultureInfo.InvariantCulture, $"+{share * 100:0} %"),
    };

    /// <summary>A duration, with milliseconds below a second.</summary>
    public static string Short(TimeSpan time) =>
        time < TimeSpan.FromSeconds(1) ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms") : Time(time);

    /// <summary>A duration: <c>0.3 s</c>, <c>45 s</c>, <c>5 min</c>, <c>3 h</c>.</summary>
    public static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalSeconds: < 120 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalHours: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0} min"),
        { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0} h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:0} days"),
    };

    /// <summary>A time to the second: <c>2025-01-01 00:15:00Z</c>.</summary>
    public static string Utc(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A reading on one line.</summary>
    public static string Row(Reading row) =>
        string.Create(CultureInfo.InvariantCulture, $"{Name(row.Logger)}  {Name(row.Channel)}  {Utc(row.TimestampUtc)}  {row.Value}");

    private static bool IsUnsafe(char c) =>
        char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator;
}
