using System.Text;

namespace Dynamo.Pipeline;

/// <summary>Where a table's timestamps are and how they are written. Immutable, shared by all files with the same header.</summary>
internal sealed class TimeColumns
{
    private readonly FileTime? _forAllFiles;

    public TimeColumns(ReadingFormat format, CsvHeader header, string expected)
    {
        Format = format;
        Text = new TimestampText(format.TimestampFormats, format.DecimalSeparator);
        Clock = format.Zone is null ? null : new LocalClock(TimeZoneInfo.FindSystemTimeZoneById(format.Zone));
        Date = Column(format.Timestamp);
        Time = format.TimeOfDay is { } time ? Column(time) : FileTime.None;
        bool isWhole = format.Timestamp.ColumnName is not null && format.TimeOfDay is null && format.Elapsed is null;
        if (isWhole && Clock is null) _forAllFiles = new FileTime(this, null, null, null);

        int Column(FieldSource source) => source.ColumnName is { } name ? header.Column(name, expected) : FileTime.None;
    }

    public ReadingFormat Format { get; }

    public TimestampText Text { get; }

    public LocalClock? Clock { get; }

    public int Date { get; }

    public int Time { get; }

    /// <summary>Whether a file's timestamps depend on nothing but their own text.</summary>
    public bool IsForAllFiles => _forAllFiles is not null;

    public bool Uses(int column) => column == Date || column == Time;

    /// <summary>Begins a file.</summary>
    /// <exception cref="BadFileException">The path or the preamble lacks what is needed.</exception>
    public FileTime Open(in CsvFile file)
    {
        if (_forAllFiles is not null) return _forAllFiles;
        byte[]? date = Format.Timestamp.ColumnName is null ? Bytes(Format.Timestamp.TextOf(file, "timestamp")) : null;
        byte[]? time = Format.TimeOfDay is { ColumnName: null } source ? Bytes(source.TextOf(file, "timeOfDay")) : null;
        return new FileTime(this, date, time, Format.Elapsed is { } elapsed ? Start(elapsed, file) : null);
    }

    private long Start(ElapsedTime elapsed, in CsvFile file)
    {
        string text = elapsed.Start.TextOf(file, "start");
        TimestampProblem problem = Text.Read(Bytes(text), out long ticks);
        if (problem == TimestampProblem.Local) problem = ToUtc(ticks, null, out ticks);
        if (problem == TimestampProblem.None) return ticks;
        throw new BadFileException(new Defect($"the start of the times cannot be used: {problem.Text()}")
        {
            Found = text,
            Expected = Text.Expected,
            Remedy = problem.Remedy(),
        });
    }

    /// <summary>The instant of a local time, by the order of its series where that tells, otherwise by the policies.</summary>
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
