using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Which logger sends what at which step. Every answer depends only on the options, so files can be written in any order.
/// </summary>
internal sealed class Schedule
{
    private const int BadTimestamps = 4;
    private const long Million = 1_000_000;

    private readonly GenerateOptions _options;
    private readonly ulong _seed;
    private readonly long _start, _interval, _badPerMillion;

    public Schedule(GenerateOptions options)
    {
        _options = options;
        _seed = (ulong)options.Seed;
        _start = options.Start.ToUnixTimeSeconds();
        _interval = (long)options.Interval.TotalSeconds;
        _badPerMillion = (long)Math.Round(options.Bad * Million);
        Network = new WaterNetwork(options.Seed);
        StepsPerDay = (int)(86_400 / _interval);
        if (Files > 1_000_000_000)
            throw new ArgumentException($"Loggers × Steps is {Files} files; at most 1000000000 can be named.", nameof(options));
        if (Time(options.Steps) > new DateTimeOffset(9000, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds())
            throw new ArgumentException(
                "Start + Steps × Interval is after the year 9000; take fewer steps or a shorter interval.", nameof(options));
    }

    public WaterNetwork Network { get; }

    public int StepsPerDay { get; }

    public long Files => (long)_options.Loggers * _options.Steps;

    /// <summary>A step's time in seconds since 1970. Steps before 0 occur only in backlogs.</summary>
    public long Time(int step) => _start + step * _interval;

    public static string LoggerName(int logger) => logger.ToString("'L'00000", CultureInfo.InvariantCulture);

    /// <summary>The path below the target folder, with <c>/</c>.</summary>
    public string PathOf(LoggerFile file)
    {
        DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(Time(file.Step));
        string name = string.Create(CultureInfo.InvariantCulture, $"{LoggerName(file.Logger)}_{time:yyyyMMdd'T'HHmmss}.csv");
        return _options.FilesPerFolder == 0 ? name : $"{FolderName(Index(file.Logger, file.Step) / _options.FilesPerFolder)}/{name}";
    }

    /// <summary>The subfolders that have to be created.</summary>
    public IEnumerable<string> Folders()
    {
        if (_options.FilesPerFolder == 0) yield break;
        for (long folder = 0; folder * _options.FilesPerFolder < Files; folder++)
            yield return FolderName(folder);
    }

    public LoggerFile File(int logger, int step)
    {
        int channels = Network.Channels(logger).Length;
        if (BadKindOf(Index(logger, step)) is not { } bad)
            return new LoggerFile(logger, step, step, Timestamps(logger, step), channels, null, -1);
        if (bad == BadKind.SameAsOtherFile)
        {
            int other = step > 0 ? step - 1 : Math.Min(1, _options.Steps - 1);
            return new LoggerFile(logger, step, other, Timestamps(logger, other), channels, bad, -1);
        }
        int timestamps = bad is BadKind.EmptyFile or BadKind.HeaderOnly ? 0 : BadTimestamps;
        return new LoggerFile(logger, step, step, timestamps, channels, bad, BadRow(bad, logger, step, timestamps * channels));
    }

    private int BadRow(BadKind bad, int logger, int step, int rows) => rows == 0 ? -1
        : bad is BadKind.LastLineCutOff or BadKind.NulBytes ? rows - 1
        : (int)SplitMix.Between(SplitMix.Hash(_seed, 11, (ulong)logger, (ulong)step), 0, rows - 1);

    /// <summary>A file's place in the order of time.</summary>
    private long Index(int logger, int step) => (long)step * _options.Loggers + logger - 1;

    private static string FolderName(long folder) => folder.ToString("00000", CultureInfo.InvariantCulture);

    private int Timestamps(int logger, int step)
    {
        if (SplitMix.Happens(SplitMix.Hash(_seed, 12, (ulong)logger, (ulong)step), _options.Backlog / 20)) return 10 * StepsPerDay;
        return SplitMix.Happens(SplitMix.Hash(_seed, 13, (ulong)logger, (ulong)step), _options.Backlog) ? StepsPerDay : 1;
    }

    /// <summary>
    /// The files in order of time are cut into stretches of 1 / share files. Each stretch has one bad file at a random place,
    /// of the next kind in turn. So the kind follows from the place alone, and every kind occurs as soon as there are enough bad files.
    /// </summary>
    private BadKind? BadKindOf(long index)
    {
        if (_badPerMillion == 0) return null;
        long stretch = index * _badPerMillion / Million;
        long first = CeilingOf(stretch), length = CeilingOf(stretch + 1) - first;
        long bad = first + SplitMix.Between(SplitMix.Hash(_seed, 14, (ulong)stretch), 0, length - 1);
        return index == bad ? BadKinds.All[(int)(stretch % BadKinds.All.Count)] : null;
    }

    private long CeilingOf(long stretch) => (stretch * Million + _badPerMillion - 1) / _badPerMillion;
}
