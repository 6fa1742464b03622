using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The definitions of the tables that a <see cref="SqlServerSink{TRow}"/> writes to, if you create tables yourself.</summary>
public static class SqlServerDdl
{
    /// <summary>The statements that create all tables in a database without them, ready for <c>sqlcmd</c>. Connects to nothing.</summary>
    /// <typeparam name="TRow">The row.</typeparam>
    /// <param name="map">The table of the rows.</param>
    /// <param name="options">The schema and the names of the other tables; the defaults when null.</param>
    /// <returns>The script.</returns>
    public static string Of<TRow>(RowMap<TRow> map, SqlServerSinkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        SqlServerSinkOptions names = options ?? new SqlServerSinkOptions();
        IEnumerable<string> statements = SqlServerSchema.Tables(map, names).Select(t => t.Sql)
            .Concat(SqlServerSchema.Indexes(names).Select(i => i.Sql)).Append(SqlServerSchema.InsertVersion(names));
        return string.Join(";\n\n", statements) + ";\n";
    }

    internal static void RefuseConflicts<TRow>(RowMap<TRow> map, SqlServerSinkOptions options)
    {
        bool decides = options.Append || options.Duplicates != DuplicatePolicy.LastWins || options.Constants.Count > 0;
        if (options.Procedure is not null && decides)
            throw new ArgumentException(
                $"{OptionName.Of(nameof(SqlServerSinkOptions.Procedure))} takes the rows as it likes: leave "
                + $"{OptionName.Of(nameof(SqlServerSinkOptions.Append))}, {OptionName.Of(nameof(SqlServerSinkOptions.Duplicates))} "
                + $"and {OptionName.Of(nameof(SqlServerSinkOptions.Constants))} as they are.", nameof(options));
        string[] names = [.. SqlServerSchema.Tables(map, options).Select(t => t.Table)];
        if (names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { Key: { } twice })
            throw new ArgumentException($"Two tables are named {twice}. Give the row map or the options other names.", nameof(options));
    }
}

/// <summary>The tables' definitions.</summary>
internal static class SqlServerSchema
{
    /// <summary>It rises with every change of our tables; a database with a higher one is refused.</summary>
    public const int Version = 3;

    /// <summary>How many bytes a clustered key may have.</summary>
    private const int KeyBytes = 900;

    private const int LongestKeyText = 200, LongestText = 4000;

    /// <summary>The column of the ledger with the number of the file.</summary>
    public const string LedgerFileColumn = "FileId";

    /// <summary>
    /// The column of the table of versions with the first number of which the table of overlaps knows. Files with lower numbers were
    /// imported by a version that did not record which files met, so they cannot be taken back.
    /// </summary>
    public const string OverlapsFrom = "OverlapsFrom";

    /// <summary>A decimal in our tables: room for all digits that .NET has before the point, and the rest for those after it.</summary>
    public const int DecimalPrecision = 38, DecimalScale = 9;

    public static IReadOnlyList<(string Table, string Sql)> Tables<TRow>(RowMap<TRow> map, SqlServerSinkOptions options) =>
    [
        // A procedure writes to tables of its own, and does not tell which files met.
        .. options.Procedure is null ? [(map.Name, Rows(map, options))] : Array.Empty<(string, string)>(),
        (options.LedgerTable, Ledger(options)),
        (options.RunTable, Runs(options)),
        (options.RejectTable, Rejects(options)),
        .. options.Procedure is null ? [(options.OverlapTable, Overlaps(options))] : Array.Empty<(string, string)>(),
        (options.SchemaTable, Versions(options)),
    ];

    /// <summary>
    /// The columns of our own tables that a database of an older version lacks. Its ledger has no numbers for the files that are in it:
    /// they count as older than all that come.
    /// </summary>
    public static bool IsLater(SqlServerSinkOptions options, string table, string column) => column is LedgerFileColumn or OverlapsFrom
        or nameof(LedgerEntry.ContentHash)
        or nameof(RunBooks.RowsSkipped) or nameof(RunBooks.RowsFlagged) or nameof(RunBooks.RowsCollided)
        || (column is nameof(RunColumns.Reason) or nameof(RunColumns.Settings) or nameof(RunColumns.PartOf) or "LeaseUntilUtc"
            && table == options.RunTable);

