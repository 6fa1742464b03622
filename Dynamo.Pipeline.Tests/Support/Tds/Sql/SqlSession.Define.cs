using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>CREATE, DROP, TRUNCATE, ALTER.</summary>
internal sealed partial class SqlSession
{
    private void Define(SqlSimple statement, Scope scope)
    {
        List<SqlToken> tokens = statement.Tokens;
        SqlToken kind = tokens[1];
        if (statement.First.Is("CREATE") && kind.Is("TABLE")) CreateTable(new SqlTableParser(tokens).Parse());
        else if (statement.First.Is("CREATE") && (kind.IsAny("UNIQUE", "CLUSTERED", "NONCLUSTERED", "INDEX", "COLUMNSTORE")))
            CreateIndex(tokens);
        else if (statement.First.Is("CREATE") && kind.Is("TRIGGER")) CreateTrigger(tokens);
        else if (statement.First.Is("CREATE") && kind.Is("PROCEDURE")) CreateProcedure(tokens);
        else if (statement.First.Is("CREATE") && kind.Is("SEQUENCE"))
        {
            int at = 2;
            string name = SqlNames.Read(tokens, ref at);
            Guarded(temporary: false, () => SqlCatalogue.AddSequence(_store, name));
        }
        else if (statement.First.Is("CREATE") && kind.Is("SCHEMA")) SqlCatalogue.SchemaId(statement.At(2).Value);
        else if (statement.First.Is("DROP") && kind.Is("TABLE")) DropTables(tokens);
        else if (statement.First.Is("DROP") && kind.Is("PROCEDURE")) _shared.Procedures.TryRemove(SqlNames.Flat(tokens[^1].Value), out _);
        else if (statement.First.Is("DROP") && kind.Is("TRIGGER")) Change($"DROP TRIGGER {SqlToken.Quote(tokens[^1].Value)}");
        else if (statement.First.Is("TRUNCATE")) Truncate(tokens);
        else if (statement.First.Is("ALTER") && kind.Is("TABLE")) AlterTable(tokens);
        else throw ServerError.NotSupported($"{statement.First} {kind}");
        Done(scope);
    }

    /// <summary>Runs a definition of ours, waiting for the writer's place where base tables are concerned.</summary>
    private void Change(params ReadOnlySpan<string> statements)
    {
        foreach (string sql in statements) Change(sql, temporary: false);
    }

    private void Change(string sql, bool temporary) => Guarded(temporary, () => _store.Run(sql));

    private void Guarded(bool temporary, Action action)
    {
        bool leaves = EnterWriter(touchesBase: !temporary, writes: true);
        try
        {
            action();
        }
        finally
        {
            if (leaves) LeaveWriter();
        }
    }

    private void CreateTable(SqlTable table) => Guarded(table.Temporary, () =>
    {
        if (SqlCatalogue.ObjectId(_store, table.Name) is not null)
            throw new ServerError(2714, $"There is already an object named '{table.Name}' in the database.", 16, 6);
        var sql = new StringBuilder($"CREATE {(table.Temporary ? "TEMP " : "")}TABLE {SqlToken.Quote(table.Name)} (");
        sql.AppendJoin(", ", table.Columns.Select(c => ColumnSql(table, c)));
        foreach (SqlTableKey key in table.Keys.Where(k => k.Constraint && !IsRowId(table, k))) sql.Append($", UNIQUE ({KeySql(key)})");
        foreach (SqlTableCheck check in table.Checks) sql.Append($", CONSTRAINT {SqlToken.Quote(check.Name)} CHECK {check.Condition}");
        foreach (SqlTableColumn column in table.Columns.Where(c => c.Computed is null)) sql.Append(TypeChecks(table, column));
        _store.Run(sql.Append(')').ToString());
        foreach (SqlTableKey key in table.Keys.Where(k => !k.Constraint)) _store.Run(IndexSql(table.Name, key));
        SqlCatalogue.Add(_store, table);
    });

    private static string ColumnSql(SqlTable table, SqlTableColumn column)
    {
        string name = SqlToken.Quote(column.Name);
        if (column.Computed is not null) return $"{name} {column.Type.Declared} AS {column.Computed}";
        if (column.Identity) return $"{name} INTEGER{(table.Keys.Any(k => IsRowId(table, k)) ? " PRIMARY KEY AUTOINCREMENT" : "")}";
        string collation = column.Type.IsText
            ? " COLLATE " + StoreFunctions.Collation(column.Collation)
            : column.Type.Kind == TdsKind.Decimal
            ? " COLLATE TDS_DECIMAL"
            : "";
        string byDefault = column.Default is null ? "" : $" DEFAULT ({column.Default})";
        return $"{name} {column.Type.Declared}{collation}{(column.Nullable ? "" : " NOT NULL")}{byDefault}";
    }

