using System.Data.Common;
using System.Globalization;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The result of a merge.</summary>
/// <param name="Inserted">How many rows of all files were new.</param>
/// <param name="Met">How many rows met another row, by file and kind; see <see cref="SqlServerMergeSql{TRow}.Merge"/>.</param>
/// <param name="Duplicates">These rows themselves, under the reject policy.</param>
internal sealed record SqlServerMerged(
    long Inserted, IReadOnlyDictionary<(int File, int Kind), long> Met, IReadOnlyList<(int File, int Kind, Defect Defect)> Duplicates)
{
    public long MetBy(int file, int kind) => Met.GetValueOrDefault((file, kind));
}

/// <summary>Merges the staged rows in a transaction, or merges some of them and rolls back, to find rows that the server refuses.</summary>
internal sealed class SqlServerMerge<TRow>(
    SqlServerDb db, SqlServerTarget<TRow> target, SqlServerMergeSql<TRow> sql, WriteLocks<TRow> turns)
{
    public async Task<SqlServerMerged> RunAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        CancellationToken cancellationToken = writing.Cancellation;
        SqlCommand command = db.Command(writing.Connection, transaction, sql.Merge);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                return db.Options.Procedure is null
                    ? await ReadAsync(writing, reader).ConfigureAwait(false)
                    : await ReadFilesAsync(reader, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Merges only these rows, and rolls back.</summary>
    /// <returns>Why the server refused them, or null if it did not.</returns>
    public async Task<SqlException?> TryAsync(SqlServerWriting<TRow> writing, long from, long to)
    {
        (SqlConnection connection, CancellationToken cancellationToken) = (writing.Connection, writing.Cancellation);
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            await turns.MergeAsync(connection, transaction, writing.Parts, cancellationToken).ConfigureAwait(false);
            await db.ExecuteAsync(connection, transaction, SqlServerMergeSql<TRow>.Keep(from, to), cancellationToken).ConfigureAwait(false);
            await RunAsync(writing, transaction).ConfigureAwait(false);
            return null;
        }
        catch (SqlException error) when (SqlServerFault.Judge(error) == SqlServerVerdict.RowRefused)
        {
            return error;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>Describes a staged row that the server refused.</summary>
    public async Task<Defect> DescribeAsync(SqlServerWriting<TRow> writing, long place, SqlException error)
    {
        List<Defect> found = await db.QueryAsync(
            writing.Connection, null, sql.Row(place), Describe, writing.Cancellation).ConfigureAwait(false);
        return found[0];

        Defect Describe(SqlDataReader row) => new($"the database refused the row: {error.Message}")
        {
            Line = LineOf(writing, place, row, 0),
            Column = target.Columns.FirstOrDefault(c => target.Dialect.Names(error.Message, c.Target.Name))?.Column.Name,
            RawText = Show(row, 1, keysOnly: false),
            Remedy = "Correct the row, or the table's constraint or trigger, and retry the file",
        };
    }

    private async Task<SqlServerMerged> ReadAsync(SqlServerWriting<TRow> writing, DbDataReader reader)
    {
        CancellationToken cancellationToken = writing.Cancellation;
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        long inserted = Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var met = new Dictionary<(int, int), long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            met[(reader.GetInt32(0), reader.GetInt32(1))] = Convert.ToInt64(reader.GetValue(2), CultureInfo.InvariantCulture);
        var duplicates = new List<(int, int, Defect)>();
        // The last result must be read to its end, because an error may follow it.
        if (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                duplicates.Add((StagedPlace.FileOf(reader.GetInt64(0)), reader.GetInt32(1), Duplicate(writing, reader)));
        return new SqlServerMerged(inserted, met, duplicates);
    }

    /// <summary>The result of a procedure, as if it were the result of a merge.</summary>
    private async Task<SqlServerMerged> ReadFilesAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        if (reader.FieldCount != 4)
            throw new SinkException(
                $"The procedure {db.Options.Procedure} must return one result with the columns StagedFile, Inserted, Updated, Unchanged; "
                + $"found {reader.FieldCount} columns.");
        long inserted = 0;
        var met = new Dictionary<(int, int), long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            int file = (int)Whole(reader, 0);
            inserted += Whole(reader, 1);
            (met[(file, 1)], met[(file, 0)]) = (Whole(reader, 2), Whole(reader, 3));
        }
        // An error may follow the result.
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return new SqlServerMerged(inserted, met, []);
    }

    private static long Whole(DbDataReader reader, int at) => Convert.ToInt64(reader.GetValue(at), CultureInfo.InvariantCulture);

    private Defect Duplicate(SqlServerWriting<TRow> writing, DbDataReader reader) => new("a row with the same key is there already")
    {
        Line = LineOf(writing, reader.GetInt64(0), reader, 2),
        Found = Show(reader, 3, keysOnly: true),
        Expected = "a new key",
        RawText = Show(reader, 3, keysOnly: false),
    };

    /// <summary>The line of a row that is in memory is known. The line of a streamed row was staged with it.</summary>
    private static long LineOf(SqlServerWriting<TRow> writing, long place, DbDataReader reader, int at) =>
        reader.IsDBNull(at)
            ? writing.Ordered[StagedPlace.FileOf(place)].Rows.Batch.LineSpan[(int)StagedPlace.RowOf(place)]
            : reader.GetInt64(at);

    private string Show(DbDataReader reader, int first, bool keysOnly)
    {
        IEnumerable<(int At, SqlServerColumn<TRow> Column)> shown = target.Columns.Index().Where(c => c.Item.Column.IsKey || !keysOnly);
        return string.Join(", ", shown.Select(c => SqlServerColumn<TRow>.Shown(reader.GetValue(first + c.At)) ?? "NULL"));
    }
}

/// <summary>
/// The statements that move the staged rows into the table. The staging table has the types of the map, and texts have the table's own
/// collation. The statements are plain enough for SQL Server 2016, Azure SQL and other servers that speak TDS: no MERGE.
/// </summary>
internal sealed class SqlServerMergeSql<TRow>
{
    public const string Staging = "#StagedRow", Meetings = "#StagedMeeting";

    private const string Line = StagedRowReader<TRow>.LineColumn, Sequence = StagedRowReader<TRow>.SequenceColumn;

    private static readonly string s_file = StagedPlace.FileSql(Sequence);

    private readonly SqlServerTarget<TRow> _target;
    private readonly SqlServerSinkOptions _options;
    private readonly SqlServerColumn<TRow>[] _keys, _values;
    private readonly string _same, _partition;

    public SqlServerMergeSql(SqlServerTarget<TRow> target, SqlServerSinkOptions options)
    {
        (_target, _options) = (target, options);
        _keys = [.. target.Keys];
        _values = [.. target.Columns.Where(c => !c.Column.IsKey)];
        _same = string.Join(" AND ", _keys.Select(c => $"t.{Table(c)} = {Staged(c)}{AlsoEqual(c)}"));
        _partition = $"PARTITION BY {string.Join(", ", _keys.Select(Own))} ORDER BY {Sequence}";
        Merge = options.Procedure is { } procedure ? $"EXEC {SqlServerText.Quote(options.Schema, procedure)}"
            : _keys.Length == 0 ? $"DECLARE @inserted bigint; {Insert}; SET @inserted = @@ROWCOUNT; {Report()}"
            : options.Duplicates == DuplicatePolicy.LastWins ? LastWins() : FirstWins();
    }

    /// <summary>
    /// Creates both temporary tables of the session. Rows are staged outside any transaction, so they are still there for the next
    /// attempt when a transaction is rolled back.
    /// </summary>
    public string Create => $"""
        CREATE TABLE {Staging} ({string.Join(", ", _target.Columns.Select(c => $"{Own(c)} {StagedType(c)} NULL"))},
          {Sequence} bigint NOT NULL, {Line} bigint NULL, {StagedRowReader<TRow>.FileColumn} int NULL);
        CREATE TABLE {Meetings} ({Sequence} bigint NOT NULL, Kind int NOT NULL, PRIMARY KEY ({Sequence}, Kind))
        """;

    /// <summary>
    /// Merges the staged rows. First result: how many rows were new. Second result: how many rows met another one, by file and kind
    /// (if the last one wins: 0 same values, 1 other values; otherwise: 0 in the table, 1 in the batch). Third result, under the reject
    /// policy: these rows. A procedure has a result of its own, by file.
    /// </summary>
    public string Merge { get; }

    public static string Keep(long from, long to) =>
        FormattableString.Invariant($"DELETE FROM {Staging} WHERE {Sequence} < {from} OR {Sequence} > {to}");

    public static string Drop(IEnumerable<long> rows) =>
        $"DELETE FROM {Staging} WHERE {Sequence} IN ({string.Join(", ", rows.Select(r => r.ToString(CultureInfo.InvariantCulture)))})";

    public static string DropFiles(IEnumerable<int> files) =>
        $"DELETE FROM {Staging} WHERE {s_file} IN ({string.Join(", ", files.Select(f => f.ToString(CultureInfo.InvariantCulture)))})";

    public string Row(long sequence) =>
        FormattableString.Invariant(
            $"SELECT {Line}, {string.Join(", ", _target.Columns.Select(Own))} FROM {Staging} WHERE {Sequence} = {sequence}");

    public static string Sequences => $"SELECT {Sequence} FROM {Staging} ORDER BY {Sequence}";

    private string Insert =>
        $"INSERT INTO {_target.Name}{(_target.Plan.MergesSideBySide ? " WITH (ROWLOCK)" : "")} ({Filled}) "
        + $"SELECT {Values} FROM {Staging} AS s";

    private string Filled => string.Join(", ", _target.Columns.Select(Table).Concat(_options.Constants.Keys.Select(SqlServerText.Quote)));

    private string Values =>
        string.Join(", ", _target.Columns.Select(Staged).Concat(_options.Constants.Values.Select(SqlServerText.Literal)));

    private static string Report(string kind = "Kind", string which = "") =>
        $"SELECT @inserted AS Inserted; SELECT {s_file} AS StagedFile, {kind} AS Kind, COUNT_BIG(*) AS Met "
        + $"FROM {Meetings}{which} GROUP BY {s_file}, {kind};";

    /// <summary>
    /// The table's side of a join. If merges run side by side, rows must be looked up and locked one by one, whatever the optimiser
    /// prefers: a scan, or a lock of a page, would wait for rows of another writer, which may wait for ours.
    /// </summary>
    private string Met(string hint = "") => _target.Plan.MergesSideBySide
        ? $"INNER LOOP JOIN {_target.Name} AS t{hint} ON {_same}"
        : $"INNER JOIN {_target.Name} AS t ON {_same}";

    /// <summary>
    /// Kinds 0 and 1: the first row of its key in the batch met the table. 2 and 3: the row met an earlier one in the batch. 4: it did
    /// both, which only the insert needs to know.
    /// </summary>
    private string LastWins()
    {
        string before = string.Concat(_values.Select((c, i) => $", {Own(c)}, LAG({Own(c)}) OVER ({_partition}) AS Before{i}"));
        string changed = Any(_values.Select((c, i) => Differs(c, $"d.{Own(c)}", $"d.Before{i}")));
        string differs = Any(_values.Select(c => Differs(c, $"t.{Table(c)}", Staged(c))));
        string update = _values.Length == 0 ? "" : $"""
            IF @met > 0
              UPDATE t SET {string.Join(", ", _values.Select(c => $"t.{Table(c)} = {Staged(c)}"))}
              FROM {Staging} AS s {Met(" WITH (ROWLOCK)")} WHERE {differs};
            """;
        return $"""
            DECLARE @twice bigint, @met bigint, @inserted bigint;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT d.{Sequence}, {Case(changed, 2)}
              FROM (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition}) AS Place{before} FROM {Staging}) AS d WHERE d.Place > 1;
            SET @twice = @@ROWCOUNT;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT s.{Sequence},
              CASE WHEN EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence}) THEN 4 ELSE {Case(differs, 0)} END
              FROM {Staging} AS s {Met()};
            SET @met = @@ROWCOUNT;
            IF @twice > 0
              DELETE s FROM {Staging} AS s
              INNER JOIN (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition} DESC) AS Place FROM {Staging}) AS d
              ON d.{Sequence} = s.{Sequence} WHERE d.Place > 1;
            {update}
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence} AND m.Kind NOT IN (2, 3));
            SET @inserted = @@ROWCOUNT;
            {Report("Kind % 2", " WHERE Kind < 4")}
            """;
    }

    private string FirstWins()
    {
        string rows = _options.Duplicates != DuplicatePolicy.Reject ? "" :
            $"SELECT m.{Sequence}, m.Kind, s.{Line}, {string.Join(", ", _target.Columns.Select(c => $"s.{Own(c)}"))} "
            + $"FROM {Meetings} AS m INNER JOIN {Staging} AS s ON s.{Sequence} = m.{Sequence} ORDER BY m.{Sequence};";
        return $"""
            DECLARE @inserted bigint;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT s.{Sequence}, 0 FROM {Staging} AS s {Met()};
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT d.{Sequence}, 1
              FROM (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition}) AS Place FROM {Staging}) AS d
              WHERE d.Place > 1 AND NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = d.{Sequence});
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence});
            SET @inserted = @@ROWCOUNT;
            {Report()}
            {rows}
            """;
    }

    private static string Own(SqlServerColumn<TRow> column) => SqlServerText.Quote(column.Column.Name);

    private static string Table(SqlServerColumn<TRow> column) => SqlServerText.Quote(column.Target.Name);

    /// <summary>The staged value in the table's type, so that both sides of a comparison have the same type.</summary>
    private static string Staged(SqlServerColumn<TRow> column)
    {
        bool isSame = column.Column.Kind == ColumnKind.Decimal
            || column.Target.Type is "nvarchar" or "bigint" or "float" or "bit" or "uniqueidentifier"
            || column.Target is { Type: "datetime2", Scale: 7 };
        return isSame ? $"s.{Own(column)}" : $"CAST(s.{Own(column)} AS {column.Target.Declared})";
    }

    private string AlsoEqual(SqlServerColumn<TRow> column) =>
        _target.Dialect.AlsoEqual(column.Target.Type, $"t.{Table(column)}", Staged(column));

    private static string StagedType(SqlServerColumn<TRow> column) => column.Column.Kind switch
    {
        ColumnKind.Text =>
            $"nvarchar({(column.Target.Length > 4000 ? "max" : FormattableString.Invariant($"{column.Target.Length}"))}) "
            + $"COLLATE {column.Target.Collation ?? SqlServerText.Exact}",
        ColumnKind.WholeNumber => "bigint",
        ColumnKind.Number => "float",
        ColumnKind.Boolean => "bit",
        // The values fit into the table's column. With fewer digits, the staging table would round them.
        ColumnKind.Decimal => column.Target.Declared,
        ColumnKind.Guid => "uniqueidentifier",
        _ => "datetime2(7)",
    };

    private static string Case(string condition, int otherwise) =>
        condition.Length == 0 ? $"{otherwise}" : $"CASE WHEN {condition} THEN {otherwise + 1} ELSE {otherwise} END";

    private static string Any(IEnumerable<string> conditions) => string.Join(" OR ", conditions);

    /// <summary>Texts differ if any character differs, even if they are the same under the table's collation.</summary>
    private static string Differs(SqlServerColumn<TRow> column, string one, string other)
    {
        string exact = column.Column.Kind == ColumnKind.Text ? $" COLLATE {SqlServerText.Exact}" : "";
        string differs = $"{one} <> {other}{exact}";
        return column.Target.IsNullable
            ? $"{differs} OR ({one} IS NULL AND {other} IS NOT NULL) OR ({one} IS NOT NULL AND {other} IS NULL)"
            : differs;
    }
}
