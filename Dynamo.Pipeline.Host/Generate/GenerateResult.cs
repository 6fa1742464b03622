namespace Dynamo.Pipeline.Host;

/// <summary>What was written, and what an import of it must report with the default format and policies.</summary>
internal sealed record GenerateResult
{
    /// <summary>Files written.</summary>
    public long Files { get; init; }

    /// <summary>Bytes in them.</summary>
    public long Bytes { get; init; }

    /// <summary>Readings in the files that can be loaded. A reading that is in several files counts each time.</summary>
    public long Readings { get; init; }

    /// <summary>Different (logger, channel, timestamp) among <see cref="Readings"/>: the rows the table must have afterwards.</summary>
    public long DistinctReadings { get; init; }

    /// <summary>Rows that are rejected from files that are loaded.</summary>
    public long RejectedRows { get; init; }

    /// <summary>Files that go into quarantine.</summary>
    public long Quarantined { get; init; }

    /// <summary>Files of each kind that <see cref="GenerateOptions.Bad"/> mixed in; kinds that do not occur are left out.</summary>
    public required IReadOnlyDictionary<BadKind, long> Bad { get; init; }
}

/// <summary>Counts what is written. One per thread, added up at the end.</summary>
internal sealed class Tally
{
    private readonly long[] _bad = new long[BadKinds.All.Count];
    private long _files, _bytes, _readings, _distinct, _rejected, _quarantined;

    public void Count(LoggerFile file, long bytes)
    {
        _files++;
        _bytes += bytes;
        _readings += file.LoadedRows;
        _rejected += file.RejectedRows;
        if (file.Outcome == FileOutcome.Quarantined) _quarantined++;
        if (file.Bad is { } kind) _bad[(int)kind]++;
    }

    public void CountDistinct(long readings) => _distinct += readings;

    public void Add(Tally other)
    {
        _files += other._files;
        _bytes += other._bytes;
        _readings += other._readings;
        _distinct += other._distinct;
        _rejected += other._rejected;
        _quarantined += other._quarantined;
        for (int i = 0; i < _bad.Length; i++)
            _bad[i] += other._bad[i];
    }

    public GenerateResult ToResult() => new()
    {
        Files = _files,
        Bytes = _bytes,
        Readings = _readings,
        DistinctReadings = _distinct,
        RejectedRows = _rejected,
        Quarantined = _quarantined,
        Bad = BadKinds.All.Where(kind => _bad[(int)kind] > 0).ToDictionary(kind => kind, kind => _bad[(int)kind]),
    };
}
