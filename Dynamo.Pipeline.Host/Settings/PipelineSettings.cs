namespace Dynamo.Pipeline.Host;

/// <summary>How many files and rows are handled at once, and how long things may take.</summary>
internal static class PipelineSettings
{
    private const string CountAllowed = "a whole number, 1 or more";
    private const string DurationAllowed = "a duration above zero, such as 500ms, 5s or 2min";
    private const string SizeAllowed = "a number of bytes, such as 65536, 512KiB or 32MiB";

    private static readonly (string, bool)[] s_text = [("on", true), ("off", false), ("true", true), ("false", false)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        One("readers", "auto, or a whole number, 1 or more", (p, text) => p with { Readers = SettingText.CountOrAuto(text) }) with
        {
            Option = "--readers",
            ValueName = "N|auto",
            Help = "Chunks of files read and parsed at once. Default: auto.",
        },
        One("chunk", CountAllowed, (p, text) => p with { FilesPerMessage = SettingText.Count(text) }) with
        {
            Option = "--chunk",
            ValueName = "FILES",
            Help = "Files handed to a reader at once. Default: 100.",
        },
        One("batchRows", CountAllowed, (p, text) => p with { BatchRows = SettingText.Count(text) }) with
        {
            Option = "--batch-rows",
            ValueName = "ROWS",
            Help = "Rows collected for one transaction. Default: 20000 for SQLite, 102400 for SQL Server.",
        },
        One("batchFiles", CountAllowed, (p, text) => p with { BatchFiles = SettingText.Count(text) }),
        One("batchWait", DurationAllowed, (p, text) => p with { BatchWait = SettingText.Duration(text) }),
        One("writers", CountAllowed, (p, text) => p with { Writers = SettingText.Count(text) }) with
        {
            Option = "--writers",
            ValueName = "N",
            Help = "Transactions written at once, at most. Default: what the sink allows (SQLite: 1, SQL Server: up to 4).",
        },
        One("maxBadRows", "a whole number, 0 or more", (p, text) => p with { MaxBadRows = SettingText.Count(text) }) with
        {
            Option = "--max-bad-rows",
            ValueName = "ROWS",
            Help = "Bad rows a file may have; one more quarantines it whole. Default: 100.",
        },
        One("rejects:text", "on or off", (p, text) => p with { KeepRawText = SettingText.Choice(text, s_text) }) with
        {
            Words = ["on", "off"],
        },
        One("streamAbove", SizeAllowed, (p, text) => p with { StreamAbove = SettingText.Size(text) }),
        One("bytesInFlight", SizeAllowed, (p, text) => p with { BytesInFlight = SettingText.Size(text) }),
        One("maxUnpacked", "a number of bytes, such as 512MiB or 4GiB, or 0",
            (p, text) => p with { MaxUnpacked = SettingText.Size(text) }),
        One("entries", "a pattern of entries' names, such as data_*.csv", (p, text) => p with { Entries = text }),
        One("emptyFileWait", "a duration, 0 or more", (p, text) => p with { EmptyFileWait = SettingText.Duration(text) }),
        One("retryFor", "a duration, 0 or more, such as 5min, or forever", (p, text) => p with { RetryFor = Forever(text) }) with
        {
            Option = "--retry-for",
            ValueName = "DURATION",
            Help = "How long a batch is written again while the database is locked or away; forever: until stopped. Default: 5min.",
        },
        One("writeRetries", "a whole number, 0 or more", (p, text) => p with { WriteRetries = SettingText.Count(text) }),
        One("retryDelay", DurationAllowed, (p, text) => p with { RetryDelay = SettingText.Duration(text) }),
        One("stallTimeout", DurationAllowed, (p, text) => p with { StallTimeout = SettingText.Duration(text) }),
        One("stopDeadline", DurationAllowed, (p, text) => p with { StopDeadline = SettingText.Duration(text) }),
        Setting.One("quarantineAlarm", "true or false", (s, text) => s with { QuarantineAlarm = SettingText.Flag(text) }) with
        {
            Option = "--quarantine-alarm",
            Help = "End with 1 as long as any file of the source is in quarantine, not only when one is put there.",
        },
    ];

    private static TimeSpan Forever(string text) =>
        text.Trim().Equals("forever", StringComparison.OrdinalIgnoreCase) ? Timeout.InfiniteTimeSpan : SettingText.Duration(text);

    private static Setting One(string key, string allowed, Func<PipelineOptions, string, PipelineOptions> apply) =>
        Setting.One(key, allowed, (s, text) => s with { Pipeline = apply(s.Pipeline, text) });
}
