using System.Diagnostics.CodeAnalysis;
using System.Text;
using Dynamo.Pipeline.Csv;

namespace Dynamo.Pipeline.Readings;

/// <summary>The columns of a table's timestamps and how they are written. Immutable, shared by all files with the same header.</summary>
internal sealed class TimeColumns
{
    private readonly FileTime? _forAllFiles;

    public TimeColumns(ReadingFormat format, CsvHeader header, string expected)
    {
        Format = format;
        Text = new TimestampText(format.TimestampFormats, format.DecimalSeparator, format.Hour24 || format.DayStep is not null);
        Clock = format.Zone is null ? null : new LocalClock(TimeZoneInfo.FindSystemTimeZoneById(format.Zone));
        Parts = [.. format.Timestamp.ColumnNames.Select(name => header.Column(name, expected))];
        Date = Parts.Length > 0 ? Parts[0] : Column(format.Timestamp);
        Time = format.TimeOfDay is { } time ? Column(time) : FileTime.None;
        IsWhole = format.Timestamp.ColumnName is not null && format.TimeOfDay is null && format.Elapsed is null
            && format.Interval == IntervalTime.None && !format.RepeatsDate;
        if (IsWhole && Clock is null && format.Offset is null) _forAllFiles = new FileTime(this, null, null, null);

        int Column(FieldSource source) => source.ColumnName is { } name ? header.Column(name, expected) : FileTime.None;
    }

    public ReadingFormat Format { get; }

    public TimestampText Text { get; }

    public LocalClock? Clock { get; }

    public int Date { get; }

    /// <summary>The columns of which a timestamp is put together, if there are several; otherwise empty.</summary>
    public int[] Parts { get; }

    /// <summary>Whether the field in <see cref="Date"/> is the whole timestamp, as it is written.</summary>
    public bool IsWhole { get; }

    public int Time { get; }

    /// <summary>Whether a timestamp depends only on its own text, so that all files can share one <see cref="FileTime"/>.</summary>
    public bool IsForAllFiles => _forAllFiles is not null;

    public bool Uses(int column) => column == Date || column == Time || Parts.Contains(column);

    /// <summary>Gets the reader of timestamps for a file.</summary>
    /// <exception cref="BadFileException">The path or the preamble does not have the needed text.</exception>
    public FileTime Open(in CsvFile file)
    {
        if (_forAllFiles is not null) return _forAllFiles;
        byte[]? date = Date == FileTime.None ? Bytes(Format.Timestamp.TextOf(file, "timestamp")) : null;
        byte[]? time = Format.TimeOfDay is { ColumnName: null } source ? Bytes(source.TextOf(file, "timeOfDay")) : null;
        long? offset = Format.Offset is { } place ? Offset(place, file) : null;
        return new FileTime(this, date, time, Format.Elapsed is { } elapsed ? Start(elapsed, offset, file) : null) { Offset = offset };
    }

    private static long Offset(FieldSource place, in CsvFile file)
    {
        string text = place.TextOf(file, "offset");
        return OffsetText.TryRead(text, out long ticks) ? ticks : throw new BadFileException(new Defect("the offset cannot be read")
        {
            Found = text,
            Expected = "an offset such as +01:00, -5, UTC or UTC+1",
            Remedy = $"Set {OptionName.Of(nameof(ReadingFormat.Offset))} in the format to another place, "
                + $"or set {OptionName.Of(nameof(ReadingFormat.Zone))}",
        });
    }

    private long Start(ElapsedTime elapsed, long? offset, in CsvFile file)
    {
        string text = elapsed.Start.TextOf(file, "start");
        TimestampProblem problem = Text.Read(Bytes(text), out long ticks);
        if (problem == TimestampProblem.Local && offset is { } ahead) (problem, ticks) = (TimestampProblem.None, ticks - ahead);
        if (problem == TimestampProblem.Local) problem = ToUtc(ticks, null, out ticks);
        if (problem == TimestampProblem.None) return ticks;
        throw new BadFileException(new Defect($"the start of the times cannot be used: {problem.Text()}")
        {
            Found = text,
            Expected = Text.Expected,
            Remedy = problem.Remedy(),
        });
    }

