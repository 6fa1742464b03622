using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>Runs SELECT, INSERT, UPDATE and DELETE.</summary>
internal sealed partial class SqlSession
{
    private void Query(List<SqlToken> tokens, Scope scope)
    {
        string sql = SqlTranslator.Statement(tokens);
        using StoreStatement statement = _store.Prepare(sql);
        bool leaves = EnterWriter(statement.TouchesBase, statement.Writes);
        try
        {
            BindVariables(statement, scope);
            if (raw.sqlite3_column_count(statement.Handle) > 0) ReturnRows(statement, tokens, sql, scope);
            else ReturnCount(statement, tokens, sql, scope);
        }
        finally
        {
            // The statement must be over before somebody else may write.
            _ = raw.sqlite3_reset(statement.Handle);
            if (leaves) LeaveWriter();
        }
    }

    private void ReturnRows(StoreStatement statement, List<SqlToken> tokens, string sql, Scope scope)
    {
        var rows = new List<object?[]>();
        while (_store.Step(statement, sql)) rows.Add(StoreConnection.Read(statement.Handle));
        List<TdsColumn> columns = new SqlResultShape(_store, tokens, scope.Variables).Columns(statement.Handle, rows);
        scope.Output.Columns(columns);
        foreach (object?[] row in rows) scope.Output.Row(row);
        _rowCount = rows.Count;
        Done(scope, CommandKind(tokens), rows.Count);
    }

    private void ReturnCount(StoreStatement statement, List<SqlToken> tokens, string sql, Scope scope)
    {
        _store.Step(statement, sql);
        _rowCount = raw.sqlite3_changes(_store.Handle);
        if (CommandKind(tokens) == SqlCommandKind.Insert) _identity = raw.sqlite3_last_insert_rowid(_store.Handle);
        Done(scope, CommandKind(tokens), _rowCount);
    }

    /// <summary>The rows of a query inside a statement.</summary>
    private List<object?[]> Fetch(List<SqlToken> tokens, Scope scope)
    {
        string sql = SqlTranslator.Statement(tokens);
        using StoreStatement statement = _store.Prepare(sql);
        bool leaves = EnterWriter(statement.TouchesBase, statement.Writes);
        try
        {
            BindVariables(statement, scope);
            var rows = new List<object?[]>();
            while (_store.Step(statement, sql)) rows.Add(StoreConnection.Read(statement.Handle));
            return rows;
        }
        finally
        {
            _ = raw.sqlite3_reset(statement.Handle);
            if (leaves) LeaveWriter();
        }
    }

    private void SelectInto(List<SqlToken> tokens, Scope scope)
    {
        int into = SqlClauses.Find(tokens, 0, "INTO");
        int at = into + 1;
        var table = new SqlTable(SqlNames.Read(tokens, ref at));
        List<SqlToken> query = [.. tokens[..into], .. tokens[at..]];
        string sql = SqlTranslator.Statement(query);
        using (StoreStatement statement = _store.Prepare(sql))
        {
            BindVariables(statement, scope);
            List<TdsColumn> columns = new SqlResultShape(_store, query, scope.Variables).Columns(statement.Handle, []);
            table.Columns.AddRange(columns.Select(c => new SqlTableColumn(c.Name, c.Type)));
        }
        CreateTable(table);
        List<SqlToken> insert = [.. SqlTokenizer.Cut($"INSERT INTO {SqlToken.Quote(table.Name)}"), .. query];
        Query(insert, scope);
    }

    private void BindVariables(StoreStatement statement, Scope scope)
    {
        int count = raw.sqlite3_bind_parameter_count(statement.Handle);
        for (int i = 1; i <= count; i++)
        {
            string name = raw.sqlite3_bind_parameter_name(statement.Handle, i).utf8_to_string();
            StoreConnection.Bind(statement.Handle, i, Variable(name, scope));
        }
    }

    private object? Variable(string name, Scope scope) => name.ToUpperInvariant() switch
    {
        "@__ROWCOUNT" => _rowCount,
        "@__TRANCOUNT" => (long)TransactionDepth,
        "@__SPID" => (long)Id,
        "@__IDENTITY" => _identity,
        "@__ERROR" => 0L,
        "@__VERSION" => "Microsoft SQL Server 2022, as far as the tests' endpoint goes",
        "@__SERVERNAME" => "endpoint",
        _ when scope.Variables.TryGetValue(name, out SqlVariable? variable) => variable.Value,
        _ => throw new ServerError(137, $"Must declare the scalar variable \"{name}\".", 15),
    };

    private static ushort CommandKind(List<SqlToken> tokens)
    {
        SqlToken word = tokens[0].Is("WITH") ? tokens[SqlClauses.Find(tokens, 1, "SELECT", "INSERT", "UPDATE", "DELETE")] : tokens[0];
        return word.Value.ToUpperInvariant() switch
        {
            "INSERT" => SqlCommandKind.Insert,
            "UPDATE" => SqlCommandKind.Update,
            "DELETE" => SqlCommandKind.Delete,
            _ => SqlCommandKind.Select,
        };
    }
}
