using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline;

/// <summary>
/// How a pipeline runs. A wrong value is refused when it is set. Immutable. docs/how-it-works.md has the formulas for memory and
/// open files that follow from the values.
/// </summary>
public sealed record PipelineOptions
{
    /// <summary>
    /// How many chunks of files are read and parsed at the same time. Default <see langword="null"/>: automatic. Then a run begins with
    /// one reader per processor and adds more, up to four per processor, as long as that makes reading faster; for a server, the limit
    /// is at least 16 and all readers work from the beginning. More readers than processors help only if reading must wait
    /// (a network share, SFTP). Otherwise they cost memory and thread switches.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int? Readers { get; init => field = value is { } count ? AtLeast(1, count) : null; }

    /// <summary>
    /// How many files a reader gets in one message (the chunk size). Default 100. With 1, there is overhead for every file.
    /// With thousands, readers are idle while one of them works on the last chunk. A chunk is smaller if its bytes reach a quarter of
    /// <see cref="BytesInFlight"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int FilesPerMessage { get; init => field = AtLeast(1, value); } = 100;

    /// <summary>
    /// The most rows of a batch, and so of a transaction. Default <see langword="null"/>: as many as suit the sink
    /// (<see cref="IBatchSink{TRow}.BatchRows"/>), 20,000 for SQLite and 102,400 for SQL Server.
    /// With fewer, rows are visible sooner but there are more commits.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int? BatchRows { get; init => field = value is { } rows ? AtLeast(1, rows) : null; }

    /// <summary>
    /// The most files of a batch, however few rows they have. Default 4,000. Each file needs about 2 KB of memory for its objects.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int BatchFiles { get; init => field = AtLeast(1, value); } = 4_000;

    /// <summary>
    /// How long the first file of a batch waits for others before a free writer writes the batch as it is. Default 10 ms.
    /// With a longer time, there are fewer and larger transactions, but readings are visible later by that time.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan BatchWait { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// The most batches to write at the same time. Default <see langword="null"/>: as many as the sink allows
    /// (<see cref="IBatchSink{TRow}.MaxWriters"/>), one for SQLite and up to four for SQL Server. Each writer collects its own batches
    /// and all share <see cref="BytesInFlight"/>, so more writers make smaller batches.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int? Writers { get; init => field = value is { } writers ? AtLeast(1, writers) : null; }

    /// <summary>
    /// Files with more bytes than this are streamed: their rows are parsed while the sink writes, in constant memory, and each of
    /// these files has its own transaction. Default 1 MiB. The writer reads these files, so many of them are slower than small ones.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long StreamAbove { get; init => field = AtLeast(0L, value); } = 1 << 20;

    /// <summary>
    /// How many bytes of files may be between listing and commit at once. Default 16 MiB. A file counts as its size and 2 KiB.
    /// In memory, the rows of a long file need about as many bytes as the file. The rows of a wide file with short values need
    /// several times as many (40 bytes per reading).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public long BytesInFlight { get; init => field = AtLeast(1L, value); } = 16 << 20;

    /// <summary>
    /// How many bytes a compressed file (<c>.gz</c>, <c>.zip</c>) may unpack to, all entries together. Default 1 GiB: a file with more is
    /// quarantined, because a small one can be made to unpack to any size. With 0, no file is unpacked, and the format gets it as it is.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxUnpacked { get; init => field = AtLeast(0L, value); } = DefaultMaxUnpacked;

    internal const long DefaultMaxUnpacked = 1 << 30;

    /// <summary>
    /// Which entries of an archive are read, as a pattern of their names or paths like those of <see cref="FormatByPattern{TRow}"/>:
    /// <c>data_*.csv</c>. Default <see langword="null"/>: all but hidden ones.
    /// </summary>
    /// <exception cref="ArgumentException">The pattern is empty.</exception>
    public string? Entries
    {
        get;
        init => EntryPattern = (field = value) is null ? null : new FilePattern(value!);
    }

    internal FilePattern? EntryPattern { get; private init; }