    /// <summary>An identity that is the whole primary key becomes SQLite's own row number.</summary>
    private static bool IsRowId(SqlTable table, SqlTableKey key) =>
        key is { Primary: true, Columns.Count: 1 }
            && table.Columns.Any(c => c.Identity && c.Name.Equals(key.Columns[0].Column, StringComparison.OrdinalIgnoreCase));

    /// <summary>SQLite takes any value into any column; SQL Server does not.</summary>
    private static string TypeChecks(SqlTable table, SqlTableColumn column)
    {
        string name = SqlToken.Quote(column.Name);
        string path = $"{table.Name}.{column.Name}";
        string Check(string prefix, string condition) => $", CONSTRAINT {SqlToken.Quote(prefix + path)} CHECK ({condition})";
        return column.Type.Kind switch
        {
            _ when column.Type.IsText && column.Type.Length > 0 =>
                Check(StoreErrors.LengthCheck,
                    $"length({name}) <= {column.Type.Characters / 2} OR tds_units({name}) <= {column.Type.Characters}"),
            TdsKind.TinyInt => Check(StoreErrors.TypeCheck, $"{name} BETWEEN 0 AND 255"),
            TdsKind.SmallInt => Check(StoreErrors.TypeCheck, $"{name} BETWEEN -32768 AND 32767"),
            TdsKind.Int => Check(StoreErrors.TypeCheck, $"{name} BETWEEN -2147483648 AND 2147483647"),
            TdsKind.DateTime2 or TdsKind.DateTime => Check(StoreErrors.TypeCheck, $"length({name}) = 27"),
            TdsKind.Float or TdsKind.Real => Check(StoreErrors.TypeCheck, $"typeof({name}) IN ('real', 'null')"),
            _ => "",
        };
    }

    private static string KeySql(SqlTableKey key) =>
        string.Join(", ", key.Columns.Select(c => SqlToken.Quote(c.Column) + (c.Descending ? " DESC" : "")));

    private static string IndexSql(string table, SqlTableKey key) =>
        $"CREATE {(key.Unique ? "UNIQUE " : "")}INDEX "
            + $"{(SqlNames.IsTemporary(table) ? "temp." : "")}{SqlToken.Quote($"{table}.{key.Name}")} ON {SqlToken.Quote(table)} "
            + $"({KeySql(key)}) " +
        (key.Filter is null ? "" : $"WHERE {key.Filter}");

    private void CreateIndex(List<SqlToken> tokens)
    {
        int at = tokens.FindIndex(t => t.Is("INDEX"));
        List<SqlToken> words = tokens[1..at];
        string name = tokens[at + 1].Value;
        at += 3;
        var table = new SqlTable(SqlNames.Read(tokens, ref at));
        bool columnstore = words.Exists(t => t.Is("COLUMNSTORE"));
        List<(string, bool)> columns = at < tokens.Count && tokens[at].Is("(") ? SqlTableParser.KeyColumns(tokens, ref at) : [];
        int where = SqlClauses.Find(tokens, at, "WHERE");
        int with = SqlClauses.Find(tokens, at, "WITH");
        string? filter = where < tokens.Count
            ? SqlTranslator.Render(tokens[(where + 1)..Math.Max(where + 1, with > where ? with : tokens.Count)])
            : null;
        var key = new SqlTableKey(name, columns)
        {
            Unique = words.Exists(t => t.Is("UNIQUE")), Clustered = words.Exists(t => t.Is("CLUSTERED")), Columnstore = columnstore,
            Filter = filter,
        };
        Guarded(table.Temporary, () =>
        {
            int id = SqlCatalogue.ObjectId(_store, table.Name) ?? throw ServerError.InvalidObject(table.Name);
            if (!columnstore) _store.Run(IndexSql(table.Name, key));
            SqlCatalogue.AddKey(_store, table, key, id);
        });
    }

    /// <summary>
    /// <c>CREATE TRIGGER n ON t AFTER INSERT[, UPDATE] AS IF EXISTS (SELECT … FROM inserted …) THROW n, 'text', 1</c>: the one form
    /// a test needs, done row by row.
    /// </summary>
    private void CreateTrigger(List<SqlToken> tokens)
    {
        int at = 2;
        string name = SqlNames.Read(tokens, ref at);
        at++;
        string table = SqlNames.Read(tokens, ref at);
        int body = SqlClauses.Find(tokens, at, "AS") + 1;
        if (!tokens[body].Is("IF") || !tokens[body + 1].Is("EXISTS")) throw ServerError.NotSupported("this trigger");
        int end = SqlClauses.Closing(tokens, body + 2);
        string row = string.Join(
            ", ", SqlCatalogue.Columns(_store, table).Select(c => $"NEW.{SqlToken.Quote(c.Name)} AS {SqlToken.Quote(c.Name)}"));
        string condition = SqlTranslator.Render(tokens[(body + 2)..(end + 1)]).Replace(
            "\"inserted\"", $"(SELECT {row})", StringComparison.OrdinalIgnoreCase);
        string text = tokens.Skip(end).First(t => t.Kind == SqlTokenKind.Text).Value.Replace("'", "''", StringComparison.Ordinal);
        foreach (string action in tokens[at..body].Where(t => t.IsAny("INSERT", "UPDATE")).Select(t => t.Value))
            Change($"CREATE TRIGGER {SqlToken.Quote($"{name}.{action}")} AFTER {action} ON {SqlToken.Quote(table)} WHEN tds_triggers() "
                + $"AND EXISTS {condition} BEGIN SELECT RAISE(ABORT, 'trigger:{text}'); END");
        int id = SqlCatalogue.ObjectId(_store, table)!.Value;
        Change($"INSERT INTO \"sys.triggers\" VALUES ({-id}, '{name}', {id}, 0, 0)");
    }

