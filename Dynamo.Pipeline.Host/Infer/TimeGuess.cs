using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Dynamo.Pipeline.Csv;
using Dynamo.Pipeline.Readings;

namespace Dynamo.Pipeline.Host;

/// <summary>Where a table's times are and how they are written.</summary>
/// <param name="Columns">The columns that they take, by their 0-based places.</param>
/// <param name="Pattern">How they are written, as one text with spaces between the columns.</param>
/// <param name="Hour24">Whether some are 24:00.</param>
internal sealed record TimeGuess(int[] Columns, TimePattern Pattern, bool Hour24)
{
    /// <summary>Whether the last column has intervals, of which the start is read.</summary>
    public bool IsInterval { get; private init; }

    /// <summary>Whether the date is written only where it changes.</summary>
    public bool RepeatsDate { get; private init; }

    /// <summary>How the times run on.</summary>
    public Steps Steps { get; private init; } = null!;

    /// <summary>The times of each file; <see langword="null"/> where one cannot be read.</summary>
    public IReadOnlyList<long?[]> Times { get; private init; } = [];

    /// <summary>What the samples leave open, in words; <see langword="null"/>: nothing.</summary>
    public string? Ambiguity { get; private init; }

    /// <summary>What only the names of the files told, in words; <see langword="null"/>: nothing.</summary>
    public string? Named { get; private init; }

    /// <summary>Finds the times that run on best; <see langword="null"/>: there are none.</summary>
    /// <param name="files">The columns of each file.</param>
    /// <param name="names">The columns' names.</param>
    /// <param name="hints">Texts that may say how dates are written, such as <c>MM/DD/YYYY</c>.</param>
    /// <param name="decimalSeparator">The decimal separator of numbers.</param>
    /// <param name="paths">The names of the files, which may have a date.</param>
    public static TimeGuess? Of(
        IReadOnlyList<string[][]> files, string[] names, IReadOnlyList<string> hints, char decimalSeparator, IReadOnlyList<string> paths)
    {
        TimeGuess[] all = [.. Candidates(files, names)
            .Select(one => one.Judged(files, decimalSeparator))
            .Where(one => one.Steps.Read >= 0.85)];
        if (all.Length == 0) return null;
        double Score(TimeGuess one) => one.Steps.Score
            + (one.Columns.Any(i => ColumnNames.IsTime(names[i])) ? 0.6 : 0)
            + (one.Columns.Any(i => IsUtc(names[i])) ? 0.1 : 0) + (one.Pattern.HasTime ? 0.4 : 0)
            + (0.1 * one.Columns.Length) + (IsAmerican(one) ? 0.05 : 0) - (0.01 * one.Columns[0]);
        TimeGuess best = all.OrderByDescending(Score).First();
        TimeGuess[] others = [
            .. all.Where(one => one != best && one.Columns.SequenceEqual(best.Columns) && one.Pattern.Order != best.Pattern.Order)];
        if (best.Pattern.Order.Length == 0 || others.Length == 0) return best;
        if (Hinted(hints) is { } order && all.FirstOrDefault(one => one.Columns.SequenceEqual(best.Columns)
            && one.Pattern.Order == order) is { } said)
            return said;
        TimeGuess compared = best.Compared(others, files[0][best.Columns[0]].First(text => text.Length > 0));
        return compared.Ambiguity is null ? compared : ByName([best, .. others], paths) ?? compared;
    }

