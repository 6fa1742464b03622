using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// A line for each message, on stderr: text with its time, or a JSON object. Under systemd it begins with the priority that journald takes
/// from there (sd-daemon(3)), and has no time, which journald knows. Thread-safe.
/// </summary>
internal sealed class LogLines(TextWriter to, LogFormat format, LogLevel least, bool isJournal) : ILoggerProvider, ILogger
{
    /// <summary>Whether stderr is journald's (systemd.exec(5), JOURNAL_STREAM).</summary>
    public static bool IsJournal => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("JOURNAL_STREAM"));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        string message = Secret.Free(formatter(state, exception));
        to.WriteLine(format == LogFormat.Json ? Json(logLevel, eventId, state, message) : Text(logLevel, message));
    }

    public void Dispose() { }

    private string Text(LogLevel level, string message)
    {
        string line = Shown.Name(message.ReplaceLineEndings(" "));
        return isJournal ? $"<{Priority(level)}>{line}" : $"{Shown.Utc(DateTime.UtcNow)} {Word(level)} {line}";
    }

    private string Json<TState>(LogLevel level, EventId id, TState state, string message) => (isJournal ? $"<{Priority(level)}>" : "")
        + JsonText.Of(json =>
    {
        json.WriteString("atUtc", DateTime.UtcNow);
        json.WriteString("level", Word(level).TrimEnd());
        json.WriteString("event", id.Name);
        json.WriteString("message", message);
        if (state is not IEnumerable<KeyValuePair<string, object?>> values) return;
        foreach ((string name, object? value) in values)
        {
            if (name == "{OriginalFormat}") continue;
            string key = char.ToLowerInvariant(name[0]) + name[1..];
            if (value is double number) json.WriteNumber(key, Math.Round(number, 3));
            else if (value is DateTime time) json.WriteString(key, time);
            else json.WriteString(key, Secret.Free(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
        }
    });

    /// <summary>The severities of syslog (RFC 5424, 6.2.1).</summary>
    private static int Priority(LogLevel level) => level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Critical or LogLevel.Error => "error",
        LogLevel.Warning => "warn ",
        LogLevel.Information => "info ",
        _ => "debug",
    };
}
