namespace Dynamo.Pipeline.Host;

/// <summary>Where rows go.</summary>
internal static class SinkSettings
{
    private const string Sqlite = "sqlite:", SqlServer = "sqlserver";
    private const string NameAllowed = "a name of up to 128 characters";

    private static readonly (string, DuplicatePolicy)[] s_duplicates =
        [("last", DuplicatePolicy.LastWins), ("first", DuplicatePolicy.FirstWins), ("reject", DuplicatePolicy.Reject)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("sink", "sqlite:FILE, such as sqlite:readings.db, or sqlserver", Into)
            with { Option = "--sink", ValueName = "sqlite:FILE|sqlserver", Rebase = Rebased, Help = "Database to import into: a file, created when missing, or sqlserver with the connection string in the configuration or in DYNAMO_SINK. Default: sqlite:dynamo.db" },
        Setting.Choice("duplicates", s_duplicates, (s, policy) => s with { Sqlite = s.Sqlite with { Duplicates = policy }, SqlServer = s.SqlServer with { Duplicates = policy } })
            with { Option = "--duplicates", ValueName = "last|first|reject", Help = "Which reading wins when logger, channel and time are the same. Default: last." },
        Setting.One("createTables", "true or false", (s, text) => s with { Sqlite = s.Sqlite with { CreateTables = SettingText.Flag(text) }, SqlServer = s.SqlServer with { CreateTables = SettingText.Flag(text) } }),
        Setting.One("durable", "true or false", (s, text) => s with { Sqlite = s.Sqlite with { Durable = SettingText.Flag(text) } }),
        Setting.One("busyTimeout", "a duration such as 500ms or 30s, up to a day", (s, text) => s with { Sqlite = s.Sqlite with { BusyTimeout = SettingText.Duration(text) } }),
        Setting.One("table:name", NameAllowed, (s, text) => s with { Table = s.Table with { Name = Name(text) } }),
        Setting.One("table:logger", NameAllowed, (s, text) => s with { Table = s.Table with { Logger = Name(text) } }),
        Setting.One("table:channel", NameAllowed, (s, text) => s with { Table = s.Table with { Channel = Name(text) } }),
        Setting.One("table:timestamp", NameAllowed, (s, text) => s with { Table = s.Table with { Timestamp = Name(text) } }),
        Setting.One("table:value", NameAllowed, (s, text) => s with { Table = s.Table with { Value = Name(text) } }),
        Setting.One("table:ledger", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { LedgerTable = text }, SqlServer = s.SqlServer with { LedgerTable = text } }),
        Setting.One("table:runs", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { RunTable = text }, SqlServer = s.SqlServer with { RunTable = text } }),
        Setting.One("table:rejects", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { RejectTable = text }, SqlServer = s.SqlServer with { RejectTable = text } }),
        Setting.One("table:schema", NameAllowed, (s, text) => s with { Sqlite = s.Sqlite with { SchemaTable = text } }),
    ];

    private static HostSettings Into(HostSettings settings, string text)
    {
        if (text.Equals(SqlServer, StringComparison.OrdinalIgnoreCase)) return settings with { UsesSqlServer = true };
        if (text.StartsWith(SqlServer, StringComparison.OrdinalIgnoreCase))
            throw new SettingValueException("found sqlserver with something behind it, allowed is sqlserver alone: the connection string belongs into sqlserver:connection of the configuration, or into DYNAMO_SINK in the environment, for every user of a machine sees its command lines.");
        if (text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) && text.AsSpan(Sqlite.Length).Trim() is { IsEmpty: false } file)
            return settings with { Database = file.ToString(), UsesSqlServer = false };
        if (text.EndsWith(".db", StringComparison.OrdinalIgnoreCase) && !text.Contains(':'))
            throw new SettingValueException($"found '{text}', allowed is sqlite:FILE. Did you mean sqlite:{text}?");
        throw new FormatException();
    }

    private static string Rebased(string text, string folder) =>
        text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) && text.Length > Sqlite.Length ? Sqlite + Path.Combine(folder, text[Sqlite.Length..].Trim()) : text;

    /// <summary>The rules of <c>RowMap</c>, applied by making one.</summary>
    private static string Name(string text) => RowMap<Reading>.Table(text).Name;
}