    /// <summary>
    /// The only order in which each file that has a date in its name has a reading of that day, or the day before or after: files are named
    /// by their first or last day, or by the day on which they were written. A name has the year first, and then the month.
    /// </summary>
    private static TimeGuess? ByName(IReadOnlyList<TimeGuess> orders, IReadOnlyList<string> paths)
    {
        DateTime[][] dates = [.. paths.Select(path => DatesOf(Path.GetFileNameWithoutExtension(path)))];
        int dated = Array.FindIndex(dates, file => file.Length > 0);
        TimeGuess[] fitting = dated < 0 ? [] : [.. orders.Where(order => order.Times.Zip(dates).All(file => file.Second.Length == 0
            || file.Second.Any(date => file.First.OfType<long>().Any(ticks => Math.Abs(ticks - date.Ticks) <= 2 * TimeSpan.TicksPerDay
                && Math.Abs((new DateTime(ticks).Date - date).TotalDays) <= 1))))];
        // Two formats of one order tell the same.
        if (fitting.Select(one => one.Pattern.Order).Distinct().Count() != 1) return null;
        return fitting[0] with
        {
            Named = $"{Words(fitting[0].Pattern.Order)}, because only then '{Path.GetFileName(paths[dated])}' has readings of the date "
                + "in its name",
        };
    }

    private static DateTime[] DatesOf(string name) => [.. Regex.Matches(name, @"(?<![0-9])(20[0-9]{2})([-_.]?)([0-9]{2})\2([0-9]{2})"
        + "(?=$|[^0-9]|[0-9]{4}(?![0-9])|[0-9]{6}(?![0-9]))")
        .Select(match => DateTime.TryParseExact(
            match.Groups[1].Value + match.Groups[3].Value + match.Groups[4].Value, "yyyyMMdd", CultureInfo.InvariantCulture,
            DateTimeStyles.None, out DateTime date) ? date : default)
        .Where(date => date != default)];

    /// <summary>Whether a column's name says UTC: DateUTC, utc_time, Time (GMT).</summary>
    private static bool IsUtc(string name) => Regex.IsMatch(name, @"(\b|_|[a-z])(UTC|GMT)(?![A-Za-z0-9+-])|(\b|_)utc(\b|_)");

    /// <summary>Twelve hours and slashes go with the month first, if nothing else tells.</summary>
    private static bool IsAmerican(TimeGuess one) =>
        one.Pattern.Order == "Mdy" && one.Pattern.Formats.Any(format => format.Contains('t') && format.Contains('/'));

    private TimeGuess Compared(TimeGuess[] others, string shown)
    {
        // Ten steps of one length against steps of all lengths: that is no accident.
        const int EnoughSteps = 8;
        const double Clearly = 0.3;
        double Evidence(TimeGuess one) => one.Steps.OneWay + one.Steps.Even - (one.Steps.IsAhead ? 0.5 : 0);
        TimeGuess[] open = [.. others.Where(one => Steps.Count < EnoughSteps || Evidence(this) - Evidence(one) < Clearly
                || one.AreMonths() || AreMonths())
            .Where(one => one.Pattern.Order != "yMd" || Steps.Longest == 0 || one.Steps.Longest < 40 * Steps.Longest)];
        if (open.Length == 0) return this;
        bool isTold = open.All(one => Evidence(this) > Evidence(one));
        string why = isTold ? "only then the lines are in order" : "nothing in the samples tells which";
        string either = string.Join(
            " or ", open.Append(this).Select(one => Written(one.Pattern.Order)).OrderBy(text => text, StringComparer.Ordinal));
        return this with
        {
            Ambiguity = $"'{shown}' may be {either}. Taken as {Words(Pattern.Order)}, because {why}. "
                + "Check it, and change timestampFormats if it is wrong.",
        };
    }

    /// <summary>Whether each time is the first or last day of another month: read in the other order, these are days.</summary>
    private bool AreMonths()
    {
        long[] days = [.. Times.SelectMany(times => times).OfType<long>().Select(ticks => ticks / TimeSpan.TicksPerDay).Distinct().Order()];
        if (days.Length < 2 || days.Zip(days.Skip(1)).Any(pair => pair.Second - pair.First < 28)) return false;
        DateTime[] dates = [.. days.Select(day => new DateTime(day * TimeSpan.TicksPerDay))];
        return dates.All(date => date.Day == dates[0].Day) || dates.All(date => date.AddDays(1).Day == 1);
    }

