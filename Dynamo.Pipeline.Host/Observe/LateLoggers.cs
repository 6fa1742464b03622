using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>Loggers as the page and <c>dynamo status --loggers</c> show them.</summary>
internal static class LateLoggers
{
    /// <summary>Writes the members of one logger.</summary>
    public static void Write(Utf8JsonWriter json, LoggerState logger, Lateness lateness)
    {
        json.WriteString("logger", logger.Name);
        json.WriteString("lastUtc", logger.LastUtc);
        if (logger.Interval is { } interval) json.WriteNumber("intervalSeconds", Math.Round(interval.TotalSeconds));
        json.WriteBoolean("late", lateness == Lateness.Late);
        if (lateness == Lateness.ImportLate) json.WriteBoolean("importLate", true);
        if (lateness != Lateness.InTime) json.WriteString("dueUtc", logger.DueUtc!.Value);
    }
}
