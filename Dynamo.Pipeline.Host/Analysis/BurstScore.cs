using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>A leak that is known to have been there.</summary>
/// <param name="Name">Its name, or its pipe's.</param>
/// <param name="Start">When it began, UTC.</param>
/// <param name="End">When it was repaired, or the data ends. UTC.</param>
/// <param name="IsAbrupt">Whether it was there at once.</param>
/// <param name="Peak">When it was fully there. UTC.</param>
/// <param name="Size">What it took then, in m³/h; 0: not known.</param>
internal sealed record BurstLabel(string Name, DateTime Start, DateTime End, bool IsAbrupt, DateTime Peak, double Size = 0)
{
    /// <summary>The pipe it was at; <see langword="null"/>: not known.</summary>
    public string? Pipe { get; init; }

    /// <summary>Its area; <see langword="null"/>: any.</summary>
    public string? Area { get; init; }

    /// <summary>Whether it goes on at a time, or ended within a day before.</summary>
    public bool IsThere(DateTime time) => Start <= time && time <= End.AddDays(1);

    /// <summary>Whether it began or grew within ten days before a time: an alarm may be its.</summary>
    public bool IsNew(DateTime time) => IsThere(time) && (time - Start <= TimeSpan.FromDays(10) || time - Peak <= TimeSpan.FromDays(1));

    /// <summary>
    /// Water that leaks after a time, in m³. The area of a hole whose width grows evenly grows with the square, and so does what it takes.
    /// </summary>
    public double WaterAfter(DateTime time)
    {
        double after = 0;
        for (DateTime hour = time; hour < End; hour = hour.AddHours(1))
        {
            double part = hour >= Peak ? 1 : (hour - Start) / (Peak - Start);
            after += Size * part * part;
        }
        return after;
    }
}

/// <summary>A leak and the alarm that found it.</summary>
/// <param name="Label">The leak.</param>
/// <param name="Found">Its first alarm; <see langword="null"/>: none.</param>
internal sealed record ScoredLeak(BurstLabel Label, BurstEvent? Found)
{
    public TimeSpan? Delay => Found is null ? null : Found.Detected - Label.Start;

    /// <summary>Whether it was found before it was fully there, or at all if it was there at once.</summary>
    public bool IsInTime => Found is not null && (Label.IsAbrupt || Found.Detected <= Label.Peak);
}

/// <summary>
/// Alarms against leaks that are known. An alarm finds the leak that was not found before, is there, and is of its kind if there is one; of
/// several, the one that began last if it is sudden and first if not. If all that are there were found, it is a repeat as long as one of
/// them is new or grows, or the event it repeats is there; otherwise it is false.
/// </summary>
internal sealed class BurstScore
{
    private BurstScore(IReadOnlyList<ScoredLeak> leaks, IReadOnlyList<BurstEvent> repeats, IReadOnlyList<BurstEvent> falseAlarms) =>
        (Leaks, Repeats, FalseAlarms) = (leaks, repeats, falseAlarms);

    public IReadOnlyList<ScoredLeak> Leaks { get; }

    public IReadOnlyList<BurstEvent> Repeats { get; }

    public IReadOnlyList<BurstEvent> FalseAlarms { get; }

    /// <summary>The middle one of the abrupt leaks' delays; those not found count as never.</summary>
    public TimeSpan? MedianDelay
    {
        get
        {
            TimeSpan[] delays = [.. Leaks.Where(leak => leak.Label.IsAbrupt).Select(leak => leak.Delay ?? TimeSpan.MaxValue).Order()];
            if (delays.Length == 0) return null;
            TimeSpan low = delays[(delays.Length - 1) / 2], high = delays[delays.Length / 2];
            return high == TimeSpan.MaxValue ? null : (low + high) / 2;
        }
    }

    /// <summary>
    /// In euro: what is saved after each leak is found, at 0.80 €/m³, less 500 € for each false alarm; the part of BattLeDIM's score that
    /// concerns detection (S. G. Vrachimis et al., Battle of the Leakage Detection and Isolation Methods, Journal of Water Resources
    /// Planning and Management 148, 2022).
    /// </summary>
    public double Euro => Leaks.Where(leak => leak.Found is not null).Sum(leak =>
        0.8 * leak.Label.WaterAfter(leak.Found!.Detected)) - 500 * FalseAlarms.Count;

    /// <summary>The most that <see cref="Euro"/> can be.</summary>
    public double MostEuro => Leaks.Sum(leak => 0.8 * leak.Label.WaterAfter(leak.Label.Start));

    /// <summary>Compares.</summary>
    /// <param name="events">Each event once, as it was told first.</param>
    /// <param name="labels">The leaks.</param>
    public static BurstScore Of(IEnumerable<BurstEvent> events, IEnumerable<BurstLabel> labels)
    {
        Dictionary<BurstLabel, BurstEvent?> found =
            labels.OrderBy(label => label.Start).ToDictionary(label => label, _ => (BurstEvent?)null);
        List<BurstEvent> repeats = [], wrong = [];
        HashSet<DateTime> right = [];
        foreach (BurstEvent told in events.OrderBy(told => told.Detected))
        {
            BurstLabel[] there = [.. found.Keys.Where(label => label.IsThere(told.Detected))];
            BurstLabel[] missing = [.. there.Where(label => found[label] is null)];
            BurstLabel[] ofItsKind = [.. missing.Where(label => label.IsAbrupt == told.IsSudden)];
            BurstLabel[] candidates = ofItsKind.Length > 0 ? ofItsKind : missing;
            if (candidates.Length > 0) found[told.IsSudden ? candidates[^1] : candidates[0]] = told;
            else if (there.Any(label => label.IsNew(told.Detected)) || told.RepeatOf is { } first && there.Length > 0
                && right.Contains(first)) repeats.Add(told);
            else
            {
                wrong.Add(told);
                continue;
            }
            right.Add(told.Detected);
        }
        return new BurstScore([.. found.Select(pair => new ScoredLeak(pair.Key, pair.Value))], repeats, wrong);
    }
}