    /// <summary>Whether times go back in lines whose date is left out.</summary>
    public bool GoesBackInADay() => Times.Any(times =>
    {
        long[] known = [.. times.OfType<long>()];
        bool isBackward = known.Length > 1 && known[^1] < known[0];
        return known.Zip(known.Skip(1)).Any(pair =>
            pair.First / TimeSpan.TicksPerDay == pair.Second / TimeSpan.TicksPerDay && (isBackward ? pair.Second > pair.First
                : pair.Second < pair.First));
    });

    private static string Written(string order) =>
        order switch { "dMy" => "day/month", "Mdy" => "month/day", "yMd" => "year/month/day", _ => order };

    private static string Words(string order) => order switch
    {
        "dMy" => "day before month",
        "Mdy" => "month before day",
        "yMd" => "year before month and day",
        _ => order,
    };

    private static string? Hinted(IReadOnlyList<string> hints)
    {
        foreach (string hint in hints)
        {
            string bare = hint.ToUpperInvariant();
            if (Regex.IsMatch(bare, @"\bMM?[/.-]?DD?[/.-]?YY")) return "Mdy";
            if (Regex.IsMatch(bare, @"\bDD?[/.-]?MM?[/.-]?YY")) return "dMy";
            if (Regex.IsMatch(bare, @"\bYY(YY)?[/.-]?MM?[/.-]?DD?")) return "yMd";
        }
        return null;
    }

    /// <summary>The texts of which a line's time is put together, as a run reads them.</summary>
    private string[] Parts(string[][] file, int row)
    {
        string[] parts = [.. Columns.Select(column => file[column][row])];
        for (int above = row; RepeatsDate && parts[0].Length == 0 && above > 0; above--) parts[0] = file[Columns[0]][above - 1];
        if (IsInterval) parts[^1] = StartOf(parts[^1]);
        return parts;
    }

    private static string StartOf(string text) => Split(text).Start;

    private static (string Start, string End) Split(string text)
    {
        IntervalText.TrySplit(Encoding.UTF8.GetBytes(text), out ReadOnlySpan<byte> start, out ReadOnlySpan<byte> end);
        return (Encoding.UTF8.GetString(start), Encoding.UTF8.GetString(end));
    }

    /// <summary>The starts of a column's intervals; <see langword="null"/> if it has none.</summary>
    private static string[]? Starts(string[] column)
    {
        const double Nearly = 0.9;
        const int MostOffsets = 3;
        // A dash or a slash inside a date is none between two times.
        (string Start, string End)[] split = [.. column.Select(text => text.Length < 10 ? (text, "") : Split(text))];
        int filled = column.Count(text => text.Length > 0);
        int count = split.Count(one => one.End.Length > 0 && one.Start.Any(c => c is ':' or 'T'));
        if (filled == 0 || count < Nearly * filled) return null;
        // A dash before a time may also be the offset's sign: there are few of them, and they are whole quarters.
        bool mayBeOffset = split.Where(one => one.End.Length > 0).Select(one => one.End).Distinct().Count() <= MostOffsets
            && column.Where(text => text.Length > 0).All(text => Regex.IsMatch(text, "[0-9T]-(0[0-9]|1[0-2]):(00|15|30|45)$"));
        return mayBeOffset ? null : [.. split.Select(one => one.Start)];
    }

    private TimeGuess Judged(IReadOnlyList<string[][]> files, char decimalSeparator)
    {
        var reader = new TimestampText(Pattern.Formats, decimalSeparator, hour24: true);
        bool is24 = false;
        long?[][] times = [.. files.Select(file => Enumerable.Range(0, file[0].Length).Select(row => Read(file, row)).ToArray())];
        long? Read(string[][] file, int row)
        {
            string[] parts = Parts(file, row);
            if (parts.Any(part => part.Length == 0)) return null;
            string text = string.Join(' ', parts);
            TimestampProblem problem = reader.Read(Encoding.UTF8.GetBytes(text), out long ticks);
            if (problem is not (TimestampProblem.None or TimestampProblem.Local)) return null;
            is24 |= text.Contains("24:", StringComparison.Ordinal) || parts[^1].StartsWith("24", StringComparison.Ordinal);
            return ticks;
        }
        var strict = new TimestampText(Pattern.Formats, decimalSeparator);
        bool Needs24() => files.Any(file => Enumerable.Range(0, file[0].Length).Any(row =>
            strict.Read(Encoding.UTF8.GetBytes(string.Join(' ', Parts(file, row))), out _) == TimestampProblem.Hour24));
        return this with { Times = times, Steps = Steps.Of(times), Hour24 = is24 && Needs24() };
    }

