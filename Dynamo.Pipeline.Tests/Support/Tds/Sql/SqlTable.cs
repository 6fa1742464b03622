namespace Dynamo.Pipeline.Tests;

internal sealed record SqlTableColumn(string Name, TdsType Type)
{
    public bool Nullable { get; set; } = true;

    public bool Identity { get; set; }

    public string? Default { get; set; }

    /// <summary>The sequence that the default takes from, with its schema.</summary>
    public string? Sequence { get; set; }

    /// <summary>The name after COLLATE, or null for the database's.</summary>
    public string? Collation { get; set; }

    public string? Computed { get; set; }

    public TdsColumn ToColumn() => new(Name, Type, Nullable, Identity, Computed is not null);
}

/// <summary>A key or an index.</summary>
internal sealed record SqlTableKey(string Name, List<(string Column, bool Descending)> Columns)
{
    public bool Primary { get; init; }

    public bool Unique { get; init; }

    /// <summary>A constraint, not a mere index.</summary>
    public bool Constraint { get; init; }

    public bool Clustered { get; init; }

    public bool Columnstore { get; init; }

    public string? Filter { get; init; }
}

internal sealed record SqlTableCheck(string Name, string Condition);

internal sealed record SqlTable(string Name)
{
    public List<SqlTableColumn> Columns { get; } = [];

    public List<SqlTableKey> Keys { get; } = [];

    public List<SqlTableCheck> Checks { get; } = [];

    public bool Temporary => SqlNames.IsTemporary(Name);
}

/// <summary>Reads CREATE TABLE.</summary>
internal sealed class SqlTableParser(IReadOnlyList<SqlToken> tokens)
{
    private int _at;

    private SqlToken Current => _at < tokens.Count ? tokens[_at] : default;

    public SqlTable Parse()
    {
        _at = 2;
        var table = new SqlTable(SqlNames.Read(tokens, ref _at));
        Expect("(");
        while (!Current.Is(")"))
        {
            Element(table);
            if (Current.Is(",")) _at++;
        }
        foreach (SqlTableKey key in table.Keys.Where(k => k.Primary))
        {
            foreach (SqlTableColumn column in table.Columns.Where(c => key.Columns.Any(k => Same(k.Column, c.Name))))
                column.Nullable = false;
        }
        return table;
    }

    private void Element(SqlTable table)
    {
        string? name = ConstraintName();
        if (Current.IsAny("PRIMARY", "UNIQUE")) Key(table, name, null);
        else if (Current.Is("CHECK")) Check(table, name);
        else if (Current.Is("INDEX")) Index(table);
        else if (name is null) Column(table);
        else throw ServerError.NotSupported($"the constraint {Current}");
    }

    private string? ConstraintName()
    {
        if (!Current.Is("CONSTRAINT")) return null;
        _at += 2;
        return tokens[_at - 1].Value;
    }

    private void Column(SqlTable table)
    {
        string name = Name();
        if (Current.Is("AS"))
        {
            _at++;
            table.Columns.Add(new SqlTableColumn(name, TdsType.Float) { Computed = Parenthesised() });
            if (Current.Is("PERSISTED")) _at++;
            return;
        }
        var column = new SqlTableColumn(name, Type());
        table.Columns.Add(column);
        while (_at < tokens.Count && !Current.Is(",") && !Current.Is(")")) Attribute(table, column);
    }

    private void Attribute(SqlTable table, SqlTableColumn column)
    {
        string? name = ConstraintName();
        if (Current.IsAny("PRIMARY", "UNIQUE")) Key(table, name, column.Name);
        else if (Current.Is("CHECK")) Check(table, name);
        else if (Current.Is("DEFAULT")) Default(column);
        else if (Current.Is("IDENTITY"))
        {
            _at++;
            if (Current.Is("(")) Parenthesised();
            (column.Identity, column.Nullable) = (true, false);
        }
        else if (Current.Is("NOT"))
        {
            _at += 2;
            column.Nullable = false;
        }
        else if (Current.Is("NULL")) _at++;
        else if (Current.Is("COLLATE"))
        {
            _at += 2;
            column.Collation = tokens[_at - 1].Value;
        }
        else throw ServerError.Syntax(Current.Value);
    }

