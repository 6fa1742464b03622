using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>Reads the timestamps of one file, and keeps what its order tells about repeated hours. Used by one reader at a time, unless it keeps nothing.</summary>
/// <param name="columns">The table's columns.</param>
/// <param name="date">The timestamp or its date, when it is one for the file.</param>
/// <param name="time">The time of day, when it is one for the file.</param>
/// <param name="start">The UTC ticks from which times are counted.</param>
internal sealed class FileTime(TimeColumns columns, byte[]? date, byte[]? time, long? start)
{
    public const int None = -1;

    // A hostile file has a million series; past these the policy decides alone.
    private const int MostSeries = 10_000;
    private const int LongestPart = 100;

    private readonly int _date = columns.Date;
    private readonly TimestampText _text = columns.Text;
    private readonly bool _isWhole = date is null && columns.Time == None && time is null && start is null;
    private Dictionary<(string, string), SeriesOrder>? _series;

    /// <summary>Reads the timestamp of a line.</summary>
    /// <param name="record">The line.</param>
    /// <param name="logger">Whose series it belongs to.</param>
    /// <param name="channel">The series' other half.</param>
    /// <param name="utc">The timestamp.</param>
    /// <param name="defect">Why it cannot be taken.</param>
    public bool TryRead(in CsvRecord record, string logger, string channel, out DateTime utc, [NotNullWhen(false)] out Defect? defect)
    {
        TimestampProblem problem = _isWhole ? _text.Read(record.Field(_date), out long ticks) : ReadParts(record, out ticks);
        if (problem == TimestampProblem.Local) problem = ToUtc(ticks, logger, channel, out ticks);
        if (problem == TimestampProblem.None)
        {
            utc = new DateTime(ticks, DateTimeKind.Utc);
            defect = null;
            return true;
        }
        utc = default;
        string expected = columns.Format.Elapsed is { } elapsed ? $"a number of {elapsed.Unit.ToString().ToLowerInvariant()}"
            : columns.Clock is null ? _text.Expected.Replace("00:00", "00:00Z", StringComparison.Ordinal) : _text.Expected;
        defect = record.Defect(_date >= 0 ? _date : Math.Max(0, columns.Time), problem.Text(), expected, problem.Remedy());
        return false;
    }

    private TimestampProblem ToUtc(long local, string logger, string channel, out long utc)
    {
        utc = 0;
        if (columns.Clock is null) return TimestampProblem.NoZone;
        TimestampProblem problem = columns.Clock.TryQuiet(local, out utc)
            ? TimestampProblem.None
            : columns.ToUtc(local, Series(logger, channel), out utc);
        if (problem != TimestampProblem.None) return problem;
        return utc < 0 || utc > DateTime.MaxValue.Ticks ? TimestampProblem.OutOfRange : TimestampProblem.None;
    }

    private SeriesOrder? Series(string logger, string channel)
    {
        _series ??= [];
        if (_series.TryGetValue((logger, channel), out SeriesOrder? series)) return series;
        if (_series.Count >= MostSeries) return null;
        return _series[(logger, channel)] = new SeriesOrder();
    }

    private TimestampProblem ReadParts(in CsvRecord record, out long ticks)
    {
        ticks = 0;
        ReadOnlySpan<byte> first = date is null ? record.Field(_date) : date;
        if (start is { } from) return ReadElapsed(first, from, out ticks);
        if (columns.Time == None && time is null) return _text.Read(first, out ticks);
        ReadOnlySpan<byte> second = columns.Time == None ? time : record.Field(columns.Time);
        if (first.IsEmpty || second.IsEmpty) return TimestampProblem.Empty;
        if (first.Length > LongestPart || second.Length > LongestPart) return TimestampProblem.Unreadable;
        Span<byte> both = stackalloc byte[(2 * LongestPart) + 1];
        first.CopyTo(both);
        both[first.Length] = (byte)' ';
        second.CopyTo(both[(first.Length + 1)..]);
        return _text.Read(both[..(first.Length + 1 + second.Length)], out ticks);
    }

    private TimestampProblem ReadElapsed(ReadOnlySpan<byte> text, long from, out long ticks)
    {
        ticks = 0;
        if (text.IsEmpty) return TimestampProblem.Empty;
        long unit = columns.Format.Elapsed!.Unit switch
        {
            ElapsedUnit.Milliseconds => TimeSpan.TicksPerMillisecond,
            ElapsedUnit.Minutes => TimeSpan.TicksPerMinute,
            ElapsedUnit.Hours => TimeSpan.TicksPerHour,
            ElapsedUnit.Days => TimeSpan.TicksPerDay,
            _ => TimeSpan.TicksPerSecond,
        };
        if (!TickCount.TryRead(text, unit, (byte)columns.Format.DecimalSeparator, out long elapsed)) return TimestampProblem.Unreadable;
        ticks = from + elapsed;
        return ticks < 0 || ticks > DateTime.MaxValue.Ticks ? TimestampProblem.OutOfRange : TimestampProblem.None;
    }
}
