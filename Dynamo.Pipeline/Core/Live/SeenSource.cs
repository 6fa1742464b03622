namespace Dynamo.Pipeline.Live;

/// <summary>
/// Until when everything that landed at a source is imported: when a sweep began that saw all of it without an error, once every file that
/// was known at its end has an outcome. Files have numbers in the order in which they became known. Not thread-safe.
/// </summary>
internal sealed class SeenSource
{
    private DateTime? _sweep;
    private (DateTime Began, long Last, int Open)? _waits;
    private (DateTime Began, long Last)? _next;

    /// <summary>Until when, in UTC; <see langword="null"/>: no sweep has seen it whole.</summary>
    public DateTime? UntilUtc { get; private set; }

    public void SweepBegins(DateTime nowUtc) => _sweep = nowUtc;

    /// <summary>The sweep that is under way saw the whole source.</summary>
    /// <param name="last">The highest number of a file.</param>
    /// <param name="underWay">The numbers of the files that have no outcome yet.</param>
    public void SweepEnds(long last, IEnumerable<long> underWay)
    {
        if (_sweep is not { } began) return;
        _sweep = null;
        if (_waits is null) Wait(began, last, underWay);
        else _next = (began, last);
    }

    /// <summary>A file has an outcome.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="underWay">The numbers of the files that have none yet.</param>
    public void Ended(long number, IEnumerable<long> underWay)
    {
        if (_waits is not { } waits || number > waits.Last) return;
        _waits = waits with { Open = waits.Open - 1 };
        if (waits.Open > 1) return;
        UntilUtc = waits.Began;
        _waits = null;
        if (_next is not { } next) return;
        _next = null;
        Wait(next.Began, next.Last, underWay);
    }

    /// <summary>The source failed: what was left out, only another sweep finds.</summary>
    public void Failed() => (_sweep, _waits, _next) = (null, null, null);

    private void Wait(DateTime began, long last, IEnumerable<long> underWay)
    {
        int open = underWay.Count(number => number <= last);
        if (open == 0) UntilUtc = began;
        else _waits = (began, last, open);
    }
}
