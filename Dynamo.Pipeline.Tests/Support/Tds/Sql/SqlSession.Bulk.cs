using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>INSERT BULK and the questions SqlBulkCopy asks before it.</summary>
internal sealed partial class SqlSession
{
    private List<SqlToken>? _bulk;

    /// <summary>
    /// Answers SqlBulkCopy's opening batch, which asks in one go for @@TRANCOUNT, the columns (under FMTONLY), their collations,
    /// and the aliases of a graph table's columns.
    /// </summary>
    /// <returns>False when this is another batch.</returns>
    public bool TryDescribeForBulk(string sql, ISqlOutput output, CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        if (!sql.Contains("SET FMTONLY ON", StringComparison.OrdinalIgnoreCase)
            || !sql.Contains("sp_tablecollations_100", StringComparison.OrdinalIgnoreCase))
            return false;
        List<SqlToken> tokens = SqlTokenizer.Cut(sql);
        // The table's name stands in texts alone: OBJECT_ID('[dbo].[Reading]').
        tokens = SqlTokenizer.Cut(tokens[tokens.FindIndex(t => t.Is("OBJECT_ID")) + 2].Value);
        int at = 0;
        string table = SqlNames.Read(tokens, ref at);
        output.Columns([new TdsColumn("", TdsType.Int, Nullable: false)]);
        output.Row([(long)TransactionDepth]);
        output.StatementDone(SqlCommandKind.Select, 1);
        if (!SqlNames.IsTemporary(table) && _shared.Rights.Refuse("SELECT", table) is { } refused) throw refused;
        List<SqlTableColumn> described = Described(table);
        // The statement collects the columns' names in a variable. In Babelfish, the last one is all that remains in it.
        if (_shared.IsBabelfish && !SqlNames.IsTemporary(table)) described = described[^1..];
        output.Columns([.. described.Select(c => c.ToColumn())]);
        output.StatementDone(SqlCommandKind.Select, 0);
        // Babelfish's catalogue lists no temporary tables.
        TableCollations(table, new Scope([], output), isListed: !(_shared.IsBabelfish && SqlNames.IsTemporary(table)));
        output.Columns([new("Canonical_Column_Name", TdsType.SysName), new("Aliased_Column_Name", TdsType.SysName)]);
        output.StatementDone(SqlCommandKind.Select, 0);
        return true;
    }

    /// <summary>What is read of the store inside a transaction must stay true until its end: nobody else may write from then on.</summary>
    private List<SqlTableColumn> Described(string table)
    {
        EnterWriter(touchesBase: !SqlNames.IsTemporary(table), writes: false);
        return SqlCatalogue.Columns(_store, table);
    }

    private int TableCollations(string table, Scope scope, bool isListed = true)
    {
        List<SqlTableColumn> columns = isListed ? Described(SqlNames.Flat(table)) : [];
        scope.Output.Columns(
            [new("colid", TdsType.Int), new("name", TdsType.SysName), new("tds_collation", new TdsType(TdsKind.Binary, 5)),
                new("collation", TdsType.SysName)]);
        for (int i = 0; i < columns.Count; i++)
        {
            bool text = columns[i].Type.IsText;
            scope.Output.Row(
                [(long)(i + 1), columns[i].Name, text ? TdsTypeInfo.Collation.ToArray() : null,
                    text ? "SQL_Latin1_General_CP1_CI_AS" : null]);
        }
        scope.Output.StatementDone(SqlCommandKind.Select, columns.Count);
        return 0;
    }

    /// <summary><c>INSERT BULK t ([a] Int, …) WITH (…)</c>: the rows follow in a message of their own.</summary>
    private void PrepareBulk(List<SqlToken> tokens, Scope scope)
    {
        int at = 2;
        string table = SqlNames.Read(tokens, ref at);
        if (!SqlNames.IsTemporary(table) && _shared.Rights.Refuse("INSERT", table) is { } refused) throw refused;
        Described(table);
        _bulk = tokens;
        Done(scope);
    }

    /// <summary>Opens the bulk insert announced before.</summary>
    public SqlBulkInsert OpenBulk(CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        List<SqlToken> tokens = _bulk
            ?? throw new ServerError(
                4002, "The incoming tabular data stream (TDS) protocol stream is incorrect: rows without INSERT BULK.");
        _bulk = null;
        int at = 2;
        string table = SqlNames.Read(tokens, ref at);
        List<SqlToken> list = tokens[(at + 1)..SqlClauses.Closing(tokens, at)];
        List<string> names = SqlClauses.SplitCommas(list).ConvertAll(p => p[0].Value);
        List<SqlTableColumn> columns = Described(table);
        List<SqlTableColumn> targets = names.ConvertAll(
            n => columns.Find(
                c => c.Name.Equals(n, StringComparison.OrdinalIgnoreCase)) ?? throw new ServerError(207, $"Invalid column name '{n}'."));
        bool leaves = EnterWriter(!SqlNames.IsTemporary(table), writes: true);
        return new SqlBulkInsert(
            _store, table, targets, tokens.Exists(t => t.Is("CHECK_CONSTRAINTS")), tokens.Exists(t => t.Is("FIRE_TRIGGERS")), () =>
        {
            if (leaves) LeaveWriter();
        });
    }

    /// <summary>What an error that nobody caught does to the transaction.</summary>
    public void EndTransactionAfter(ServerError error, ISqlOutput output)
    {
        if (TransactionDepth > 0 && (_xactAbort || error.EndsTransaction)) Rollback(output);
    }
}

/// <summary>The rows of one INSERT BULK on their way into a table: all of them or none.</summary>
internal sealed class SqlBulkInsert : IDisposable
{
    private readonly StoreConnection _store;
    private readonly StoreStatement _insert;
    private readonly Action _leave;
    private readonly bool _checks;
    private bool _done;

    public SqlBulkInsert(StoreConnection store, string table, List<SqlTableColumn> targets, bool checks, bool triggers, Action leave)
    {
        (_store, Targets, _leave, _checks) = (store, targets, leave, checks);
        string columns = string.Join(", ", targets.Select(t => SqlToken.Quote(t.Name)));
        string places = string.Join(", ", targets.Select(_ => "?"));
        store.FiresTriggers = triggers;
        // The pragma counts while a statement is compiled.
        if (!checks) store.Run("PRAGMA ignore_check_constraints = ON");
        _insert = store.Prepare($"INSERT INTO {SqlToken.Quote(table)} ({columns}) VALUES ({places})");
        store.Run("SAVEPOINT tds_bulk");
    }

    public List<SqlTableColumn> Targets { get; }

    public long Rows { get; private set; }

    public sqlite3_stmt Statement => _insert.Handle;

    public void InsertRow()
    {
        _store.Step(_insert);
        _ = raw.sqlite3_reset(_insert.Handle);
        Rows++;
    }

    public void Complete()
    {
        _store.Run("RELEASE tds_bulk");
        _done = true;
    }

    public void Dispose()
    {
        _ = raw.sqlite3_reset(_insert.Handle);
        _insert.Dispose();
        if (!_done && _store.InTransaction)
        {
            _store.Run("ROLLBACK TO tds_bulk");
            _store.Run("RELEASE tds_bulk");
        }
        if (!_checks) _store.Run("PRAGMA ignore_check_constraints = OFF");
        _store.FiresTriggers = true;
        _leave();
    }
}
