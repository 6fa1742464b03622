using System.Globalization;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The definition of the tables that a <see cref="SqliteSink{TRow}"/> writes to, for those who create tables themselves. Safe for
/// concurrent use.
/// </summary>
public static class SqliteDdl
{
    /// <summary>The statements that create all tables in an empty database, ready for the <c>sqlite3</c> shell.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The table of the rows.</param>
    /// <param name="options">The names of the other tables; the defaults when null.</param>
    /// <returns>The script.</returns>
    public static string Of<TRow>(RowMap<TRow> map, SqliteSinkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        SqliteSinkOptions names = options ?? new SqliteSinkOptions();
        IEnumerable<string> statements = SqliteSchema.Tables(map, names).Select(t => t.Sql)
            .Append(SqliteSchema.Indexes(names)).Append(SqliteSchema.SetVersion(names));
        return string.Join(";\n\n", statements) + ";\n";
    }

    internal static void RefuseSameNames<TRow>(RowMap<TRow> map, SqliteSinkOptions options)
    {
        string[] names = [.. SqliteSchema.Tables(map, options).Select(t => t.Table)];
        if (names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { Key: { } twice })
            throw new ArgumentException($"Two tables are named {twice}. Give the row map or the options other names.", nameof(options));
    }
}

/// <summary>The tables' definitions, and the quoting of names.</summary>
internal static class SqliteSchema
{
    /// <summary>It rises with every change of the tables below; a database with a higher one is refused.</summary>
    public const int Version = 5;

    public static string Quote(string name) => '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';

    /// <summary>A text literal, for names in queries of the catalogue.</summary>
    public static string Literal(string text) => '\'' + text.Replace("'", "''", StringComparison.Ordinal) + '\'';

    public static IReadOnlyList<(string Table, string Sql)> Tables<TRow>(RowMap<TRow> map, SqliteSinkOptions options) =>
    [
        (map.Name, Rows(map, options.FileColumn)),
        (Sources(options), $"""
            CREATE TABLE {Quote(Sources(options))} (
              SourceId INTEGER PRIMARY KEY,
              Name TEXT NOT NULL UNIQUE
            )
            """),
        (Entries(options), EntryTable(options)),
        (options.LedgerTable, LedgerView(options)),
        (options.RunTable, Runs(options)),
        (options.RejectTable, Rejects(options)),
        (options.OverlapTable, Overlaps(options)),
        (options.SchemaTable, $"CREATE TABLE {Quote(options.SchemaTable)} (\n  Version INTEGER NOT NULL PRIMARY KEY\n) WITHOUT ROWID"),
    ];

    /// <summary>Why a database cannot be changed yet.</summary>
    public static string OlderVersion(string path) => $"The database {path} is of an older version. The next run brings it up to date.";

    /// <summary>The table of the sources' names.</summary>
    public static string Sources(SqliteSinkOptions options) => options.LedgerTable + "Source";

    /// <summary>The table behind the ledger, which is a view of it for people.</summary>
    public static string Entries(SqliteSinkOptions options) => options.LedgerTable + "Entry";

    /// <summary>
    /// The indexes of our own tables: all rejects of a ledger entry, the files in quarantine, and those that are to be imported again.
    /// </summary>
    public static string Indexes(SqliteSinkOptions options) => $"""
        CREATE INDEX IF NOT EXISTS {Quote(options.RejectTable + "_RunId_Path")} ON {Quote(options.RejectTable)} (RunId, Path);
        CREATE INDEX IF NOT EXISTS {Quote(Entries(options) + "_Quarantined")} ON {Quote(Entries(options))} (SourceId)
          WHERE Outcome = '{LedgerOutcome.Quarantined}';
        CREATE INDEX IF NOT EXISTS {Quote(Entries(options) + "_Requeued")} ON {Quote(Entries(options))} (SourceId)
          WHERE Outcome = '{LedgerOutcome.Requeued}'
        """;

    public static string SetVersion(SqliteSinkOptions options)
    {
        string table = Quote(options.SchemaTable);
        return string.Create(
            CultureInfo.InvariantCulture, $"INSERT INTO {table} (Version) SELECT {Version} WHERE NOT EXISTS (SELECT 1 FROM {table})");
    }

