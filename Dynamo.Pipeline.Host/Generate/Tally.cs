namespace Dynamo.Pipeline.Host;

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