    /// <summary>
    /// Whether another column has times of its own: not those of these columns in another zone, nor the ends of their intervals, nor only
    /// their dates.
    /// </summary>
    public bool IsAnother(int column, IReadOnlyList<string[][]> files, char decimalSeparator)
    {
        const double Enough = 0.9;
        string[] texts = [.. files.SelectMany(file => file[column])];
        if (texts.Count(text => text.Length > 0) < Enough * texts.Length) return false;
        TimePattern[] patterns = [.. TimePatterns.Of(texts, true).Where(pattern => pattern.HasTime && pattern.Formats is not ["excel"])];
        if (patterns.Length == 0) return false;
        // Any order of day and month will do.
        return patterns.All(pattern => IsOwn(new TimeGuess([column], pattern, false).Judged(files, decimalSeparator).Times));

        bool IsOwn(IReadOnlyList<long?[]> others)
        {
            const long Quarter = 15 * TimeSpan.TicksPerMinute;
            long[] apart = [
                .. Times.SelectMany(times => times).Zip(others.SelectMany(times => times))
                    .Where(pair => pair.First is not null && pair.Second is not null)
                    .Select(pair => pair.Second!.Value - pair.First!.Value).Distinct().Order()];
            if (apart.Length == 0) return false;
            // A zone's time, also over a clock change; the end of an interval stands beside its beginning.
            if (apart.All(ticks => ticks % Quarter == 0) && apart[^1] - apart[0] <= TimeSpan.TicksPerHour) return false;
            return apart.Length > 1 || Columns.All(own => Math.Abs(own - column) != 1);
        }
    }

    private static IEnumerable<TimeGuess> Candidates(IReadOnlyList<string[][]> files, string[] names)
    {
        string[][] columns = [.. Enumerable.Range(0, names.Length).Select(i => files.SelectMany(file => file[i]).ToArray())];
        string?[] times = [.. columns.Select((column, i) => TimePatterns.TimeOfDay(column, ColumnNames.IsTime(names[i])))];
        string[]?[] starts = [.. columns.Select(Starts)];
        for (int i = 0; i < columns.Length; i++)
            if (starts[i] is not null) times[i] = TimePatterns.TimeOfDay(starts[i]!, ColumnNames.IsTime(names[i]));
        for (int i = 0; i < columns.Length; i++)
        {
            foreach (TimePattern pattern in TimePatterns.Of(starts[i] ?? columns[i], ColumnNames.IsTime(names[i])))
            {
                yield return new TimeGuess([i], pattern, false) { IsInterval = starts[i] is not null };
                if (pattern.HasTime) continue;
                // A date that is written only where it changes: most of its fields are empty, the first one is not.
                bool repeats = columns[i].Any(text => text.Length == 0) && files.All(file => file[i].Length > 0 && file[i][0].Length > 0);
                for (int j = 0; j < columns.Length; j++)
                {
                    if (j == i || times[j] is not { } time || (!ColumnNames.IsTime(names[j]) && Math.Abs(i - j) > 1)) continue;
                    string[] dates = pattern.Formats.Count == 0
                        ? ["yyyy-MM-dd"]
                        : [.. pattern.Formats.Select(date => date == "iso" ? "yyyy-MM-dd" : date)];
                    yield return new TimeGuess(
                        [i, j], pattern with { Formats = [.. dates.Select(date => $"{date} {time}").Distinct()], HasTime = true }, false)
                    {
                        IsInterval = starts[j] is not null,
                        RepeatsDate = repeats && columns[j].All(text => text.Length > 0),
                    };
                }
            }
        }
        foreach (TimeGuess parts in Parts(columns, names)) yield return parts;
    }

