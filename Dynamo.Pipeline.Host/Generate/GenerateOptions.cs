namespace Dynamo.Pipeline.Host;

/// <summary>
/// What <see cref="LoggerFiles"/> writes. Equal values give equal bytes on every machine, whatever <see cref="To"/> is.
/// </summary>
internal sealed record GenerateOptions
{
    /// <summary>
    /// The samples: 200 small files of 20 loggers with a backlog, a bad row and two bad files. They are also in <c>samples/inbox</c>.
    /// </summary>
    public static GenerateOptions Samples(string to) =>
        new() { To = to, Loggers = 20, Steps = 10, Seed = 22, Backlog = 0.005, Bad = 0.015 };

    /// <summary>The folder to write into. It is created if needed; files of the same names in it are replaced.</summary>
    public required string To { get; init => field = NotEmpty(value, nameof(To)); }

    /// <summary>Number of loggers, 1 to 1,000,000. Default 500; with 54 <see cref="Steps"/> these are 27,000 files.</summary>
    public int Loggers { get; init => field = Between(value, 1, 1_000_000, nameof(Loggers)); } = 500;

    /// <summary>Number of files each logger sends, one every <see cref="Interval"/>; 1 to 10,000,000. Default 54.</summary>
    public int Steps { get; init => field = Between(value, 1, 10_000_000, nameof(Steps)); } = 54;

    /// <summary>Chooses the loggers' channels, their values, and which files are backlogs or broken. Default 1.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>
    /// Share of files, 0 to 1, that hold the backlog of a day (96 timestamps at the default interval); a twentieth of these hold ten days.
    /// Default 0.02: 2 % and 0.1 %, as in a real network. A backlog repeats readings of earlier files with the same values.
    /// </summary>
    public double Backlog { get; init => field = Share(value, nameof(Backlog)); } = 0.02;

    /// <summary>
    /// Share of files, 0 to 1, that are replaced by unusual or broken ones, each <see cref="BadKind"/> in turn. Default 0.
    /// </summary>
    public double Bad { get; init => field = Share(value, nameof(Bad)); }

    /// <summary>Time between two readings of a logger: whole seconds, one minute to one day. Default 15 minutes.</summary>
    public TimeSpan Interval { get; init => field = WholeSeconds(value, nameof(Interval)); } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// The first step's time, to the whole second, 1971 to 9000. Default 2025-01-01T00:00Z.
    /// The time of last change of a file is its step's time: steps in the past need not settle before they are imported,
    /// steps in the future look unfinished until then.
    /// </summary>
    public DateTimeOffset Start { get; init => field = WholeSeconds(value, nameof(Start)); } = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// The most files in a folder. Subfolders <c>00000</c>, <c>00001</c>, … are made in order of time. Default 0: all files in one folder.
    /// </summary>
    public int FilesPerFolder { get; init => field = Between(value, 0, int.MaxValue, nameof(FilesPerFolder)); }

    private static string NotEmpty(string value, string name) =>
        string.IsNullOrWhiteSpace(value) ? throw new ArgumentException($"{name} is empty; name the folder to write into.", name) : value;

    private static int Between(int value, int least, int most, string name) =>
        value >= least && value <= most ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be {least} to {most}.");

    private static double Share(double value, string name) =>
        value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is a share, 0 to 1; 0.02 means 2 %.");

    private static TimeSpan WholeSeconds(TimeSpan value, string name) =>
        value >= TimeSpan.FromMinutes(1) && value <= TimeSpan.FromDays(1) && value.Ticks % TimeSpan.TicksPerSecond == 0
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be whole seconds, a minute to a day.");

    private static DateTimeOffset WholeSeconds(DateTimeOffset value, string name) =>
        value.UtcDateTime.Year is >= 1971 and <= 9000 && value.UtcTicks % TimeSpan.TicksPerSecond == 0
            ? value.ToUniversalTime()
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be a whole second of the years 1971 to 9000.");
}
