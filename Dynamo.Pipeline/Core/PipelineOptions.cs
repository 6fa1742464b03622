using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>
/// How a pipeline runs. Immutable; a value out of range is refused by name when it is set. How the values bound the memory and the number of opened
/// files is a formula in docs/how-it-works.md.
/// </summary>
public sealed record PipelineOptions
{
    /// <summary>
    /// Chunks of files that are read and parsed at the same time. Default <see langword="null"/>, auto: the number of processors to begin with, and more, up to
    /// four times as many (from a server at least 16), while that reads faster. More readers than processors help only where reading waits (a network share, SFTP); else they cost switching and memory.
    /// </summary>
    public int? Readers { get; init => field = value is { } count ? AtLeast(1, count) : null; }

    /// <summary>
    /// Files handed to a reader in one message: the published chunk size. Default 100. 1 pays overhead for every file; thousands leave readers idle
    /// while one of them holds the last chunk. A chunk is closed earlier when its bytes reach a quarter of <see cref="BytesInFlight"/>.
    /// </summary>
    public int FilesPerMessage { get; init => field = AtLeast(1, value); } = 100;

    /// <summary>
    /// Rows that a batch, and so a transaction, collects at most. Default: what suits the sink, 20,000 for SQLite and 102,400 for SQL Server (<see cref="IBatchSink{TRow}.BatchRows"/>).
    /// Fewer: rows are visible sooner, and commits cost more.
    /// </summary>
    public int? BatchRows { get; init => field = value is { } rows ? AtLeast(1, rows) : null; }

    /// <summary>Files that a batch collects at most, however few rows they have. Default 4,000: some 2 KB of objects each.</summary>
    public int BatchFiles { get; init => field = AtLeast(1, value); } = 4_000;

    /// <summary>
    /// How long the first file of a batch waits for others before a writer that is free writes the batch as it is. Default 10 ms. Longer: fewer, larger transactions,
    /// and a reading is that much older when it is visible.
    /// </summary>
    public TimeSpan BatchWait { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Batches written at the same time, at most. Default: as many as the sink allows (<see cref="IBatchSink{TRow}.MaxWriters"/>): SQLite one, SQL Server up to four. Each writer collects
    /// batches of its own, so more writers make smaller batches of the same <see cref="BytesInFlight"/>.
    /// </summary>
    public int? Writers { get; init => field = value is { } writers ? AtLeast(1, writers) : null; }

    /// <summary>
    /// Files larger than this many bytes are streamed: their rows are parsed while the sink writes, alone in their transaction, in constant memory.
    /// Default 1 MiB. Such a file is read by the writer, so many of them are slower than small ones.
    /// </summary>
    public long StreamAbove { get; init => field = AtLeast(0L, value); } = 1 << 20;

    /// <summary>
    /// Bytes of files that may be between listing and commit at once. Default 16 MiB; a file counts 2 KiB more than its size. The rows of a long file take about the bytes of the file, those of a wide one with short
    /// values several times as much (40 bytes a reading).
    /// </summary>
    public long BytesInFlight { get; init => field = AtLeast(1L, value); } = 16 << 20;

    /// <summary>
    /// Rows of a file that may be bad while the rest is loaded. Default 100: the 101st quarantines the whole file. 0: one bad row does.
    /// A file whose rows are all bad is quarantined in any case.
    /// </summary>
    public int MaxBadRows { get; init => field = AtLeast(0, value); } = 100;

    /// <summary>How often a batch is written anew after a transient error of the sink, with growing pauses, before the run ends with that error. Default 5; 0 never retries.</summary>
    public int WriteRetries { get; init => field = AtLeast(0, value); } = 5;

    /// <summary>The first pause before a batch is written anew; each further one is twice as long, with jitter, up to 30 s. Default 200 ms.</summary>
    public TimeSpan RetryDelay { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// When nothing at all moves for this long, the run ends with <see cref="PipelineStalledException"/>, which names the queues. Default 5 min.
    /// It must be longer than a source's settle time and than the longest pause of a linked block.
    /// </summary>
    public TimeSpan StallTimeout { get; init => field = Positive(value); } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a cancelled run may take to write what it has read. Default 10 s. What is not committed by then is rolled back and imported by the next run.
    /// </summary>
    public TimeSpan StopDeadline { get; init => field = Positive(value); } = TimeSpan.FromSeconds(10);

    /// <summary>How often progress is reported. Default 200 ms.</summary>
    public TimeSpan ProgressInterval { get; init => field = Positive(value); } = TimeSpan.FromMilliseconds(200);

    /// <summary>Records what readers and writers do, and when. Default <see langword="null"/>: nothing is recorded, at no cost. For one run at a time.</summary>
    public TraceRecorder? Trace { get; init; }

    /// <summary>The clock. Default: the system's. A test sets its own.</summary>
    public TimeProvider TimeProvider { get; init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider)); } = TimeProvider.System;

    private static int AtLeast(int least, int value, [CallerMemberName] string name = "") => (int)AtLeast((long)least, value, name);

    private static long AtLeast(long least, long value, [CallerMemberName] string name = "") =>
        value >= least ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");

    private static TimeSpan Positive(TimeSpan value, [CallerMemberName] string name = "") =>
        value > TimeSpan.Zero && value.TotalMilliseconds < int.MaxValue
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than zero and less than 24 days.");
}
