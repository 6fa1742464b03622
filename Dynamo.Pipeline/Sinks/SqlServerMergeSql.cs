namespace Dynamo.Pipeline;

/// <summary>
/// The statements that take the staged rows into the table. They stage in the types of the map (text under the table's own collation) and are plain enough for SQL Server 2016,
/// Azure SQL and other servers that speak TDS: no MERGE.
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
        _same = string.Join(" AND ", _keys.Select(c => $"t.{Table(c)} = {Staged(c)}{SameHour(c)}"));
        _partition = $"PARTITION BY {string.Join(", ", _keys.Select(Own))} ORDER BY {Sequence}";
        Merge = options.Procedure is { } procedure ? $"EXEC {SqlServerText.Quote(options.Schema, procedure)}"
            : _keys.Length == 0 ? $"DECLARE @inserted bigint; {Insert}; SET @inserted = @@ROWCOUNT; {Report()}"
            : options.Duplicates == DuplicatePolicy.LastWins ? LastWins() : FirstWins();
    }

    /// <summary>
    /// Both tables, for the session. They are filled outside any transaction: a transaction that is undone leaves the rows there for the next attempt. Answers how many of their
    /// columns the catalogue lists; see <see cref="SqlServerLanding{TRow}"/>.
    /// </summary>
    public string Create => $"""
        {CreateLike(Staging)};
        CREATE TABLE {Meetings} ({Sequence} bigint NOT NULL, Kind int NOT NULL, PRIMARY KEY ({Sequence}, Kind));
        SELECT COUNT(*) FROM tempdb.sys.columns WHERE object_id = OBJECT_ID('tempdb..{Staging}')
        """;

    /// <summary>A table of the staging table's shape.</summary>
    public string CreateLike(string name) =>
        $"CREATE TABLE {name} ({string.Join(", ", _target.Columns.Select(c => $"{Own(c)} {StagedType(c)} NULL"))}, {Sequence} bigint NOT NULL, {Line} bigint NULL, {StagedRowReader<TRow>.FileColumn} int NULL)";

    /// <summary>
    /// Merges what is staged. First result: the rows that were new. Second: by file, the rows that met another one, by kind (last wins: 0 same values, 1 other values; otherwise:
    /// 0 in the table, 1 in the batch). Third, under the reject policy: those rows. A procedure has a result of its own, by file.
    /// </summary>
    public string Merge { get; }

    public static string Keep(long from, long to) => FormattableString.Invariant($"DELETE FROM {Staging} WHERE {Sequence} < {from} OR {Sequence} > {to}");

    public static string Drop(IEnumerable<long> rows) => $"DELETE FROM {Staging} WHERE {Sequence} IN ({string.Join(", ", rows.Select(r => r.ToString(System.Globalization.CultureInfo.InvariantCulture)))})";

    public static string DropFiles(IEnumerable<int> files) => $"DELETE FROM {Staging} WHERE {s_file} IN ({string.Join(", ", files.Select(f => f.ToString(System.Globalization.CultureInfo.InvariantCulture)))})";

    public string Row(long sequence) => FormattableString.Invariant($"SELECT {Line}, {string.Join(", ", _target.Columns.Select(Own))} FROM {Staging} WHERE {Sequence} = {sequence}");

    public static string Sequences => $"SELECT {Sequence} FROM {Staging} ORDER BY {Sequence}";

    private string Insert => $"INSERT INTO {_target.Name}{(_target.Plan.MergesSideBySide ? " WITH (ROWLOCK)" : "")} ({Filled}) SELECT {Values} FROM {Staging} AS s";

    private string Filled => string.Join(", ", _target.Columns.Select(Table).Concat(_options.Constants.Keys.Select(SqlServerText.Quote)));

    private string Values => string.Join(", ", _target.Columns.Select(Staged).Concat(_options.Constants.Values.Select(SqlServerText.Literal)));

    private static string Report(string kind = "Kind", string which = "") =>
        $"SELECT @inserted AS Inserted; SELECT {s_file} AS StagedFile, {kind} AS Kind, COUNT_BIG(*) AS Met FROM {Meetings}{which} GROUP BY {s_file}, {kind};";

    /// <summary>
    /// The table's side of a join. Where merges go side by side, rows are looked up one by one and locked one by one, whatever the optimiser would like better: a scan, or a lock of
    /// a page, would wait for the rows of another writer, which might wait for ours.
    /// </summary>
    private string Met(string hint = "") => $"INNER {(_target.Plan.MergesSideBySide ? "LOOP " : "")}JOIN {_target.Name} AS t{(_target.Plan.MergesSideBySide ? hint : "")} ON {_same}";

    /// <summary>Kinds 0 and 1: the first of its key in the batch met the table. 2 and 3: it met one before it in the batch. 4: it did both, for the insert to know.</summary>
    private string LastWins()
    {
        string before = string.Concat(_values.Select((c, i) => $", {Own(c)}, LAG({Own(c)}) OVER ({_partition}) AS Before{i}"));
        string changed = Any(_values.Select((c, i) => Differs(c, $"d.{Own(c)}", $"d.Before{i}"))), differs = Any(_values.Select(c => Differs(c, $"t.{Table(c)}", Staged(c))));
        string update = _values.Length == 0 ? "" : $"""
            IF @met > 0
              UPDATE t SET {string.Join(", ", _values.Select(c => $"t.{Table(c)} = {Staged(c)}"))} FROM {Staging} AS s {Met(" WITH (ROWLOCK)")} WHERE {differs};
            """;
        return $"""
            DECLARE @twice bigint, @met bigint, @inserted bigint;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT d.{Sequence}, {Case(changed, 2)}
              FROM (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition}) AS Place{before} FROM {Staging}) AS d WHERE d.Place > 1;
            SET @twice = @@ROWCOUNT;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT s.{Sequence}, CASE WHEN EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence}) THEN 4 ELSE {Case(differs, 0)} END
              FROM {Staging} AS s {Met()};
            SET @met = @@ROWCOUNT;
            IF @twice > 0
              DELETE s FROM {Staging} AS s INNER JOIN (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition} DESC) AS Place FROM {Staging}) AS d ON d.{Sequence} = s.{Sequence} WHERE d.Place > 1;
            {update}
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence} AND m.Kind NOT IN (2, 3));
            SET @inserted = @@ROWCOUNT;
            {Report("Kind % 2", " WHERE Kind < 4")}
            """;
    }

    private string FirstWins()
    {
        string rows = _options.Duplicates != DuplicatePolicy.Reject ? "" :
            $"SELECT m.{Sequence}, m.Kind, s.{Line}, {string.Join(", ", _target.Columns.Select(c => $"s.{Own(c)}"))} FROM {Meetings} AS m INNER JOIN {Staging} AS s ON s.{Sequence} = m.{Sequence} ORDER BY m.{Sequence};";
        return $"""
            DECLARE @inserted bigint;
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT s.{Sequence}, 0 FROM {Staging} AS s {Met()};
            INSERT INTO {Meetings} ({Sequence}, Kind) SELECT d.{Sequence}, 1 FROM (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition}) AS Place FROM {Staging}) AS d
              WHERE d.Place > 1 AND NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = d.{Sequence});
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence});
            SET @inserted = @@ROWCOUNT;
            {Report()}
            {rows}
            """;
    }

    private static string Own(SqlServerColumn<TRow> column) => SqlServerText.Quote(column.Column.Name);

    private static string Table(SqlServerColumn<TRow> column) => SqlServerText.Quote(column.Target.Name);

    /// <summary>The staged value as the table's type, so that both sides of a comparison are the same.</summary>
    private static string Staged(SqlServerColumn<TRow> column) =>
        column.Target.Type is "nvarchar" or "bigint" or "float" || column.Target is { Type: "datetime2", Scale: 7 } ? $"s.{Own(column)}" : $"CAST(s.{Own(column)} AS {column.Target.Declared})";

    /// <summary>For a server that finds equal whole numbers by their hash, but not equal times. Minutes of all the years that a <c>datetime2</c> has are more than an <c>int</c> holds.</summary>
    private string SameHour(SqlServerColumn<TRow> column) =>
        _target.Table.HashesTimes || column.Target.Type != "datetime2" ? "" : $" AND DATEDIFF(hour, '20000101', t.{Table(column)}) = DATEDIFF(hour, '20000101', {Staged(column)})";

    private static string StagedType(SqlServerColumn<TRow> column) => column.Column.Kind switch
    {
        ColumnKind.Text => $"nvarchar({(column.Target.Length > 4000 ? "max" : FormattableString.Invariant($"{column.Target.Length}"))}) COLLATE {column.Target.Collation ?? SqlServerText.Exact}",
        ColumnKind.WholeNumber => "bigint",
        ColumnKind.Number => "float",
        _ => "datetime2(7)",
    };

    private static string Case(string condition, int otherwise) => condition.Length == 0 ? $"{otherwise}" : $"CASE WHEN {condition} THEN {otherwise + 1} ELSE {otherwise} END";

    private static string Any(IEnumerable<string> conditions) => string.Join(" OR ", conditions);

    /// <summary>Texts differ when any character does, whatever the table's collation takes for the same.</summary>
    private static string Differs(SqlServerColumn<TRow> column, string one, string other)
    {
        string exact = column.Column.Kind == ColumnKind.Text ? $" COLLATE {SqlServerText.Exact}" : "";
        string differs = $"{one} <> {other}{exact}";
        return column.Target.IsNullable ? $"{differs} OR ({one} IS NULL AND {other} IS NOT NULL) OR ({one} IS NOT NULL AND {other} IS NULL)" : differs;
    }
}