    /// <summary>Whether an older version had the other tables, but not this one.</summary>
    public static bool IsLater(SqlServerSinkOptions options, string table) => table == options.OverlapTable;

    /// <summary>
    /// The indexes of our own tables: the rejects of a run, the entries of the files whose rows are met, the files in quarantine, and the
    /// runs that are open. A source cannot be sought by its name, which is too long for an index.
    /// </summary>
    public static IReadOnlyList<(string Table, string Name, string Sql)> Indexes(SqlServerSinkOptions options) =>
    [
        Index(options, options.RejectTable, "RunId"),
        Index(options, options.LedgerTable, LedgerFileColumn),
        Index(options, options.LedgerTable, "Outcome", "ImportedUtc"),
        Index(options, options.RunTable, "Outcome"),
    ];

    private static (string Table, string Name, string Sql) Index(SqlServerSinkOptions options, string table, params string[] columns)
    {
        string name = $"IX_{table}_{columns[0]}", over = string.Join(", ", columns);
        return (table, name, $"CREATE INDEX {SqlServerText.Quote(name)} ON {SqlServerText.Quote(options.Schema, table)} ({over})");
    }

    /// <summary>Says which version our tables are of, once all else is there.</summary>
    public static string UpdateVersion(SqlServerSinkOptions options) => FormattableString.Invariant(
        $"UPDATE {SqlServerText.Quote(options.Schema, options.SchemaTable)} SET Version = {Version}, ")
        + FormattableString.Invariant($"{OverlapsFrom} = COALESCE({OverlapsFrom}, LastFileId + 1) WHERE Version < {Version}");

    /// <summary>Writes the one row of the table of versions, once all else is there.</summary>
    public static string InsertVersion(SqlServerSinkOptions options)
    {
        string table = SqlServerText.Quote(options.Schema, options.SchemaTable);
        string ledger = SqlServerText.Quote(options.Schema, options.LedgerTable);
        return FormattableString.Invariant($"INSERT INTO {table} (Version, LastFileId, {OverlapsFrom}) ")
            + FormattableString.Invariant($"SELECT {Version}, l.Last, l.Last + 1 ")
            + $"FROM (SELECT COALESCE(MAX({LedgerFileColumn}), 0) AS Last FROM {ledger}) AS l WHERE NOT EXISTS (SELECT 1 FROM {table})";
    }

    private static string Rows<TRow>(RowMap<TRow> map, SqlServerSinkOptions options)
    {
        RowColumn<TRow>[] keys = [.. map.Columns.Where(c => c.IsKey)];
        int texts = keys.Count(c => c.Kind == ColumnKind.Text);
        int keyText = texts == 0 ? 0 : Math.Min(LongestKeyText, (KeyBytes - keys.Sum(c => BytesOf(c.Kind))) / 2 / texts);
        IEnumerable<string> columns = map.Columns.Select(c =>
            $"  {SqlServerText.Quote(c.Name)} {TypeOf(c.Kind, c.IsKey ? keyText : LongestText)} {(c.IsNullable ? "NULL" : "NOT NULL")}");
        if (!map.Columns.Any(c => c.Name.Equals(options.FileColumn, StringComparison.OrdinalIgnoreCase)))
            columns = columns.Append($"  {SqlServerText.Quote(options.FileColumn)} int NULL");
        string name = SqlServerText.Quote("PK_" + map.Name), over = string.Join(", ", keys.Select(c => SqlServerText.Quote(c.Name)));
        string key = keys.Length == 0 ? "" : $",\n  CONSTRAINT {name} PRIMARY KEY CLUSTERED ({over})";
        return $"CREATE TABLE {SqlServerText.Quote(options.Schema, map.Name)} (\n{string.Join(",\n", columns)}{key}\n)";
    }

