using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>Loggers as the page and <c>dynamo status --loggers</c> show them.</summary>
internal static class LateLoggers
{
    /// <summary>Writes the members of one logger.</summary>
    public static void Write(Utf8JsonWriter json, LoggerState logger, LateRule rule, DateTime nowUtc)
    {
        json.WriteString("logger", logger.Name);
        json.WriteString("lastUtc", logger.LastUtc);
        if (logger.Interval is { } interval) json.WriteNumber("intervalSeconds", Math.Round(interval.TotalSeconds));
        bool isLate = rule.IsLate(logger, nowUtc);
        json.WriteBoolean("late", isLate);
        if (isLate) json.WriteString("dueUtc", logger.DueUtc!.Value);
    }
}
