namespace Dynamo.Pipeline.Tests;

internal abstract record SqlStatement;

internal sealed record SqlBlock(List<SqlStatement> Statements) : SqlStatement;

internal sealed record SqlIf(List<SqlToken> Condition, SqlStatement Then, SqlStatement? Else) : SqlStatement;

internal sealed record SqlWhile(List<SqlToken> Condition, SqlStatement Body) : SqlStatement;

internal sealed record SqlTry(SqlStatement Body, SqlStatement Handler) : SqlStatement;

internal sealed record SqlSimple(List<SqlToken> Tokens) : SqlStatement
{
    public SqlToken First => Tokens[0];

    public SqlToken At(int index) => index < Tokens.Count ? Tokens[index] : default;
}

/// <summary>
/// Cuts a batch into statements. T-SQL needs no semicolons, so a statement ends where a word begins another one that its own
/// grammar does not expect there.
/// </summary>
internal sealed class SqlScript
{
    private static readonly HashSet<string> Starts = new(
        ["ALTER", "BEGIN", "COMMIT", "CREATE", "DECLARE", "DELETE", "DROP", "ELSE", "END", "EXEC", "EXECUTE", "IF", "INSERT", "MERGE",
            "PRINT", "RAISERROR", "RETURN", "ROLLBACK",
            "SAVE", "SELECT", "SET", "THROW", "TRUNCATE", "UPDATE", "USE", "WAITFOR", "WHILE"],
        StringComparer.OrdinalIgnoreCase);

    private readonly List<SqlToken> _tokens;
    private int _at;

    private SqlScript(List<SqlToken> tokens) => _tokens = tokens;

    private SqlToken Current => _at < _tokens.Count ? _tokens[_at] : default;

    private SqlToken Following => _at + 1 < _tokens.Count ? _tokens[_at + 1] : default;

    public static SqlBlock Parse(string sql) => Parse(SqlTokenizer.Cut(sql));

    public static SqlBlock Parse(List<SqlToken> tokens)
    {
        var script = new SqlScript(tokens);
        var statements = new List<SqlStatement>();
        while (script.SkipSemicolons()) statements.Add(script.Statement());
        return new SqlBlock(statements);
    }

    private bool SkipSemicolons()
    {
        while (Current.Is(";")) _at++;
        return _at < _tokens.Count;
    }

    private SqlStatement Statement()
    {
        if (Current.Is("IF")) return If();
        if (Current.Is("WHILE")) return While();
        if (Current.Is("BEGIN") && Following.Is("TRY")) return Try();
        if (Current.Is("BEGIN") && !Following.IsAny("TRAN", "TRANSACTION")) return Block();
        if (!Current.Is("WITH") && !Current.IsName) throw ServerError.Syntax(Current.Value);
        if (Current.IsAny("MERGE", "WAITFOR")) throw ServerError.NotSupported(Current.Value);
        return Simple();
    }

    private SqlIf If()
    {
        _at++;
        List<SqlToken> condition = Condition();
        SkipSemicolons();
        SqlStatement then = Statement();
        int mark = _at;
        SkipSemicolons();
        if (!Current.Is("ELSE"))
        {
            _at = mark;
            return new SqlIf(condition, then, null);
        }
        _at++;
        SkipSemicolons();
        return new SqlIf(condition, then, Statement());
    }

    private SqlWhile While()
    {
        _at++;
        List<SqlToken> condition = Condition();
        SkipSemicolons();
        return new SqlWhile(condition, Statement());
    }

    /// <summary>Up to the first word, outside parentheses and CASE, that begins a statement.</summary>
    private List<SqlToken> Condition()
    {
        var condition = new List<SqlToken>();
        int depth = 0;
        while (_at < _tokens.Count && !(depth == 0 && (IsStart(Current) || Current.Is("WITH")))) condition.Add(Take(ref depth));
        return condition;
    }

    private SqlTry Try()
    {
        _at += 2;
        SqlBlock body = UntilEnd();
        Expect("TRY");
        SkipSemicolons();
        Expect("BEGIN");
        Expect("CATCH");
        SqlBlock handler = UntilEnd();
        Expect("CATCH");
        return new SqlTry(body, handler);
    }

    private SqlBlock Block()
    {
        _at++;
        return UntilEnd();
    }

    private SqlBlock UntilEnd()
    {
        var statements = new List<SqlStatement>();
        while (SkipSemicolons() && !Current.Is("END")) statements.Add(Statement());
        Expect("END");
        return new SqlBlock(statements);
    }

    private SqlSimple Simple()
    {
        var taken = new List<SqlToken>();
        int depth = 0;
        bool wholeRest = Current.Is("CREATE") && Following.IsAny("TRIGGER", "VIEW", "PROCEDURE");
        taken.Add(Take(ref depth));
        while (_at < _tokens.Count && (wholeRest || !EndsHere(taken, depth))) taken.Add(Take(ref depth));
        return new SqlSimple(taken);
    }

    private bool EndsHere(List<SqlToken> taken, int depth)
    {
        if (depth > 0) return false;
        if (Current.Is(";")) return true;
        return IsStart(Current) && !Continues(taken);
    }

    /// <summary>Whether the current word belongs to the statement under way although it could begin one.</summary>
    private bool Continues(List<SqlToken> taken)
    {
        SqlToken first = taken[0];
        SqlToken last = taken[^1];
        if (Current.Is("SELECT"))
            return first.Is("INSERT")
                ? !Has(taken, "SELECT", "VALUES") || IsSetOperator(last)
                : first.Is("WITH")
                ? !HasMain(taken) || IsSetOperator(last)
                : IsSetOperator(last);
        if (Current.Is("SET")) return (first.Is("UPDATE") || first.Is("WITH")) && !Has(taken, "SET");
        if (Current.Is("IF")) return first.Is("DROP");
        if (Current.IsAny("DROP", "ALTER")) return first.Is("ALTER");
        if (Current.IsAny("INSERT", "UPDATE", "DELETE"))
            return (first.Is("WITH") && !HasMain(taken)) || last.IsAny("FOR", "AFTER", "ON", "OF", ",");
        return false;
    }

    private static bool IsSetOperator(SqlToken token) => token.IsAny("UNION", "ALL", "EXCEPT", "INTERSECT");

    private static bool HasMain(List<SqlToken> taken)
    {
        int depth = 0;
        foreach (SqlToken token in taken)
        {
            depth += token.Is("(") ? 1 : token.Is(")") ? -1 : 0;
            if (depth == 0 && token.IsAny("SELECT", "INSERT", "UPDATE", "DELETE")) return true;
        }
        return false;
    }

    private static bool Has(List<SqlToken> taken, params string[] words) => taken.Any(t => words.Any(t.Is));

    private static bool IsStart(SqlToken token) => token.Kind == SqlTokenKind.Word && Starts.Contains(token.Value);

    /// <summary>CASE … END counts as a pair of parentheses.</summary>
    private SqlToken Take(ref int depth)
    {
        SqlToken token = Current;
        if (token.Is("(") || token.Is("CASE")) depth++;
        else if (token.Is(")") || (token.Is("END") && depth > 0)) depth--;
        _at++;
        return token;
    }

    private void Expect(string word)
    {
        if (!Current.Is(word)) throw ServerError.Syntax(Current.Value ?? "end of batch");
        _at++;
    }
}
