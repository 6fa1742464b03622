namespace Dynamo.Pipeline.Host;

/// <summary>How fast, and in which portions.</summary>
internal static class PipelineSettings
{
    private const string CountAllowed = "a whole number, 1 or more";
    private const string DurationAllowed = "a duration above zero, such as 500ms, 5s or 2min";
    private const string SizeAllowed = "a number of bytes, such as 65536, 512KiB or 32MiB";

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("readers", "auto, or a whole number, 1 or more", (s, text) => s with { Pipeline = s.Pipeline with { Readers = SettingText.CountOrAuto(text) } })
            with { Option = "--readers", ValueName = "N|auto", Help = "Chunks of files read and parsed at once. Default: auto." },
        Setting.One("chunk", CountAllowed, (s, text) => s with { Pipeline = s.Pipeline with { FilesPerMessage = SettingText.Count(text) } })
            with { Option = "--chunk", ValueName = "FILES", Help = "Files handed to a reader at once. Default: 100." },
        Setting.One("batchRows", CountAllowed, (s, text) => s with { Pipeline = s.Pipeline with { BatchRows = SettingText.Count(text) } })
            with { Option = "--batch-rows", ValueName = "ROWS", Help = "Rows collected for one transaction. Default: 20000 for SQLite, 102400 for SQL Server." },
        Setting.One("batchFiles", CountAllowed, (s, text) => s with { Pipeline = s.Pipeline with { BatchFiles = SettingText.Count(text) } }),
        Setting.One("batchWait", DurationAllowed, (s, text) => s with { Pipeline = s.Pipeline with { BatchWait = SettingText.Duration(text) } }),
        Setting.One("writers", CountAllowed, (s, text) => s with { Pipeline = s.Pipeline with { Writers = SettingText.Count(text) } })
            with { Option = "--writers", ValueName = "N", Help = "Transactions written at once, at most. Default: what the sink allows (SQLite: 1, SQL Server: up to 4)." },
        Setting.One("maxBadRows", "a whole number, 0 or more", (s, text) => s with { Pipeline = s.Pipeline with { MaxBadRows = SettingText.Count(text) } })
            with { Option = "--max-bad-rows", ValueName = "ROWS", Help = "Bad rows a file may have; one more quarantines it whole. Default: 100." },
        Setting.One("streamAbove", SizeAllowed, (s, text) => s with { Pipeline = s.Pipeline with { StreamAbove = SettingText.Size(text) } }),
        Setting.One("bytesInFlight", SizeAllowed, (s, text) => s with { Pipeline = s.Pipeline with { BytesInFlight = SettingText.Size(text) } }),
        Setting.One("writeRetries", "a whole number, 0 or more", (s, text) => s with { Pipeline = s.Pipeline with { WriteRetries = SettingText.Count(text) } }),
        Setting.One("retryDelay", DurationAllowed, (s, text) => s with { Pipeline = s.Pipeline with { RetryDelay = SettingText.Duration(text) } }),
        Setting.One("stallTimeout", DurationAllowed, (s, text) => s with { Pipeline = s.Pipeline with { StallTimeout = SettingText.Duration(text) } }),
        Setting.One("stopDeadline", DurationAllowed, (s, text) => s with { Pipeline = s.Pipeline with { StopDeadline = SettingText.Duration(text) } }),
    ];
}
