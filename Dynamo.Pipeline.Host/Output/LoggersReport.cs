using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo status --loggers</c> shows: each logger of the table, by the same rule as the page.</summary>
internal sealed class LoggersReport
{
    private readonly List<LoggerState> _shown;
    private readonly LateRule _rule;
    private readonly DateTime _now;
    private readonly bool _lateOnly;

    private LoggersReport(List<LoggerState> shown, int known, int late, LateRule rule, DateTime now, bool lateOnly) =>
        (_shown, Known, Late, _rule, _now, _lateOnly) = (shown, known, late, rule, now, lateOnly);

    public int Known { get; }

    public int Late { get; }

    /// <exception cref="SinkException">The database cannot be read.</exception>
    public static async Task<LoggersReport> ReadAsync(HostSettings settings, bool lateOnly, CancellationToken cancellationToken)
    {
        LateRule rule = settings.Observe.Late;
        DateTime now = DateTime.UtcNow;
        var shown = new List<LoggerState>();
        int known = 0, late = 0;
        await KnownReadings.LoggersAsync(settings, one =>
        {
            LoggerState logger = rule.Of(LoggerPace.Of(one.Logger, one.Newest, one.ImportedUtc));
            bool isLate = rule.IsLate(logger, now);
            known++;
            if (isLate) late++;
            if (isLate || !lateOnly) shown.Add(logger);
        }, cancellationToken);
        return new LoggersReport(
            [.. shown.OrderBy(one => lateOnly ? one.DueUtc : null).ThenBy(one => one.Name, StringComparer.Ordinal)],
            known, late, rule, now, lateOnly);
    }

    public void Write(TextWriter to)
    {
        to.WriteLine($"{Shown.Count(Known, "logger")}, {Shown.Count(Late)} late");
        if (_shown.Count > 0) to.WriteLine();
        int width = Math.Min(40, _shown.Select(one => Shown.Name(one.Name).Length).DefaultIfEmpty(0).Max());
        foreach (LoggerState logger in _shown)
        {
            string usual = logger.Interval is { } interval ? $"every {Shown.Time(interval)}" : "interval not known yet";
            string state = logger.Interval is null ? "" : "in time";
            if (_rule.IsLate(logger, _now)) state = $"LATE since {Shown.Utc(logger.DueUtc!.Value)}";
            string time = logger.LastUtc <= _now ? $"{Shown.Time(_now - logger.LastUtc)} ago" : "in the future";
            string name = Shown.Name(logger.Name).PadRight(width);
            to.WriteLine($"  {name}  {Shown.Utc(logger.LastUtc)}, {time,-13}  {usual,-15}  {state}".TrimEnd());
        }
        if (_lateOnly && Late == 0 && Known > 0) to.WriteLine("None is late.");
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteNumber("known", Known);
        json.WriteNumber("late", Late);
        json.WriteNumber("lateAfterIntervals", _rule.Intervals);
        json.WriteStartArray("loggers");
        foreach (LoggerState logger in _shown)
        {
            json.WriteStartObject();
            LateLoggers.Write(json, logger, _rule, _now);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