    /// <summary>
    /// How many bad rows a file may have and still be loaded without them. Default 100: the 101st bad row quarantines the whole file.
    /// With 0, one bad row is enough. A file that has only bad rows is always quarantined.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int MaxBadRows { get; init => field = AtLeast(0, value); } = 100;

    /// <summary>
    /// Whether what was found in a bad row, and the beginning of the row, are kept with the reason: in the table of rejects, the ledger
    /// and the reason file. At most 200 characters each. Default <see langword="true"/>. With <see langword="false"/>, a reason says
    /// what is wrong, in which line and column, and nothing of what the file holds.
    /// </summary>
    public bool KeepRawText { get; init; } = true;

    /// <summary>
    /// What the run is made with, in words of the program: it is kept with the run, so that the lineage of a reading tells by which
    /// settings it was read. Write no secret into it. Default <see langword="null"/>: nothing is kept.
    /// </summary>
    public string? Settings { get; init; }

    /// <summary>
    /// How old an empty file must be before it counts as a bad file and is quarantined. Default one day: until then it is deferred,
    /// because an upload may have begun. With zero, it is quarantined at once.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or 24 days or more.</exception>
    public TimeSpan EmptyFileWait
    {
        get;
        init => field = value == TimeSpan.Zero ? value : Positive(value);
    } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long a batch is written again after a transient error of the sink (a lock, a lost connection, a server that restarts), with
    /// growing pauses, before the run ends with that error. Counted from the first error of the batch. Default 5 min. With zero, a batch is
    /// never written again; with <see cref="Timeout.InfiniteTimeSpan"/>, the run waits for the sink until it is stopped.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or 24 days or more.</exception>
    public TimeSpan RetryFor
    {
        get;
        init => field = value == TimeSpan.Zero || value == Timeout.InfiniteTimeSpan ? value : Positive(value);
    } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How often a batch is written again at most. Default <see langword="null"/>: as often as <see cref="RetryFor"/> allows. With 0, a
    /// batch is never written again.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int? WriteRetries { get; init => field = value is { } retries ? AtLeast(0, retries) : null; }

    /// <summary>
    /// The pause before a batch is written again for the first time. Each further pause is twice as long, with jitter, up to 30 s.
    /// Default 200 ms.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan RetryDelay { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// If nothing moves for this time, the run ends with a <see cref="PipelineStalledException"/> that shows all queues. Default 5 min.
    /// It must be longer than the longest pause of a linked block. What source and sink wait by their own time-outs is added
    /// (<see cref="IFileSource.LongestWait"/>, <see cref="RunStart.Waits"/>).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan StallTimeout { get; init => field = Positive(value); } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a run may take to end once it is cancelled or has failed. Default 10 s. A cancelled run writes what it has read; what is
    /// not committed after three quarters of this time is rolled back, and the next run imports it. The rest of the time is for closing
    /// the run.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan StopDeadline { get; init => field = Positive(value); } = TimeSpan.FromSeconds(10);

    /// <summary>The time between two progress reports. Default 200 ms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive, or 24 days or more.</exception>
    public TimeSpan ProgressInterval { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Where messages go: what is tried again, left for later or quarantined, outages and their ends, in the category
    /// <c>Dynamo.Pipeline</c>. Default <see langword="null"/>: nowhere, at no cost. They name files, and no secrets.
    /// </summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>
    /// Records what readers and writers do, and when. Default <see langword="null"/>: nothing is recorded, at no cost.
    /// Use a recorder for one run at a time.
    /// </summary>
    internal TraceRecorder? Trace { get; init; }

    /// <summary>The clock for timers, deadlines and times. Default: the system's. Tests can set their own.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    private static int AtLeast(int least, int value, [CallerMemberName] string name = "") => (int)AtLeast((long)least, value, name);

    private static long AtLeast(long least, long value, [CallerMemberName] string name = "") =>
        value >= least ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");

    private static TimeSpan Positive(TimeSpan value, [CallerMemberName] string name = "") =>
        value > TimeSpan.Zero && value.TotalMilliseconds < int.MaxValue
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than zero and less than 24 days.");
}