    private void CreateProcedure(List<SqlToken> tokens)
    {
        int at = 2;
        string name = SqlNames.Read(tokens, ref at);
        int body = SqlClauses.Find(tokens, at, "AS");
        var parameters = SqlClauses.SplitCommas(tokens[at..body]).Select(
            p => (p[0].Value, TdsType.Parse(string.Concat(p[1..SqlClauses.Find(p, 1, "=", "OUTPUT")])))).ToList();
        _shared.Procedures[name] = new SqlProcedure(parameters, tokens[(body + 1)..]);
    }

    private void DropTables(List<SqlToken> tokens)
    {
        bool ifExists = tokens[2].Is("IF");
        for (int at = ifExists ? 4 : 2; at < tokens.Count; at++)
        {
            string name = SqlNames.Read(tokens, ref at);
            Guarded(SqlNames.IsTemporary(name), () => DropTable(name, ifExists));
        }
    }

    private void DropTable(string name, bool ifExists)
    {
        if (SqlCatalogue.ObjectId(_store, name) is null)
        {
            if (!ifExists)
                throw new ServerError(
                    3701, $"Cannot drop the table '{name}', because it does not exist or you do not have permission.", 11, 5);
            return;
        }
        SqlCatalogue.Remove(_store, name);
        _store.Run($"DROP TABLE {SqlToken.Quote(name)}");
    }

    private void Truncate(List<SqlToken> tokens)
    {
        int at = 2;
        string name = SqlNames.Read(tokens, ref at);
        Change($"DELETE FROM {SqlToken.Quote(name)}", SqlNames.IsTemporary(name));
    }

    /// <summary>ADD a column, a check, or a key.</summary>
    private void AlterTable(List<SqlToken> tokens)
    {
        int at = 2;
        string name = SqlNames.Read(tokens, ref at);
        if (tokens[at].Is("WITH")) at += 2;
        if (!tokens[at].Is("ADD")) throw ServerError.NotSupported($"ALTER TABLE {tokens[at]} {tokens[at + 1]}");
        var added = new SqlTableParser(
            [.. SqlTokenizer.Cut($"CREATE TABLE {SqlToken.Quote(name)} ("), .. tokens[(at + 1)..], new SqlToken(SqlTokenKind.Symbol, ")")]);
        SqlTable part = added.Parse();
        Guarded(part.Temporary, () =>
        {
            foreach (SqlTableColumn column in part.Columns)
            {
                _store.Run($"ALTER TABLE {SqlToken.Quote(name)} ADD COLUMN {ColumnSql(part, column)}");
                SqlCatalogue.AddColumn(_store, name, column);
            }
            foreach (SqlTableCheck check in part.Checks) AddCheck(name, check);
            int id = SqlCatalogue.ObjectId(_store, name) ?? throw ServerError.InvalidObject(name);
            foreach (SqlTableKey key in part.Keys)
            {
                _store.Run(IndexSql(name, key));
                SqlCatalogue.AddKey(_store, part, key, id);
            }
        });
    }

    /// <summary>
    /// SQLite cannot add a check to a table but by changing the definition it keeps, which it documents as safe for constraints.
    /// </summary>
    private void AddCheck(string table, SqlTableCheck check)
    {
        object? bad = _store.Scalar($"SELECT 1 FROM {SqlToken.Quote(table)} WHERE NOT {check.Condition} LIMIT 1");
        if (bad is not null)
            throw new ServerError(547, $"The ALTER TABLE statement conflicted with the CHECK constraint \"{check.Name}\".", 16, 0);
        string schema = SqlNames.IsTemporary(table) ? "temp" : "main";
        long version = (long)_store.Scalar($"PRAGMA {schema}.schema_version")!;
        _store.Run("PRAGMA writable_schema = ON");
        _store.Run(
            $"UPDATE {schema}.sqlite_master SET sql = substr(sql, 1, length(sql) - 1) || @check WHERE type = 'table' AND name = @table",
            ("@check", $", CONSTRAINT {SqlToken.Quote(check.Name)} CHECK {check.Condition})"), ("@table", table));
        _store.Run($"PRAGMA {schema}.schema_version = {version + 1}");
        _store.Run("PRAGMA writable_schema = OFF");
        SqlCatalogue.AddCheck(_store, table, check);
    }
}