    /// <summary>
    /// Brings an older database up to date, in the transaction that opens the first run. The ledger was a table with the names and times as
    /// text in its key. What was imported before readings knew their file gets negative numbers, which no reading has.
    /// </summary>
    public static string Upgrade<TRow>(RowMap<TRow> map, SqliteSinkOptions options, long from)
    {
        string runs = Quote(options.RunTable), sources = Quote(Sources(options)), old = Quote(options.LedgerTable + "_Before5");
        string two = from >= 2 ? "" : $"""
            ALTER TABLE {runs} ADD COLUMN RowsSkipped INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE {runs} ADD COLUMN RowsFlagged INTEGER NOT NULL DEFAULT 0;
            """;
        string three = from >= 3 ? "" : $"ALTER TABLE {runs} ADD COLUMN RowsCollided INTEGER NOT NULL DEFAULT 0;";
        string four = from >= 4 ? "" : $"ALTER TABLE {runs} ADD COLUMN Reason TEXT;";
        string five = $"ALTER TABLE {runs} ADD COLUMN Settings TEXT;";
        string number = from >= 3 ? "coalesce(o.FileId, -row_number() OVER ())" : "-row_number() OVER ()";
        return string.Create(CultureInfo.InvariantCulture, $"""
            {two}
            {three}
            {four}
            {five}
            ALTER TABLE {Quote(options.LedgerTable)} RENAME TO {old};
            {string.Join(";\n", Tables(map, options).Skip(1).Take(3).Select(t => t.Sql))};
            INSERT INTO {sources} (Name) SELECT DISTINCT Source FROM {old};
            INSERT INTO {Quote(Entries(options))} (FileId, SourceId, Path, Size, ModifiedTicks, RunId, Outcome, Rows, Inserted, Updated,
              Unchanged, Rejected, Reason, ImportedTicks)
            SELECT {number}, s.SourceId, o.Path, o.Size, {Ticks("o.ModifiedUtc")}, o.RunId, o.Outcome, o.Rows, o.Inserted, o.Updated,
              o.Unchanged, o.Rejected, o.Reason, {Ticks("o.ImportedUtc")}
            FROM {old} o JOIN {sources} s ON s.Name = o.Source;
            DROP TABLE {old};
            {Indexes(options)};
            UPDATE {Quote(options.SchemaTable)} SET Version = {Version}
            """);
    }

    public static string TypeOf(ColumnKind kind) => kind switch
    {
        ColumnKind.WholeNumber or ColumnKind.Boolean => "INTEGER",
        ColumnKind.Number => "REAL",
        _ => "TEXT",
    };

    /// <summary>
    /// Adds the column of each row's file to a table that an older version created. No statement touches the rows that are there, so it
    /// takes no longer for a large table: their file stays unknown, which counts as older than all others.
    /// </summary>
    public static string AddFileColumn<TRow>(RowMap<TRow> map, SqliteSinkOptions options) =>
        $"ALTER TABLE {Quote(map.Name)} ADD COLUMN {Quote(options.FileColumn)} INTEGER";

    /// <summary>The table of the rows.</summary>
    /// <param name="map">Its columns.</param>
    /// <param name="fileColumn">The column of each row's file; null as older versions created it.</param>
    public static string Rows<TRow>(RowMap<TRow> map, string? fileColumn)
    {
        IEnumerable<string> columns = map.Columns.Select(c => $"  {Quote(c.Name)} {TypeOf(c.Kind)}{(c.IsNullable ? "" : " NOT NULL")}");
        if (fileColumn is not null && !map.Columns.Any(c => c.Name.Equals(fileColumn, StringComparison.OrdinalIgnoreCase)))
            columns = columns.Append($"  {Quote(fileColumn)} INTEGER");
        string key = string.Join(", ", map.Columns.Where(c => c.IsKey).Select(c => Quote(c.Name)));
        return $"CREATE TABLE {Quote(map.Name)} (\n{string.Join(",\n", columns)},\n  PRIMARY KEY ({key})\n) WITHOUT ROWID";
    }

