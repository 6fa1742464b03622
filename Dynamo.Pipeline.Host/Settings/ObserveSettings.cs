using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Host;

/// <summary>What is shown of a run or a watch while it goes on, and who is told.</summary>
internal sealed record ObserveOptions
{
    /// <summary>Where the page is served; <see langword="null"/>: nowhere.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>What a reader of the page has to know; <see langword="null"/>: nothing, which is for this machine alone.</summary>
    public string? Token { get; init; }

    public LateRule Late { get; init; } = new();

    /// <summary>How messages are written; <see langword="null"/>: none are, but what the command says by itself.</summary>
    public LogFormat? Log { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Where notices are posted to; <see langword="null"/>: nowhere.</summary>
    public Uri? NotifyUrl { get; init; }

    /// <summary>The program and its arguments that gets each notice on stdin. Default none.</summary>
    public IReadOnlyList<string> NotifyCommand { get; init; } = [];

    /// <summary>The folder in which notices wait that could not be handed over yet.</summary>
    public string NotifySpool { get; init; } = "dynamo-notices";
}

internal enum LogFormat
{
    Text,
    Json,
}

/// <summary>The page, the log and the notices.</summary>
internal static class ObserveSettings
{
    private const int ShortestToken = 16;

    private static readonly (string, LogFormat)[] s_formats = [("text", LogFormat.Text), ("json", LogFormat.Json)];

    private static readonly (string, LogLevel)[] s_levels =
    [
        ("debug", LogLevel.Debug), ("information", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error),
    ];

    public static IReadOnlyList<Setting> All { get; } =
    [
        One("observe:listen", "a port, or an address and a port, such as 8080, 127.0.0.1:8080 or [::]:8080",
            (o, text) => o with { Listen = EndPoint(text) }) with
        {
            Option = "--listen",
            ValueName = "[ADDRESS:]PORT",
            IsForImports = true,
            Help = "Serve a status page, health and metrics there. Beyond this machine only with observe:token. Default: nowhere.",
        },
        One("observe:token", $"{ShortestToken} characters or more, without blanks", (o, text) => o with { Token = Token(text) }) with
        {
            IsSecret = true,
        },
        Setting.Choice("log:format", s_formats, (s, format) => s with { Observe = s.Observe with { Log = format } }) with
        {
            Option = "--log",
            ValueName = "text|json",
            IsForImports = true,
            Help = "Write a log to stderr: text, or a JSON object a line. Default: only what the command itself says.",
        },
        Setting.Choice("log:level", s_levels,
            (s, level) => s with { Observe = s.Observe with { LogLevel = level, Log = s.Observe.Log ?? LogFormat.Text } }) with
        {
            Option = "--log-level",
            ValueName = "LEVEL",
            IsForImports = true,
            Help = "The least that is logged: debug, information, warning or error. Default: information.",
        },
        One("loggers:lateAfter", "a number of intervals, 1 to 1000, such as 2",
            (o, text) => o with { Late = o.Late with { Intervals = Intervals(text) } }),
        One("loggers:interval", "a duration of a second or more, such as 15min",
            (o, text) => o with { Late = o.Late with { Interval = Interval(text) } }),
        One("notify:url", "an http:// or https:// address without a password", (o, text) => o with { NotifyUrl = Address(text) }) with
        {
            IsSecret = true, // Whoever knows the address of such a hook can post there.
        },
        Setting.One("notify:command", "a program and its arguments", (s, _) => s) with
        {
            IsList = true,
            IsSecret = true, // A token may be among the arguments.
            Apply = (s, values) => s with { Observe = s.Observe with { NotifyCommand = values } },
        },
        One("notify:spool", "a folder's path", (o, text) => o with { NotifySpool = text }) with
        {
            Rebase = static (text, folder) => Path.Combine(folder, text),
        },
    ];

    private static Setting One(string key, string allowed, Func<ObserveOptions, string, ObserveOptions> apply) =>
        Setting.One(key, allowed, (s, text) => s with { Observe = apply(s.Observe, text) });

    /// <exception cref="SettingsException">The page would be open to everybody who reaches this machine.</exception>
    public static void Check(ObserveOptions options)
    {
        if (options.Listen is { } listen && !IPAddress.IsLoopback(listen.Address) && options.Token is null)
        {
            throw new SettingsException(
                "observe:listen", $"found {listen}, which others can reach, and no observe:token that they would have to know. "
                + "Set one in the configuration or in DYNAMO__OBSERVE__TOKEN, or listen on 127.0.0.1.");
        }
    }

    private static IPEndPoint EndPoint(string text)
    {
        string trimmed = text.Trim();
        if (ushort.TryParse(trimmed, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            return new IPEndPoint(IPAddress.Loopback, port);
        if (trimmed.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase)) return EndPoint(trimmed["localhost:".Length..]);
        bool hasPort = trimmed.StartsWith('[') ? trimmed.Contains("]:", StringComparison.Ordinal) : trimmed.Count(one => one == ':') == 1;
        return hasPort && IPEndPoint.TryParse(trimmed, out IPEndPoint? point) ? point : throw new FormatException();
    }

    private static string Token(string text) =>
        text.Length >= ShortestToken && !text.Any(one => char.IsControl(one) || char.IsWhiteSpace(one))
            ? text : throw new FormatException();

    private static double Intervals(string text) =>
        SettingText.Fraction(text) is >= 1 and <= 1000 and var value ? value : throw new FormatException();

    private static TimeSpan Interval(string text) =>
        SettingText.Duration(text) is var value && value >= TimeSpan.FromSeconds(1) ? value : throw new FormatException();

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri is { Scheme: "http" or "https", UserInfo: "" }
            ? uri : throw new FormatException();
}
