using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo status --loggers</c> shows: each logger of the table, by the same rule as the page.</summary>
internal sealed class LoggersReport
{
    private readonly List<(LoggerState Logger, Lateness Lateness)> _shown = [];
    private readonly SeenSources _seen;
    private readonly LateRule _rule;
    private readonly DateTime _now;
    private readonly bool _lateOnly;

    private LoggersReport(SeenSources seen, LateRule rule, DateTime now, bool lateOnly) =>
        (_seen, _rule, _now, _lateOnly) = (seen, rule, now, lateOnly);

    public int Known { get; private set; }

    public int Late { get; private set; }

    /// <summary>Those of which nothing is there, and whose source was not seen whole since something was due.</summary>
    public int ImportLate { get; private set; }

    /// <exception cref="SinkException">The database cannot be read.</exception>
    public static async Task<LoggersReport> ReadAsync(HostSettings settings, bool lateOnly, CancellationToken cancellationToken)
    {
        var report = new LoggersReport(
            await KnownReadings.SeenAsync(settings, cancellationToken), settings.Observe.Late, DateTime.UtcNow, lateOnly);
        await KnownReadings.LoggersAsync(settings, one => report.Take(LoggerPace.Of(one)), cancellationToken);
        report._shown.Sort((one, other) =>
            lateOnly && Nullable.Compare(one.Logger.DueUtc, other.Logger.DueUtc) is not 0 and var due ? due
            : string.CompareOrdinal(one.Logger.Name, other.Logger.Name));
        return report;
    }

    private void Take(LoggerPace pace)
    {
        LoggerState logger = _rule.Of(pace);
        Lateness lateness = _rule.Of(logger, _now, _seen.Until(logger.Source, _now));
        Known++;
        if (lateness == Lateness.Late) Late++;
        if (lateness == Lateness.ImportLate) ImportLate++;
        if (lateness != Lateness.InTime || !_lateOnly) _shown.Add((logger, lateness));
    }

    public void Write(TextWriter to)
    {
        string unknown = ImportLate == 0 ? "" : $", {Shown.Count(ImportLate)} not known: their import is late";
        to.WriteLine($"{Shown.Count(Known, "logger")}, {Shown.Count(Late)} late{unknown}");
        if (_shown.Count > 0) to.WriteLine();
        int width = Math.Min(40, _shown.Select(one => Shown.Name(one.Logger.Name).Length).DefaultIfEmpty(0).Max());
        foreach ((LoggerState logger, Lateness lateness) in _shown)
        {
            string usual = logger.Interval is { } interval ? $"every {Shown.Time(interval)}" : "interval not known yet";
            string state = lateness switch
            {
                Lateness.Late => $"LATE since {Shown.Utc(logger.DueUtc!.Value)}",
                Lateness.ImportLate => $"import late: its source was last seen whole {Shown.Utc(_seen.Until(logger.Source, _now))}",
                _ => logger.Interval is null ? "" : "in time",
            };
            string time = logger.LastUtc <= _now ? $"{Shown.Time(_now - logger.LastUtc)} ago" : "in the future";
            string name = Shown.Name(logger.Name).PadRight(width);
            to.WriteLine($"  {name}  {Shown.Utc(logger.LastUtc)}, {time,-13}  {usual,-15}  {state}".TrimEnd());
        }
        if (_lateOnly && Late == 0 && Known > 0) to.WriteLine(ImportLate == 0 ? "None is late." : "None is known to be late.");
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteNumber("known", Known);
        json.WriteNumber("late", Late);
        json.WriteNumber("importLate", ImportLate);
        json.WriteNumber("lateAfterIntervals", _rule.Intervals);
        json.WriteStartArray("loggers");
        foreach ((LoggerState logger, Lateness lateness) in _shown)
        {
            json.WriteStartObject();
            LateLoggers.Write(json, logger, lateness);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
