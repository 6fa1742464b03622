namespace Dynamo.Pipeline.Host;

/// <summary>Where rows go.</summary>
internal static class SinkSettings
{
    private const string SqlitePrefix = "sqlite:", SqlServer = "sqlserver";
    private const string NameAllowed = "a name of up to 128 characters";

    private static readonly (string, DuplicatePolicy)[] s_duplicates =
        [("last", DuplicatePolicy.LastWins), ("first", DuplicatePolicy.FirstWins), ("reject", DuplicatePolicy.Reject)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.One("sink", "sqlite:FILE, such as sqlite:readings.db, or sqlserver", Into) with
        {
            Option = "--sink",
            ValueName = "sqlite:FILE|sqlserver",
            Rebase = Rebased,
            Help = "Database to import into: a file, created when missing, or sqlserver with the connection string in the configuration "
                + "or in DYNAMO_SINK. Default: sqlite:dynamo.db",
        },
        Setting.Choice("duplicates", s_duplicates, (s, policy) => s with
        {
            Sqlite = s.Sqlite with { Duplicates = policy },
            SqlServer = s.SqlServer with { Duplicates = policy },
        }) with
        {
            Option = "--duplicates",
            ValueName = "last|first|reject",
            Help = "Which reading wins when logger, channel and time are the same. Default: last.",
        },
        Both("createTables", "true or false",
            (q, text) => q with { CreateTables = SettingText.Flag(text) },
            (q, text) => q with { CreateTables = SettingText.Flag(text) }),
        Sqlite("durable", "true or false", (q, text) => q with { Durable = SettingText.Flag(text) }),
        Sqlite("busyTimeout", "a duration such as 500ms or 30s, up to a day",
            (q, text) => q with { BusyTimeout = SettingText.Duration(text) }),
        Table("name", (t, name) => t with { Name = name }),
        Table("logger", (t, name) => t with { Logger = name }),
        Table("channel", (t, name) => t with { Channel = name }),
        Table("timestamp", (t, name) => t with { Timestamp = name }),
        Table("value", (t, name) => t with { Value = name }),
        Both("table:ledger", NameAllowed, (q, name) => q with { LedgerTable = name }, (q, name) => q with { LedgerTable = name }),
        Both("table:runs", NameAllowed, (q, name) => q with { RunTable = name }, (q, name) => q with { RunTable = name }),
        Both("table:rejects", NameAllowed, (q, name) => q with { RejectTable = name }, (q, name) => q with { RejectTable = name }),
        Both("table:overlaps", NameAllowed, (q, name) => q with { OverlapTable = name }, (q, name) => q with { OverlapTable = name }),
        Both("table:file", NameAllowed, (q, name) => q with { FileColumn = name }, (q, name) => q with { FileColumn = name }),
        Both("table:schema", NameAllowed, (q, name) => q with { SchemaTable = name }, (q, name) => q with { SchemaTable = name }),
    ];

    private static Setting Sqlite(string key, string allowed, Func<SqliteSinkOptions, string, SqliteSinkOptions> apply) =>
        Setting.One(key, allowed, (s, text) => s with { Sqlite = apply(s.Sqlite, text) });

    /// <summary>A setting that means the same for both databases.</summary>
    private static Setting Both(
        string key,
        string allowed,
        Func<SqliteSinkOptions, string, SqliteSinkOptions> sqlite,
        Func<SqlServerSinkOptions, string, SqlServerSinkOptions> sqlServer) =>
        Setting.One(key, allowed, (s, text) => s with { Sqlite = sqlite(s.Sqlite, text), SqlServer = sqlServer(s.SqlServer, text) });

    private static Setting Table(string name, Func<TableSettings, string, TableSettings> apply) =>
        Setting.One("table:" + name, NameAllowed, (s, text) => s with { Table = apply(s.Table, Name(text)) });

    private static HostSettings Into(HostSettings settings, string text)
    {
        if (text.Equals(SqlServer, StringComparison.OrdinalIgnoreCase)) return settings with { UsesSqlServer = true };
        if (text.StartsWith(SqlServer, StringComparison.OrdinalIgnoreCase))
            throw new SettingValueException(
                "found sqlserver with more text after it, allowed is sqlserver alone: put the connection string into sqlserver:connection "
                + "of the configuration, or into DYNAMO_SINK in the environment. Every user of a machine can read its command lines.");
        bool isSqlite = text.StartsWith(SqlitePrefix, StringComparison.OrdinalIgnoreCase);
        if (isSqlite && text[SqlitePrefix.Length..].Trim() is { Length: > 0 } file)
            return settings with { Database = file, UsesSqlServer = false };
        if (text.EndsWith(".db", StringComparison.OrdinalIgnoreCase) && !text.Contains(':'))
            throw new SettingValueException($"found '{text}', allowed is sqlite:FILE. Did you mean sqlite:{text}?");
        throw new FormatException();
    }

    private static string Rebased(string text, string folder)
    {
        bool isFile = text.StartsWith(SqlitePrefix, StringComparison.OrdinalIgnoreCase) && text.Length > SqlitePrefix.Length;
        return isFile ? SqlitePrefix + Path.Combine(folder, text[SqlitePrefix.Length..].Trim()) : text;
    }

    /// <summary>Checks a name by the rules of <c>RowMap</c>, by making one.</summary>
    private static string Name(string text) => RowMap<Reading>.Table(text).Name;
}