    /// <summary>
    /// Converts a local time to UTC: by the order of its series if that tells which instant is meant, otherwise by the settings
    /// <see cref="ReadingFormat.Gap"/> and <see cref="ReadingFormat.Fold"/>.
    /// </summary>
    public TimestampProblem ToUtc(long local, SeriesOrder? series, out long utc)
    {
        utc = 0;
        if (Clock is null) return TimestampProblem.NoZone;
        LocalTime time = Clock.Find(local);
        long? told = series?.Next(local, time);
        (ClockChange policy, TimestampProblem problem) = time.Kind switch
        {
            LocalTimeKind.Never => (Format.Gap, TimestampProblem.Gap),
            LocalTimeKind.Twice => (Format.Fold, TimestampProblem.Fold),
            _ => (ClockChange.Earlier, TimestampProblem.None),
        };
        if (told is null && policy == ClockChange.Reject) return problem;
        utc = told ?? (policy == ClockChange.Later ? time.Later : time.Earlier);
        return TimestampProblem.None;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text.Trim());
}

/// <summary>
/// Reads the timestamps of one file, and keeps the order of its series for hours that are repeated. Used by one thread at a time.
/// Only if it keeps nothing (<see cref="TimeColumns.IsForAllFiles"/>), several threads may use it at once.
/// </summary>
/// <param name="columns">The table's columns.</param>
/// <param name="date">The timestamp or its date, if it is the same for the whole file.</param>
/// <param name="time">The time of day, if it is the same for the whole file.</param>
/// <param name="start">The UTC ticks of the start, if timestamps count from one.</param>
internal sealed class FileTime(TimeColumns columns, byte[]? date, byte[]? time, long? start)
{
    public const int None = -1;

    // A hostile file can have a million series. Above this number, the order of further series is not used.
    private const int MostSeries = 10_000;
    private const int LongestPart = 100;

    private readonly int _date = columns.Date;
    private readonly TimestampText _text = columns.Text;
    private readonly bool _isWhole = columns.IsWhole;
    private byte[]? _lastDate;
    private Dictionary<(string, string), SeriesOrder>? _series;

    /// <summary>The ticks of the file's offset, if it has one.</summary>
    public long? Offset { get; init; }

    /// <summary>Reads the timestamp of a line.</summary>
    /// <param name="record">The line.</param>
    /// <param name="logger">The logger of the series to which the line belongs.</param>
    /// <param name="channel">The channel of the series; empty if a line has many channels.</param>
    /// <param name="utc">The timestamp.</param>
    /// <param name="defect">Why the timestamp cannot be used.</param>
    public bool TryRead(in CsvRecord record, string logger, string channel, out DateTime utc, [NotNullWhen(false)] out Defect? defect)
    {
        TimestampProblem problem = _isWhole ? _text.Read(record.Field(_date), out long ticks) : ReadParts(record, out ticks);
        if (problem != TimestampProblem.None)
            return TryUtc(problem, ticks, record, _date >= 0 ? _date : Math.Max(0, columns.Time), logger, channel, out utc, out defect);
        utc = new DateTime(ticks, DateTimeKind.Utc);
        defect = null;
        return true;
    }

    /// <summary>Reads the timestamp of a cell whose column is a time of the line's day.</summary>
    public bool TryRead(
        in CsvRecord record, int column, ReadOnlySpan<byte> timeOfDay, string logger, string channel, out DateTime utc,
        [NotNullWhen(false)] out Defect? defect)
    {
        TimestampProblem problem = ReadBoth(date is null ? record.Field(_date) : date, timeOfDay, out long ticks);
        return TryUtc(problem, ticks, record, column, logger, channel, out utc, out defect);
    }

    private bool TryUtc(
        TimestampProblem problem, long ticks, in CsvRecord record, int column, string logger, string channel, out DateTime utc,
        [NotNullWhen(false)] out Defect? defect)
    {
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
        defect = record.Defect(column, problem.Text(), expected, problem.Remedy());
        return false;
    }