    /// <summary>
    /// An entry is found by its number or by its key. Numbers keep both short: names and times as text cost twice the space, and a third
    /// more time to enter a file. A time is in units of 100 ns since the year 1, as <see cref="DateTime.Ticks"/>.
    /// </summary>
    private static string EntryTable(SqliteSinkOptions options) => $"""
        CREATE TABLE {Quote(Entries(options))} (
          FileId INTEGER PRIMARY KEY,
          SourceId INTEGER NOT NULL,
          Path TEXT NOT NULL,
          Size INTEGER NOT NULL,
          ModifiedTicks INTEGER NOT NULL,
          RunId INTEGER NOT NULL,
          Outcome TEXT NOT NULL,
          Rows INTEGER NOT NULL,
          Inserted INTEGER NOT NULL,
          Updated INTEGER NOT NULL,
          Unchanged INTEGER NOT NULL,
          Rejected INTEGER NOT NULL,
          Reason TEXT,
          ImportedTicks INTEGER NOT NULL,
          ContentHash INTEGER,
          UNIQUE (SourceId, Path, Size, ModifiedTicks)
        )
        """;

    /// <summary>The ledger as people read it, with the columns that it had as a table.</summary>
    private static string LedgerView(SqliteSinkOptions options) => $"""
        CREATE VIEW {Quote(options.LedgerTable)} AS
        SELECT s.Name AS Source, e.Path, e.Size, {Time("e.ModifiedTicks")} AS ModifiedUtc, e.RunId, e.Outcome, e.Rows, e.Inserted,
          e.Updated, e.Unchanged, e.Rejected, e.Reason, {Time("e.ImportedTicks")} AS ImportedUtc, e.FileId,
          e.ContentHash
        FROM {Quote(Entries(options))} e JOIN {Quote(Sources(options))} s ON s.SourceId = e.SourceId
        """;

    /// <summary>A time as <see cref="SqliteText.Of(DateTime)"/> writes it, from its ticks.</summary>
    private static string Time(string ticks) => string.Create(CultureInfo.InvariantCulture, $"""
        strftime('%Y-%m-%d %H:%M:%S', {ticks} / {TimeSpan.TicksPerSecond} - {SecondsToUnix}, 'unixepoch')
            || CASE {ticks} % {TimeSpan.TicksPerSecond} WHEN 0 THEN ''
              ELSE '.' || rtrim(printf('%07d', {ticks} % {TimeSpan.TicksPerSecond}), '0') END
        """);

    /// <summary>The other way round.</summary>
    private static string Ticks(string time) => string.Create(
        CultureInfo.InvariantCulture,
        $"(CAST(strftime('%s', substr({time}, 1, 19)) AS INTEGER) + {SecondsToUnix}) * {TimeSpan.TicksPerSecond} "
        + $"+ CAST(substr(substr({time}, 21) || '0000000', 1, 7) AS INTEGER)");

    private static readonly long SecondsToUnix = DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerSecond;

    private static string Runs(SqliteSinkOptions options) => $"""
        CREATE TABLE {Quote(options.RunTable)} (
          RunId INTEGER PRIMARY KEY AUTOINCREMENT,
          Source TEXT NOT NULL,
          StartedUtc TEXT NOT NULL,
          EndedUtc TEXT,
          Outcome TEXT NOT NULL,
          Host TEXT NOT NULL,
          Version TEXT NOT NULL,
          Reason TEXT,
          Settings TEXT,
          {string.Join(",\n  ", RunColumns.Counts.Select(count => $"{count.Name} INTEGER NOT NULL DEFAULT 0"))}
        )
        """;

    private static string Overlaps(SqliteSinkOptions options) => $"""
        CREATE TABLE {Quote(options.OverlapTable)} (
          NewerFileId INTEGER NOT NULL,
          OlderFileId INTEGER NOT NULL,
          PRIMARY KEY (NewerFileId, OlderFileId)
        ) WITHOUT ROWID
        """;

    private static string Rejects(SqliteSinkOptions options) => $"""
        CREATE TABLE {Quote(options.RejectTable)} (
          RejectId INTEGER PRIMARY KEY,
          RunId INTEGER NOT NULL,
          Source TEXT NOT NULL,
          Path TEXT NOT NULL,
          Line INTEGER,
          ColumnName TEXT,
          Problem TEXT NOT NULL,
          Found TEXT,
          Expected TEXT,
          Remedy TEXT,
          RawText TEXT
        )
        """;
}