    private void Default(SqlTableColumn column)
    {
        _at++;
        int next = Current.Is("(") ? _at + 1 : _at;
        if (tokens[next].Is("NEXT"))
        {
            // NEXT VALUE FOR name
            int at = next + 3;
            string name = SqlNames.Read(tokens, ref at);
            _at = next > _at ? at + 1 : at;
            (string schema, string bare) = SqlNames.Split(name);
            (column.Sequence, column.Default) = ($"[{schema}].[{bare}]", $"tds_next('{name}')");
        }
        else if (Current.Is("(")) column.Default = Parenthesised();
        else
        {
            int start = _at++;
            if (Current.Is("(")) Parenthesised();
            column.Default = SqlTranslator.Expression(tokens.Skip(start).Take(_at - start).ToList());
        }
    }

    private void Key(SqlTable table, string? name, string? column)
    {
        bool primary = Current.Is("PRIMARY");
        _at += primary ? 2 : 1;
        bool clustered = primary;
        if (Current.IsAny("CLUSTERED", "NONCLUSTERED")) clustered = tokens[_at++].Is("CLUSTERED");
        List<(string, bool)> columns = Current.Is("(") || column is null ? KeyColumns() : [(column, false)];
        Options();
        name ??= $"{(primary ? "PK" : "UQ")}__{table.Name.TrimStart('#')}__{table.Keys.Count:X8}";
        table.Keys.Add(new SqlTableKey(name, columns) { Primary = primary, Unique = true, Constraint = true, Clustered = clustered });
    }

    private void Index(SqlTable table)
    {
        _at++;
        string name = Name();
        bool unique = Current.Is("UNIQUE");
        if (unique) _at++;
        bool clustered = false;
        if (Current.IsAny("CLUSTERED", "NONCLUSTERED")) clustered = tokens[_at++].Is("CLUSTERED");
        table.Keys.Add(new SqlTableKey(name, KeyColumns()) { Unique = unique, Clustered = clustered });
        Options();
    }

    private void Check(SqlTable table, string? name)
    {
        _at++;
        table.Checks.Add(new SqlTableCheck(name ?? $"CK__{table.Name.TrimStart('#')}__{table.Checks.Count:X8}", Parenthesised()));
    }

    public static List<(string Column, bool Descending)> KeyColumns(IReadOnlyList<SqlToken> tokens, ref int at)
    {
        var parser = new SqlTableParser(tokens) { _at = at };
        List<(string, bool)> columns = parser.KeyColumns();
        at = parser._at;
        return columns;
    }

    private List<(string Column, bool Descending)> KeyColumns()
    {
        var columns = new List<(string, bool)>();
        Expect("(");
        while (!Current.Is(")"))
        {
            string name = Name();
            bool descending = Current.Is("DESC");
            if (Current.IsAny("ASC", "DESC")) _at++;
            columns.Add((name, descending));
            if (Current.Is(",")) _at++;
        }
        _at++;
        return columns;
    }

    private void Options()
    {
        if (!Current.Is("WITH")) return;
        _at++;
        Parenthesised();
    }

    private TdsType Type()
    {
        int end = _at + 1;
        if (end < tokens.Count && tokens[end].Is("("))
        {
            while (!tokens[end].Is(")")) end++;
            end++;
        }
        string declared = string.Concat(tokens.Skip(_at).Take(end - _at));
        _at = end;
        return TdsType.Parse(declared);
    }

    /// <summary>A parenthesised expression, translated.</summary>
    private string Parenthesised()
    {
        int start = _at;
        int depth = 0;
        do
        {
            if (_at >= tokens.Count) throw ServerError.Syntax("end of statement");
            depth += Current.Is("(") ? 1 : Current.Is(")") ? -1 : 0;
            _at++;
        }
        while (depth > 0);
        return SqlTranslator.Expression(tokens.Skip(start).Take(_at - start).ToList());
    }

    private string Name()
    {
        if (!Current.IsName) throw ServerError.Syntax(Current.Value);
        return tokens[_at++].Value;
    }

    private void Expect(string symbol)
    {
        if (!Current.Is(symbol)) throw ServerError.Syntax(Current.Value ?? "end of statement");
        _at++;
    }

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
