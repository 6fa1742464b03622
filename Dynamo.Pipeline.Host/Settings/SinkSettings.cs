namespace Dynamo.Pipeline.Host;

/// <summary>Where rows go.</summary>
internal static class SinkSettings
{
    private const string Sqlite = "sqlite:";
    private const string NameAllowed = "a name of up to 128 characters";

    private static readonly (string, DuplicatePolicy)[] s_duplicates =
        [("last", DuplicatePolicy.LastWins), ("first", DuplicatePolicy.FirstWins), ("reject", DuplicatePolicy.Reject)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("sink", "sqlite:FILE, such as sqlite:readings.db", (s, text) => s with { Database = File(text) })
            with { Option = "--sink", ValueName = "sqlite:FILE", Rebase = Rebased, Help = "Database to import into; it is created when missing. Default: sqlite:dynamo.db" },
        Setting.Choice("duplicates", s_duplicates, (s, policy) => s with { Sqlite = s.Sqlite with { Duplicates = policy } })
            with { Option = "--duplicates", ValueName = "last|first|reject", Help = "Which reading wins when logger, channel and time are the same. Default: last." },
        Setting.One("createTables", "true or false", (s, text) => s with { Sqlite = s.Sqlite with { CreateTables = SettingText.Flag(text) } }),
        Setting.One("durable", "true or false", (s, text) => s with { Sqlite = s.Sqlite with { Durable = SettingText.Flag(text) } }),
        Setting.One("busyTimeout", "a duration such as 500ms or 30s, up to a day", (s, text) => s with { Sqlite = s.Sqlite with { BusyTimeout = SettingText.Duration(text) } }),
        Setting.One("table:name", NameAllowed, (s, text) => s with { Table = s.Table with { Name = Name(text) } }),
        Setting.One("table:logger", NameAllowed, (s, text) => s with { Table = s.Table with { Logger = Name(text) } }),
        Setting.One("table:channel", NameAllowed, (s, text) => s with { Table = s.Table with { Channel = Name(text) } }),
        Setting.One("table:timestamp", NameAllowed, (s, text) => s with { Table = s.Table with { Timestamp = Name(text) } }),
        Setting.One("table:value", NameAllowed, (s, text) => s with { Table = s.Table with { Value = Name(text) } }),
        Setting.One("table:ledger", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { LedgerTable = text } }),
        Setting.One("table:runs", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { RunTable = text } }),
        Setting.One("table:rejects", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { RejectTable = text } }),
        Setting.One("table:schema", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { SchemaTable = text } }),
    ];

    private static string File(string text)
    {
        if (text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) && text.AsSpan(Sqlite.Length).Trim() is { IsEmpty: false } file) return file.ToString();
        if (text.StartsWith("sqlserver", StringComparison.OrdinalIgnoreCase))
            throw new SettingValueException("found sqlserver, but this version writes to SQLite only. Allowed is sqlite:FILE, such as sqlite:readings.db.");
        if (text.EndsWith(".db", StringComparison.OrdinalIgnoreCase) && !text.Contains(':'))
            throw new SettingValueException($"found '{text}', allowed is sqlite:FILE. Did you mean sqlite:{text}?");
        throw new FormatException();
    }

    private static string Rebased(string text, string folder) =>
        text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) && text.Length > Sqlite.Length ? Sqlite + Path.Combine(folder, text[Sqlite.Length..].Trim()) : text;

    /// <summary>The rules of <c>RowMap</c>, applied by making one.</summary>
    private static string Name(string text) => RowMap<Reading>.Table(text).Name;
}
