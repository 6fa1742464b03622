namespace Dynamo.Pipeline.Host;

/// <summary>How <c>dynamo watch</c> looks for files.</summary>
internal static class WatchSettings
{
    private const string Allowed = "a duration above zero, such as 500ms, 5s or 2min";

    public static IReadOnlyList<Setting> All { get; } =
    [
        One("watch:poll", (o, time) => o with { Poll = time }),
        One("watch:sweep", (o, time) => o with { Sweep = time }),
        One("watch:freshFor", (o, time) => o with { FreshFor = time }),
        One("watch:longestPause", (o, time) => o with { LongestPause = time }),
        One("watch:longestWave", (o, time) => o with { LongestWave = time }),
    ];

    private static Setting One(string key, Func<WatchOptions, TimeSpan, WatchOptions> apply) =>
        Setting.One(key, Allowed, (s, text) => s with { Watch = apply(s.Watch, SettingText.Duration(text)) });
}