    private TimestampProblem ToUtc(long local, string logger, string channel, out long utc)
    {
        utc = local - Offset.GetValueOrDefault();
        if (columns.Clock is null && Offset is null) return TimestampProblem.NoZone;
        TimestampProblem problem = columns.Clock is null ? TimestampProblem.None
            : columns.Clock.TryQuiet(local, out utc)
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
        if (columns.Parts.Length > 0) return ReadColumns(record, out ticks);
        ReadOnlySpan<byte> first = date is null ? record.Field(_date) : date;
        if (columns.Format.RepeatsDate) first = Repeated(first);
        bool isInterval = columns.Format.Interval != IntervalTime.None;
        if (columns.Time == None && time is null)
        {
            if (start is { } from) return ReadElapsed(isInterval ? Counted(first) : first, from, out ticks);
            return isInterval ? ReadInterval(default, first, out ticks) : _text.Read(first, out ticks);
        }
        // A date that stands alone is no interval; its times are.
        ReadOnlySpan<byte> second = columns.Time == None ? time : record.Field(columns.Time);
        if (first.IsEmpty) return TimestampProblem.Empty;
        return isInterval ? ReadInterval(first, second, out ticks) : ReadBoth(first, second, out ticks);
    }

    private ReadOnlySpan<byte> Counted(ReadOnlySpan<byte> text) =>
        IntervalText.TrySplit(text, out ReadOnlySpan<byte> from, out ReadOnlySpan<byte> to) && columns.Format.Interval == IntervalTime.End
            ? to : from;

    /// <summary>Reads the start or the end of an interval, whose date may be in another field.</summary>
    private TimestampProblem ReadInterval(ReadOnlySpan<byte> day, ReadOnlySpan<byte> text, out long ticks)
    {
        bool isOne = !IntervalText.TrySplit(text, out ReadOnlySpan<byte> from, out ReadOnlySpan<byte> to);
        if (isOne || columns.Format.Interval == IntervalTime.Start) return Read(day, from, out ticks);
        if (day.IsEmpty && !IntervalText.IsTime(to)) return _text.Read(to, out ticks);
        // The end has no date of its own: it is the first one after the start.
        TimestampProblem problem = Read(day, from, out long begin);
        ticks = 0;
        if (!IsRead(problem) || from.Length + to.Length > LongestPart) return IsRead(problem) ? TimestampProblem.Unreadable : problem;
        Span<byte> whole = stackalloc byte[LongestPart];
        ReadOnlySpan<byte> date = day.IsEmpty ? IntervalText.DateOf(from) : default;
        date.CopyTo(whole);
        to.CopyTo(whole[date.Length..]);
        problem = Read(day, whole[..(date.Length + to.Length)], out ticks);
        if (IsRead(problem) && ticks <= begin) ticks += TimeSpan.TicksPerDay;
        return ticks > DateTime.MaxValue.Ticks ? TimestampProblem.OutOfRange : problem;

        static bool IsRead(TimestampProblem problem) => problem is TimestampProblem.None or TimestampProblem.Local;
    }

    private TimestampProblem Read(ReadOnlySpan<byte> day, ReadOnlySpan<byte> text, out long ticks) =>
        day.IsEmpty ? _text.Read(text, out ticks) : ReadBoth(day, text, out ticks);

    private TimestampProblem ReadBoth(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, out long ticks)
    {
        ticks = 0;
        if (first.IsEmpty || second.IsEmpty) return TimestampProblem.Empty;
        if (first.Length > LongestPart || second.Length > LongestPart) return TimestampProblem.Unreadable;
        Span<byte> both = stackalloc byte[(2 * LongestPart) + 1];
        first.CopyTo(both);
        both[first.Length] = (byte)' ';
        second.CopyTo(both[(first.Length + 1)..]);
        return _text.Read(both[..(first.Length + 1 + second.Length)], out ticks);
    }

    private TimestampProblem ReadColumns(in CsvRecord record, out long ticks)
    {
        ticks = 0;
        Span<byte> all = stackalloc byte[LongestPart];
        int length = 0;
        foreach (int column in columns.Parts)
        {
            ReadOnlySpan<byte> part = record.Field(column);
            if (part.IsEmpty) return TimestampProblem.Empty;
            if (length + part.Length + 1 > all.Length) return TimestampProblem.Unreadable;
            if (length > 0) all[length++] = (byte)' ';
            part.CopyTo(all[length..]);
            length += part.Length;
        }
        return _text.Read(all[..length], out ticks);
    }

    private ReadOnlySpan<byte> Repeated(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return _lastDate;
        if (!text.SequenceEqual(_lastDate)) _lastDate = text.ToArray();
        return text;
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
