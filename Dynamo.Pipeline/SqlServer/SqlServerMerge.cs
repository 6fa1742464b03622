using System.Data;
using System.Data.Common;
using System.Globalization;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>The result of a merge.</summary>
/// <param name="Inserted">How many rows of all files were new.</param>
/// <param name="Met">How many rows met another row, by file and kind; see <see cref="SqlServerMergeSql{TRow}.Merge"/>.</param>
/// <param name="Collided">How many rows met an earlier row of their own file, by file.</param>
/// <param name="Duplicates">The rows that met another row, under the reject policy.</param>
internal sealed record SqlServerMerged(
    long Inserted, IReadOnlyDictionary<(int File, int Kind), long> Met, IReadOnlyDictionary<int, long> Collided,
    IReadOnlyList<(int File, int Kind, Defect Defect)> Duplicates)
{
    /// <summary>
    /// If nothing was merged: the files of the rows that were met, without an order if the ledger does not have them any more.
    /// </summary>
    public IReadOnlyList<(long FileId, FileOrder? Order)>? Others { get; init; }

    public long MetBy(int file, int kind) => Met.GetValueOrDefault((file, kind));
}

/// <summary>Merges the staged rows in a transaction, or merges some of them and rolls back, to find rows that the server refuses.</summary>
internal sealed class SqlServerMerge<TRow>(
    SqlServerDb db, SqlServerTarget<TRow> target, SqlServerMergeSql<TRow> sql, WriteLocks<TRow> turns)
{
    private const int MostInAList = 1000;

    public async Task<SqlServerMerged> RunAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        SqlServerMerged merged = await SendAsync(writing, transaction, sql.Merge).ConfigureAwait(false);
        if (merged.Others is not { } others) return merged;
        await PlaceAsync(writing, transaction, others).ConfigureAwait(false);
        SqlServerMerged decided = await SendAsync(writing, transaction, sql.MergeDecided).ConfigureAwait(false);
        return decided with { Collided = merged.Collided };
    }

    /// <summary>
    /// Tells the server how many files of the batch are older than each of these. It need not know of a file that is older than all.
    /// </summary>
    private async Task PlaceAsync(
        SqlServerWriting<TRow> writing, SqlTransaction transaction, IReadOnlyList<(long FileId, FileOrder? Order)> others)
    {
        IEnumerable<(long FileId, int Place)> placed = others
            .Select(o => (o.FileId, Place: o.Order is { } order ? writing.PlaceOf(order) : 0)).Where(o => o.Place > 0);
        foreach ((long FileId, int Place)[] some in placed.Chunk(MostInAList))
            await db.ExecuteAsync(
                writing.Connection, transaction, SqlServerMergeSql<TRow>.PlaceOthers(some), writing.Cancellation).ConfigureAwait(false);
    }

    private async Task<SqlServerMerged> SendAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction, string statement)
    {
        CancellationToken cancellationToken = writing.Cancellation;
        SqlCommand command = db.Command(writing.Connection, transaction, statement);
        await using (command.ConfigureAwait(false))
        {
            if (target.FileColumn is not null)
                command.Parameters.Add(SqlServerMergeSql<TRow>.First, SqlDbType.Int).Value = writing.FirstFileId;
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
        catch (SqlException error) when (SqlServerFault.MayBeOfRow(error))
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
        if (reader.FieldCount > 1) return await ReadOthersAsync(reader, cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        long inserted = Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var met = new Dictionary<(int, int), long>();
        var collided = new Dictionary<int, long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            met[(reader.GetInt32(0), reader.GetInt32(1))] = Whole(reader, 2);
            collided[reader.GetInt32(0)] = collided.GetValueOrDefault(reader.GetInt32(0)) + Whole(reader, 3);
        }
        var duplicates = new List<(int, int, Defect)>();
        // The last result must be read to its end, because an error may follow it.
        if (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                duplicates.Add((StagedPlace.FileOf(reader.GetInt64(0)), reader.GetInt32(1), Duplicate(writing, reader)));
        return new SqlServerMerged(inserted, met, collided, duplicates);
    }

    /// <summary>The result of a merge that first must know which files are newer.</summary>
    private static async Task<SqlServerMerged> ReadOthersAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        var others = new List<(long, FileOrder?)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            others.Add((Whole(reader, 0), reader.IsDBNull(1)
                ? null
                : new FileOrder(LedgerTime.Utc(reader.GetDateTime(1)), reader.GetString(2), Whole(reader, 3), reader.GetString(4))));
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var collided = new Dictionary<int, long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            collided[reader.GetInt32(0)] = Whole(reader, 1);
        return new SqlServerMerged(0, new Dictionary<(int, int), long>(), collided, []) { Others = others };
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
        return new SqlServerMerged(inserted, met, new Dictionary<int, long>(), []);
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
    public const string Staging = "#StagedRow", Meetings = "#StagedMeeting", Others = "#StagedOther", Numbers = "#StagedNumber";

    /// <summary>The parameter with the number of the first file, if the table has a column for each row's file.</summary>
    public const string First = "@first";

    private const string Line = StagedRowReader<TRow>.LineColumn, Sequence = StagedRowReader<TRow>.SequenceColumn;

    private static readonly string s_file = StagedPlace.FileSql(Sequence);

    private readonly SqlServerTarget<TRow> _target;
    private readonly SqlServerSinkOptions _options;
    private readonly SqlServerColumn<TRow>[] _keys, _values;
    private readonly string _same, _partition, _places;
    private readonly string? _file;
    private readonly bool _keepsNumbers;

    /// <param name="target">The table.</param>
    /// <param name="options">The policy and the names.</param>
    /// <param name="keepsNumbers">Whether files of the batch were imported before, and keep the numbers that they have.</param>
    public SqlServerMergeSql(SqlServerTarget<TRow> target, SqlServerSinkOptions options, bool keepsNumbers = false)
    {
        (_target, _options, _keepsNumbers) = (target, options, keepsNumbers);
        _keys = [.. target.Keys];
        _values = [.. target.Columns.Where(c => !c.Column.IsKey)];
        _same = string.Join(" AND ", _keys.Select(c => $"t.{Table(c)} = {Staged(c)}{AlsoEqual(c)}"));
        _partition = $"PARTITION BY {string.Join(", ", _keys.Select(Own))} ORDER BY {Sequence}";
        _places = $"{Sequence}, ROW_NUMBER() OVER ({_partition}) AS Place, LAG({Sequence}) OVER ({_partition}) AS Earlier";
        _file = target.FileColumn is { } file ? SqlServerText.Quote(file.Name) : null;
        Merge = options.Procedure is { } procedure ? $"EXEC {SqlServerText.Quote(options.Schema, procedure)}"
            : _keys.Length == 0 ? $"DECLARE @inserted bigint; {Insert}; SET @inserted = @@ROWCOUNT; {Report()}"
            : options.Duplicates == DuplicatePolicy.LastWins ? LastWins(Ask) : FirstWins();
        MergeDecided = options.Duplicates == DuplicatePolicy.LastWins ? LastWins(ask: null) : FirstWinsDecided();
    }

    /// <summary>
    /// Creates the temporary tables of the session. Rows are staged outside any transaction, so they are still there for the next
    /// attempt when a transaction is rolled back.
    /// </summary>
    public string Create => $"""
        CREATE TABLE {Staging} ({string.Join(", ", _target.Columns.Select(c => $"{Own(c)} {StagedType(c)} NULL"))},
          {Sequence} bigint NOT NULL, {Line} bigint NULL, {StagedRowReader<TRow>.FileColumn} int NULL);
        CREATE TABLE {Meetings} (
          {Sequence} bigint NOT NULL, Kind int NOT NULL, Beside int NULL, Other bigint NULL, PRIMARY KEY ({Sequence}, Kind));
        CREATE TABLE {Others} (FileId bigint NOT NULL PRIMARY KEY, Place int NOT NULL);
        {(_keepsNumbers ? $"CREATE TABLE {Numbers} (StagedFile int NOT NULL PRIMARY KEY, FileId bigint NOT NULL);" : "")}
        """;

    /// <summary>Names files of the batch that keep their numbers, by their place in it.</summary>
    public static string KeepNumbers(IEnumerable<(int File, long FileId)> kept) =>
        $"INSERT INTO {Numbers} (StagedFile, FileId) VALUES "
        + string.Join(", ", kept.Select(k => FormattableString.Invariant($"({k.File}, {k.FileId})"))) + ";";

    /// <summary>
    /// Merges the staged rows. First result: how many rows were new. Second result: how many rows met another one, by file and kind
    /// (if the last one wins: 0 same values, 1 other values; otherwise: 0 in the table, 1 in the batch), and how many of these met one of
    /// their own file. Third result, under the reject policy: these rows. A procedure has a result of its own, by file.
    /// <para>
    /// If rows of the table are of a known file, nothing is merged. First result: these files, with all that tells which is newer.
    /// Second result: how many rows of each file met one of their own file. Then follows <see cref="MergeDecided"/>.
    /// </para>
    /// </summary>
    public string Merge { get; }

    /// <summary>
    /// Merges after <see cref="Merge"/> has told which files it met, and the newer ones were named (<see cref="PlaceOthers"/>). Staged rows
    /// that lose against the table count as met, with the same values. Every other row that meets the table wins; if the first one wins,
    /// kind 2 is a row that replaced other values.
    /// </summary>
    public string MergeDecided { get; }

    /// <summary>
    /// Names files of the table's rows that are newer than some of the batch, with how many files of the batch are older.
    /// </summary>
    public static string PlaceOthers(IEnumerable<(long FileId, int Place)> others) =>
        $"INSERT INTO {Others} (FileId, Place) VALUES "
        + string.Join(", ", others.Select(o => FormattableString.Invariant($"({o.FileId}, {o.Place})")));

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

    private string Filled => string.Join(
        ", ", [.. _target.Columns.Select(Table), .. OfFile(_file), .. _options.Constants.Keys.Select(SqlServerText.Quote)]);

    private string Values => string.Join(
        ", ", [.. _target.Columns.Select(Staged), .. OfFile(Number), .. _options.Constants.Values.Select(SqlServerText.Literal)]);

    /// <summary>The number of a staged row's file.</summary>
    private string Number => NumberOf(StagedPlace.FileSql("s." + Sequence));

    /// <summary>The number of the file that has this place in the batch.</summary>
    private string NumberOf(string place) => _keepsNumbers
        ? $"COALESCE((SELECT n.FileId FROM {Numbers} AS n WHERE n.StagedFile = {place}), {First} + {place})"
        : $"{First} + {place}";

    private string[] OfFile(string? sql) => _file is null || sql is null ? [] : [sql];

    private static string Report(string kind = "Kind", string which = "") =>
        $"SELECT @inserted AS Inserted; SELECT {s_file} AS StagedFile, {kind} AS Kind, COUNT_BIG(*) AS Met, "
        + $"COUNT_BIG(CASE WHEN Beside = {s_file} THEN 1 END) AS Collided "
        + $"FROM {Meetings}{which} GROUP BY {s_file}, {kind};";

    /// <summary>
    /// The table's side of a join. If merges run side by side, rows must be looked up and locked one by one, whatever the optimiser
    /// prefers: a scan, or a lock of a page, would wait for rows of another writer, which may wait for ours.
    /// </summary>
    private string Met(string hint = "") => _target.Plan.MergesSideBySide
        ? $"INNER LOOP JOIN {_target.Name} AS t{hint} ON {_same}"
        : $"INNER JOIN {_target.Name} AS t ON {_same}";

    /// <summary>Ends the statement with the files of the met rows, if these have any.</summary>
    private string Ask => _file is null ? "" : $"""
        IF @met > 0 AND EXISTS (SELECT 1 FROM {Meetings} WHERE Other IS NOT NULL)
        BEGIN
          SELECT m.Other, l.ModifiedUtc, l.Path, l.Size, l.Source
            FROM (SELECT DISTINCT Other FROM {Meetings} WHERE Other IS NOT NULL) AS m
            LEFT JOIN {SqlServerText.Quote(_options.Schema, _options.LedgerTable)} AS l ON l.{SqlServerSchema.LedgerFileColumn} = m.Other;
          SELECT {s_file} AS StagedFile, COUNT_BIG(*) AS Collided FROM {Meetings} WHERE Beside = {s_file} AND Kind <> 0 GROUP BY {s_file};
          RETURN;
        END;
        """;

    /// <summary>Leaves out the staged rows that lose against the table. They stay among the meetings, the only ones there.</summary>
    /// <param name="wins">Which meetings are not lost. A row of the table is newer if a file is named that has a higher place.</param>
    private static string Lose(string wins) => $"""
        DELETE FROM {Meetings} WHERE {wins} EXISTS (SELECT 1 FROM {Others} AS o WHERE o.FileId = Other AND {s_file} < o.Place);
        UPDATE {Meetings} SET Kind = 0;
        DELETE FROM {Staging} WHERE {Sequence} IN (SELECT m.{Sequence} FROM {Meetings} AS m);
        """;

    /// <summary>Writes the staged rows that met the table over its rows: at most one of each key is staged.</summary>
    private string Update(string differs)
    {
        string[] set = [.. _values.Select(c => $"t.{Table(c)} = {Staged(c)}"), .. OfFile($"t.{_file} = {Number}")];
        // A row of a newer file is that file's from then on, also with the same values.
        return set.Length == 0 ? "" : $"""
            IF @met > 0
              UPDATE t SET {string.Join(", ", set)}
              FROM {Staging} AS s {Met(" WITH (ROWLOCK)")}{(_file is null ? $" WHERE {differs}" : "")};
            """;
    }

    /// <summary>Whether the values of a staged row and of the table's row differ.</summary>
    private string DiffersFromTable => Any(_values.Select(c => Differs(c, $"t.{Table(c)}", Staged(c))));

    /// <summary>
    /// Kinds 0 and 1: the first row of its key in the batch met the table. 2 and 3: the row met an earlier one in the batch. 4: it did
    /// both, which only the insert needs to know.
    /// </summary>
    /// <param name="ask">What to do first if the files of the met rows decide. Null if they have decided.</param>
    private string LastWins(string? ask)
    {
        string before = string.Concat(_values.Select((c, i) => $", {Own(c)}, LAG({Own(c)}) OVER ({_partition}) AS Before{i}"));
        string changed = Any(_values.Select((c, i) => Differs(c, $"d.{Own(c)}", $"d.Before{i}")));
        string differs = DiffersFromTable;
        return $"""
            DECLARE @twice bigint, @met bigint, @inserted bigint;
            {(ask is null ? Lose("NOT") : "")}
            INSERT INTO {Meetings} ({Sequence}, Kind, Beside) SELECT d.{Sequence}, {Case(changed, 2)}, {StagedPlace.FileSql("d.Earlier")}
              FROM (SELECT {_places}{before} FROM {Staging}) AS d WHERE d.Place > 1;
            SET @twice = @@ROWCOUNT;
            INSERT INTO {Meetings} ({Sequence}, Kind, Other) SELECT s.{Sequence},
              CASE WHEN EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence}) THEN 4 ELSE {Case(differs, 0)} END,
              {OtherFile} FROM {Staging} AS s {Met()};
            SET @met = @@ROWCOUNT;
            {ask}
            IF @twice > 0
              DELETE s FROM {Staging} AS s
              INNER JOIN (SELECT {Sequence}, ROW_NUMBER() OVER ({_partition} DESC) AS Place FROM {Staging}) AS d
              ON d.{Sequence} = s.{Sequence} WHERE d.Place > 1;
            {Update(differs)}
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence} AND m.Kind NOT IN (2, 3));
            SET @inserted = @@ROWCOUNT;
            {Overlaps(isDecided: ask is null)}
            {Report("Kind % 2", " WHERE Kind < 4")}
            """;
    }

    /// <summary>
    /// The row that is there stays, unless it is of a newer file. Kind 0: the row met the table. 1: an earlier row of the batch.
    /// </summary>
    private string FirstWins()
    {
        bool rejects = _options.Duplicates == DuplicatePolicy.Reject;
        string rows = !rejects ? "" :
            $"SELECT m.{Sequence}, m.Kind, s.{Line}, {string.Join(", ", _target.Columns.Select(c => $"s.{Own(c)}"))} "
            + $"FROM {Meetings} AS m INNER JOIN {Staging} AS s ON s.{Sequence} = m.{Sequence} ORDER BY m.{Sequence};";
        return $"""
            DECLARE @twice bigint, @met bigint, @inserted bigint;
            INSERT INTO {Meetings} ({Sequence}, Kind, Beside) SELECT d.{Sequence}, 1, {StagedPlace.FileSql("d.Earlier")}
              FROM (SELECT {_places} FROM {Staging}) AS d WHERE d.Place > 1;
            SET @twice = @@ROWCOUNT;
            INSERT INTO {Meetings} ({Sequence}, Kind, Beside, Other) SELECT s.{Sequence}, 0,
              (SELECT m.Beside FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence}), {OtherFile}
              FROM {Staging} AS s {Met()};
            SET @met = @@ROWCOUNT;
            {(rejects ? "" : Ask)}
            IF @twice > 0 AND @met > 0
              DELETE b FROM {Meetings} AS b INNER JOIN {Meetings} AS m ON m.{Sequence} = b.{Sequence} WHERE b.Kind = 1 AND m.Kind = 0;
            {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence});
            SET @inserted = @@ROWCOUNT;
            {Overlaps(isDecided: false)}
            {Report()}
            {rows}
            """;
    }

    private string FirstWinsDecided() => $"""
        DECLARE @met bigint, @inserted bigint;
        {Lose("Kind <> 0 OR")}
        INSERT INTO {Meetings} ({Sequence}, Kind, Beside) SELECT d.{Sequence}, 1, {StagedPlace.FileSql("d.Earlier")}
          FROM (SELECT {_places} FROM {Staging}) AS d WHERE d.Place > 1;
        DELETE FROM {Staging} WHERE {Sequence} IN (SELECT m.{Sequence} FROM {Meetings} AS m);
        INSERT INTO {Meetings} ({Sequence}, Kind, Other) SELECT s.{Sequence}, 2 * {Case(DiffersFromTable, 0)}, {OtherFile}
          FROM {Staging} AS s {Met()};
        SET @met = @@ROWCOUNT;
        {Update(DiffersFromTable)}
        {Insert} WHERE NOT EXISTS (SELECT 1 FROM {Meetings} AS m WHERE m.{Sequence} = s.{Sequence});
        SET @inserted = @@ROWCOUNT;
        {Overlaps(isDecided: true)}
        {Report()}
        """;

    /// <summary>
    /// Records which files met: those of neighbours of a key in the batch, and that of the table's row with the one that it met first. If
    /// rows are rejected, the file of the row that stays counts as the newer one. No other transaction writes the same pairs, for each has
    /// a file of this batch; so only a file that was imported before can find one of its pairs there.
    /// </summary>
    private string Overlaps(bool isDecided)
    {
        if (_file is null) return "";
        bool rejects = _options.Duplicates == DuplicatePolicy.Reject;
        string own = NumberOf(s_file), beside = NumberOf("m.Beside"), isOlder = $"{s_file} < o.Place";
        string others = rejects ? Pairs("m.Other", own, $"WHERE m.Other <> {own}") + " UNION "
            : !isDecided ? ""
            : Pairs(
                $"CASE WHEN {isOlder} THEN m.Other ELSE {own} END", $"CASE WHEN {isOlder} THEN {own} ELSE m.Other END",
                $"LEFT JOIN {Others} AS o ON o.FileId = m.Other WHERE m.Other <> {own} AND m.Kind < 4") + " UNION ";
        (string newer, string older) = rejects ? (beside, own) : (own, beside);
        string overlaps = SqlServerText.Quote(_options.Schema, _options.OverlapTable);
        string isThere = _keepsNumbers
            ? $" WHERE NOT EXISTS (SELECT 1 FROM {overlaps} AS f WHERE f.NewerFileId = p.Newer AND f.OlderFileId = p.Older)" : "";
        return $"""
            IF EXISTS (SELECT 1 FROM {Meetings})
              INSERT INTO {overlaps} (NewerFileId, OlderFileId) SELECT DISTINCT p.Newer, p.Older
              FROM ({others}{Pairs(newer, older, $"WHERE m.Beside <> {s_file} AND m.Kind <> 0")}) AS p{isThere};
            """;

        static string Pairs(string newer, string older, string which) =>
            $"SELECT {newer} AS Newer, {older} AS Older FROM {Meetings} AS m {which}";
    }

    private string OtherFile => _file is null ? "NULL" : $"t.{_file}";

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