    /// <summary>Year, month, day, hour, minute and second, or year, day of the year and hour, in columns beside each other.</summary>
    private static IEnumerable<TimeGuess> Parts(string[][] columns, string[] names)
    {
        double[][] numbers = [.. columns.Select(column => column.Where(text => text.Length > 0).Select(Whole).ToArray())];
        bool In(int i, double least, double most) =>
            i < numbers.Length && numbers[i].Length > 0 && numbers[i].All(number => number >= least && number <= most);
        bool Named(int i, string start) =>
            i < names.Length && names[i].TrimStart('#').Trim().StartsWith(start, StringComparison.OrdinalIgnoreCase);
        for (int i = 0; i + 1 < columns.Length; i++)
        {
            bool isYear = In(i, 1900, 2100), isShort = In(i, 0, 99) && (Named(i, "y") || Named(i, "jahr") || Named(i, "an"));
            if (!isYear && !isShort) continue;
            string year = isYear ? "yyyy" : "yy";
            if (In(i + 1, 1, 12) && In(i + 2, 1, 31))
            {
                yield return new TimeGuess([i, i + 1, i + 2], new TimePattern([$"{year} M d"], false, false), false);
                if (i + 3 < columns.Length && TimePatterns.TimeOfDay(columns[i + 3], false) is { } clock && clock.Contains(':'))
                    yield return new TimeGuess([i, i + 1, i + 2, i + 3], new TimePattern([$"{year} M d {clock}"], false, true), false);
                if (In(i + 3, 0, 2400) && numbers[i + 3].All(number => number % 100 < 60)
                    && (numbers[i + 3].Any(number => number > 24) || Named(i + 3, "hhmm") || Named(i + 3, "time")))
                    yield return new TimeGuess([i, i + 1, i + 2, i + 3], new TimePattern([$"{year} M d Hmm"], false, true), false);
                if (!In(i + 3, 0, 24) || Named(i + 3, "min") || (names[i + 3].StartsWith('#') && Fractions(columns[i + 3]))) continue;
                yield return new TimeGuess([i, i + 1, i + 2, i + 3], new TimePattern([$"{year} M d H"], false, true), false);
                if (!In(i + 4, 0, 59) || Fractions(columns[i + 4]) || !(names[i + 4].StartsWith('#') || Named(i + 4, "m"))) continue;
                yield return new TimeGuess([i, i + 1, i + 2, i + 3, i + 4], new TimePattern([$"{year} M d H m"], false, true), false);
                if (In(i + 5, 0, 59) && !Fractions(columns[i + 5]) && (Named(i + 5, "s") || Named(i + 5, "s")))
                    yield return new TimeGuess(
                        [i, i + 1, i + 2, i + 3, i + 4, i + 5], new TimePattern([$"{year} M d H m s"], false, true), false);
            }
            if (In(i + 1, 1, 366))
            {
                yield return new TimeGuess([i, i + 1], new TimePattern([$"{year} D"], false, false), false);
                if (In(i + 2, 0, 2400) && numbers[i + 2].All(number => number % 100 < 60))
                    yield return new TimeGuess([i, i + 1, i + 2], new TimePattern([$"{year} D Hmm"], false, true), false);
                if (In(i + 2, 0, 24) && In(i + 3, 0, 59) && (Named(i + 3, "m") || names[i + 3].StartsWith('#')))
                    yield return new TimeGuess([i, i + 1, i + 2, i + 3], new TimePattern([$"{year} D H m"], false, true), false);
                else if (In(i + 2, 0, 24) && (Named(i + 2, "h") || Named(i + 2, "hour")))
                    yield return new TimeGuess([i, i + 1, i + 2], new TimePattern([$"{year} D H"], false, true), false);
            }
        }
    }

    private static bool Fractions(string[] column) => column.Any(text => text.AsSpan().ContainsAny('.', ','));

    private static double Whole(string text) => text.All(char.IsAsciiDigit) ? Cell.ToDouble(text) : double.NaN;
}
