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
    public const int Version = 4;

    public static string Quote(string name) => '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';

    /// <summary>A text literal, for names in queries of the catalogue.</summary>
    public static string Literal(string text) => '\'' + text.Replace("'", "''", StringComparison.Ordinal) + '\'';

    public static IReadOnlyList<(string Table, string Sql)> Tables<TRow>(RowMap<TRow> map, SqliteSinkOptions options) =>
    [
        (map.Name, Rows(map, options.FileColumn)),
        (options.LedgerTable, Ledger(options)),
        (options.RunTable, Runs(options)),
        (options.RejectTable, Rejects(options)),
        (options.OverlapTable, Overlaps(options)),
        (options.SchemaTable, $"CREATE TABLE {Quote(options.SchemaTable)} (\n  Version INTEGER NOT NULL PRIMARY KEY\n) WITHOUT ROWID"),
    ];

    /// <summary>
    /// The indexes of our own tables: all rejects of a ledger entry, the entry with a number, and the files that are to be imported again.
    /// </summary>
    public static string Indexes(SqliteSinkOptions options) => $"""
        CREATE INDEX IF NOT EXISTS {Quote(options.RejectTable + "_RunId_Path")} ON {Quote(options.RejectTable)} (RunId, Path);
        CREATE UNIQUE INDEX IF NOT EXISTS {Quote(options.LedgerTable + "_FileId")} ON {Quote(options.LedgerTable)} (FileId)
          WHERE FileId IS NOT NULL;
        CREATE INDEX IF NOT EXISTS {Quote(options.LedgerTable + "_Requeued")} ON {Quote(options.LedgerTable)} (Source)
          WHERE Outcome = '{LedgerOutcome.Requeued}'
        """;

    public static string SetVersion(SqliteSinkOptions options)
    {
        string table = Quote(options.SchemaTable);
        return string.Create(
            CultureInfo.InvariantCulture, $"INSERT INTO {table} (Version) SELECT {Version} WHERE NOT EXISTS (SELECT 1 FROM {table})");
    }

    /// <summary>Brings an older database up to date, in the transaction that opens the first run.</summary>
    public static string Upgrade(SqliteSinkOptions options, long from)
    {
        string runs = Quote(options.RunTable);
        string two = from >= 2 ? "" : $"""
            ALTER TABLE {runs} ADD COLUMN RowsSkipped INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE {runs} ADD COLUMN RowsFlagged INTEGER NOT NULL DEFAULT 0;
            """;
        string three = from >= 3 ? "" : $"""
            ALTER TABLE {runs} ADD COLUMN RowsCollided INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE {Quote(options.LedgerTable)} ADD COLUMN FileId INTEGER;
            """;
        return string.Create(CultureInfo.InvariantCulture, $"""
            {two}
            {three}
            ALTER TABLE {runs} ADD COLUMN Reason TEXT;
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

    private static string Ledger(SqliteSinkOptions options) => $"""
        CREATE TABLE {Quote(options.LedgerTable)} (
          Source TEXT NOT NULL,
          Path TEXT NOT NULL,
          Size INTEGER NOT NULL,
          ModifiedUtc TEXT NOT NULL,
          RunId INTEGER NOT NULL,
          Outcome TEXT NOT NULL,
          Rows INTEGER NOT NULL,
          Inserted INTEGER NOT NULL,
          Updated INTEGER NOT NULL,
          Unchanged INTEGER NOT NULL,
          Rejected INTEGER NOT NULL,
          Reason TEXT,
          ImportedUtc TEXT NOT NULL,
          FileId INTEGER,
          PRIMARY KEY (Source, Path, Size, ModifiedUtc)
        ) WITHOUT ROWID
        """;

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
