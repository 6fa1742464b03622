using System.Buffers;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Writes the files a water network's loggers would send, in the default long format: one file per logger and step, with names like
/// <c>L00042_20250101T001500.csv</c>. This folder makes such files for tests and experiments; nothing else in the host depends on it.
/// Most files hold one timestamp, some a backlog (<see cref="GenerateOptions.Backlog"/>), some are broken
/// (<see cref="GenerateOptions.Bad"/>). The class knows which readings an import must find, without reading the files.
/// Thread-safe, but do not call <see cref="Write"/> twice at once for the same folder.
/// </summary>
internal sealed class LoggerFiles
{
    private const int ReportEvery = 1000;

    private readonly GenerateOptions _options;
    private readonly Schedule _schedule;

    /// <exception cref="ArgumentException">The options do not fit together: too many files, or a time after the year 9000.</exception>
    public LoggerFiles(GenerateOptions options)
    {
        _options = options;
        _schedule = new Schedule(options);
    }

    /// <summary>How many files <see cref="Write"/> will write.</summary>
    public long Count => _schedule.Files;

    /// <summary>Writes all files on all cores, in memory that does not grow with their number.</summary>
    /// <param name="progress">Called every thousand files, on any thread, with the number of files written so far.</param>
    /// <param name="cancellationToken">Stops after the files that are being written. What is written stays.</param>
    /// <exception cref="IOException">A file or folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public GenerateResult Write(IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        Directory.CreateDirectory(_options.To);
        foreach (string folder in _schedule.Folders())
            Directory.CreateDirectory(Path.Combine(_options.To, folder));
        var total = new Tally();
        long written = 0;
        try
        {
            var parallel = new ParallelOptions
            {
                CancellationToken = cancellationToken,
                MaxDegreeOfParallelism = Environment.ProcessorCount,
            };
            Parallel.For(
                1,
                _options.Loggers + 1,
                parallel,
                () => (Tally: new Tally(), Text: new ArrayBufferWriter<byte>()),
                (logger, _, mine) =>
                {
                    WriteLogger(logger, mine.Tally, mine.Text, CountFile, cancellationToken);
                    return mine;
                },
                mine => { lock (total) total.Add(mine.Tally); });
        }
        catch (AggregateException e)
        {
            // The first error says what is wrong; the other threads met the same.
            ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
        }
        return total.ToResult();

        void CountFile()
        {
            long now = Interlocked.Increment(ref written);
            if (now % ReportEvery == 0 || now == Count) progress?.Report(now);
        }
    }

    /// <summary>
    /// Every reading that is in the table once all files are imported with the default format and policies: each once, by logger and time.
    /// They are made while they are enumerated.
    /// </summary>
    public IEnumerable<Reading> ExpectedReadings()
    {
        for (int logger = 1; logger <= _options.Loggers; logger++)
        {
            ReadingSet set = NewSet(logger);
            for (int step = 0; step < _options.Steps; step++)
                set.Add(_schedule.File(logger, step));
            Channel[] channels = _schedule.Network.Channels(logger);
            string name = Schedule.LoggerName(logger);
            foreach ((int step, int channel) in set.All())
                yield return Reading(name, logger, channels[channel], _schedule.Time(step));
        }
    }

    /// <summary>Every file and what an import makes of it, in order of time. They are made while they are enumerated.</summary>
    public IEnumerable<ExpectedFile> ExpectedFiles()
    {
        for (int step = 0; step < _options.Steps; step++)
        {
            for (int logger = 1; logger <= _options.Loggers; logger++)
            {
                LoggerFile file = _schedule.File(logger, step);
                yield return new ExpectedFile(_schedule.PathOf(file), file.Bad, file.Outcome, file.LoadedRows, file.RejectedRows);
            }
        }
    }

    private void WriteLogger(int logger, Tally tally, ArrayBufferWriter<byte> text, Action written, CancellationToken cancellationToken)
    {
        ReadingSet set = NewSet(logger);
        for (int step = 0; step < _options.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LoggerFile file = _schedule.File(logger, step);
            ReadOnlySpan<byte> bytes = Bytes(file, text);
            WriteFile(file, bytes);
            set.Add(file);
            tally.Count(file, bytes.Length);
            written();
        }
        tally.CountDistinct(set.Count);
    }

    private ReadOnlySpan<byte> Bytes(LoggerFile file, ArrayBufferWriter<byte> text)
    {
        if (file.Bad is not (null or BadKind.SameAsOtherFile)) return BadText.Of(file, _schedule);
        text.ResetWrittenCount();
        LongText.Write(text, file, _schedule);
        return text.WrittenSpan;
    }

    /// <summary>Sets the time last: until then the file looks new, so that nobody imports half of it.</summary>
    private void WriteFile(LoggerFile file, ReadOnlySpan<byte> bytes)
    {
        using SafeFileHandle handle = File.OpenHandle(Path.Combine(_options.To, _schedule.PathOf(file)), FileMode.Create, FileAccess.Write);
        RandomAccess.Write(handle, bytes, 0);
        File.SetLastWriteTimeUtc(handle, DateTimeOffset.FromUnixTimeSeconds(_schedule.Time(file.Step)).UtcDateTime);
    }

    private ReadingSet NewSet(int logger) =>
        new(_schedule.Network.Channels(logger).Length, -10 * _schedule.StepsPerDay, _options.Steps - 1);

    private Reading Reading(string name, int logger, Channel channel, long time) =>
        new(name, LongText.ChannelName(channel), DateTimeOffset.FromUnixTimeSeconds(time).UtcDateTime,
            _schedule.Network.Thousandths(logger, channel, time) / 1000.0);
}

/// <summary>A generated file and what an import with the default format and policies makes of it.</summary>
/// <param name="Path">The path below the target folder, with <c>/</c>.</param>
/// <param name="Bad">What is unusual about it, or <see langword="null"/> for a good file.</param>
/// <param name="Outcome">Loaded or quarantined.</param>
/// <param name="LoadedRows">Rows that are loaded.</param>
/// <param name="RejectedRows">Rows that are rejected although the file is loaded. Rows of a quarantined file are not counted.</param>
internal sealed record ExpectedFile(string Path, BadKind? Bad, FileOutcome Outcome, int LoadedRows, int RejectedRows);