    private static string TypeOf(ColumnKind kind, int length) => kind switch
    {
        ColumnKind.Text => FormattableString.Invariant($"nvarchar({length}) COLLATE {SqlServerText.Exact}"),
        ColumnKind.WholeNumber => "bigint",
        ColumnKind.Number => "float",
        ColumnKind.Boolean => "bit",
        ColumnKind.Decimal => FormattableString.Invariant($"decimal({DecimalPrecision},{DecimalScale})"),
        ColumnKind.Guid => "uniqueidentifier",
        _ => "datetime2(7)",
    };

    /// <summary>How many bytes a value takes in a key, if it is not a text.</summary>
    private static int BytesOf(ColumnKind kind) => kind switch
    {
        ColumnKind.Text => 0,
        ColumnKind.Boolean => 1,
        ColumnKind.Decimal => 17,
        ColumnKind.Guid => 16,
        _ => 8,
    };

    /// <summary>Its key is a hash of source, path, size and time, because these together may be longer than an index key.</summary>
    private static string Ledger(SqlServerSinkOptions options) => $"""
        CREATE TABLE {SqlServerText.Quote(options.Schema, options.LedgerTable)} (
          FileKey binary(32) NOT NULL,
          Source nvarchar(4000) NOT NULL,
          Path nvarchar(4000) NOT NULL,
          Size bigint NOT NULL,
          ModifiedUtc datetime2(7) NOT NULL,
          RunId bigint NOT NULL,
          Outcome nvarchar(20) NOT NULL,
          Rows bigint NOT NULL,
          Inserted bigint NOT NULL,
          Updated bigint NOT NULL,
          Unchanged bigint NOT NULL,
          Rejected bigint NOT NULL,
          Reason nvarchar(4000) NULL,
          ImportedUtc datetime2(7) NOT NULL,
          {LedgerFileColumn} int NULL,
          ContentHash bigint NULL,
          CONSTRAINT {SqlServerText.Quote("PK_" + options.LedgerTable)} PRIMARY KEY CLUSTERED (FileKey)
        )
        """;

    private static string Runs(SqlServerSinkOptions options) => $"""
        CREATE TABLE {SqlServerText.Quote(options.Schema, options.RunTable)} (
          RunId bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
          Source nvarchar(4000) NOT NULL,
          StartedUtc datetime2(7) NOT NULL,
          EndedUtc datetime2(7) NULL,
          Outcome nvarchar(20) NOT NULL,
          Host nvarchar(256) NOT NULL,
          Version nvarchar(256) NOT NULL,
          Reason nvarchar(4000) NULL,
          Settings nvarchar(4000) NULL,
          PartOf bigint NULL,
          LeaseUntilUtc datetime2(7) NULL,
          {string.Join(",\n  ", RunColumns.Counts.Select(c => $"{c.Name} bigint NOT NULL DEFAULT 0"))}
        )
        """;

    private static string Overlaps(SqlServerSinkOptions options) => $"""
        CREATE TABLE {SqlServerText.Quote(options.Schema, options.OverlapTable)} (
          NewerFileId int NOT NULL,
          OlderFileId int NOT NULL,
          CONSTRAINT {SqlServerText.Quote("PK_" + options.OverlapTable)} PRIMARY KEY CLUSTERED (NewerFileId, OlderFileId)
        )
        """;

    private static string Versions(SqlServerSinkOptions options) => $"""
        CREATE TABLE {SqlServerText.Quote(options.Schema, options.SchemaTable)} (
          Version int NOT NULL PRIMARY KEY,
          LastFileId int NOT NULL,
          {OverlapsFrom} int NULL
        )
        """;

    private static string Rejects(SqlServerSinkOptions options) => $"""
        CREATE TABLE {SqlServerText.Quote(options.Schema, options.RejectTable)} (
          RejectId bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
          RunId bigint NOT NULL,
          Source nvarchar(4000) NOT NULL,
          Path nvarchar(4000) NOT NULL,
          Line bigint NULL,
          ColumnName nvarchar(256) NULL,
          Problem nvarchar(4000) NOT NULL,
          Found nvarchar(4000) NULL,
          Expected nvarchar(4000) NULL,
          Remedy nvarchar(4000) NULL,
          RawText nvarchar(4000) NULL
        )
        """;
}
