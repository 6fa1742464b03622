namespace Dynamo.Pipeline.Tests;

/// <summary>Runs batches: control flow, variables, settings.</summary>
internal sealed partial class SqlSession
{
    /// <exception cref="ServerError">The batch has ended early; nothing of it has been reported yet.</exception>
    /// <exception cref="OperationCanceledException">The client has cancelled.</exception>
    public void RunBatch(string sql, Dictionary<string, SqlVariable> variables, ISqlOutput output, CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        using CancellationTokenRegistration interrupting = cancellationToken.Register(Interrupt);
        var scope = new Scope(variables, output);
        Run(SqlScript.Parse(sql), scope);
    }

    private void Run(SqlStatement statement, Scope scope)
    {
        if (scope.Returned) return;
        switch (statement)
        {
            case SqlBlock block:
                foreach (SqlStatement inner in block.Statements) Run(inner, scope);
                break;
            case SqlIf choice:
                SqlStatement? branch = Holds(choice.Condition, scope) ? choice.Then : choice.Else;
                if (branch is not null) Run(branch, scope);
                break;
            case SqlWhile loop:
                while (!scope.Returned && Holds(loop.Condition, scope)) Run(loop.Body, scope);
                break;
            case SqlTry attempt:
                RunTry(attempt, scope);
                break;
            case SqlSimple simple:
                RunSimple(simple, scope);
                break;
        }
    }

    private void RunTry(SqlTry attempt, Scope scope)
    {
        try
        {
            Run(attempt.Body, scope with { Catching = true });
        }
        catch (ServerError error) when (!error.EndsConnection)
        {
            _caught = error;
            if (error.EndsTransaction && TransactionDepth > 0) Rollback(scope.Output);
            Run(attempt.Handler, scope);
        }
    }

    /// <summary>Some errors end their statement only, unless XACT_ABORT is on or somebody catches.</summary>
    private void RunSimple(SqlSimple statement, Scope scope)
    {
        _cancellation.ThrowIfCancellationRequested();
        try
        {
            Dispatch(statement, scope);
        }
        catch (ServerError error) when (error.EndsStatementOnly && !_xactAbort && !scope.Catching)
        {
            _rowCount = 0;
            scope.Output.Error(error);
        }
    }

    private void Dispatch(SqlSimple statement, Scope scope)
    {
        SqlToken second = statement.At(1);
        switch (statement.First.Value.ToUpperInvariant())
        {
            case "SET" when second.Kind == SqlTokenKind.Variable: Assign(statement.Tokens, 1, scope); break;
            case "SET": Set(statement); break;
            case "DECLARE": Declare(statement.Tokens, scope); break;
            case "BEGIN": Begin(scope.Output); Done(scope); break;
            case "COMMIT": Commit(scope.Output); Done(scope); break;
            case "ROLLBACK" when statement.At(2).IsName: _store.Run($"ROLLBACK TO {SqlToken.Quote(statement.At(2).Value)}"); break;
            case "ROLLBACK": Rollback(scope.Output); Done(scope); break;
            case "SAVE": _store.Run($"SAVEPOINT {SqlToken.Quote(statement.At(2).Value)}"); break;
            case "CREATE" or "DROP" or "TRUNCATE" or "ALTER": Define(statement, scope); break;
            case "EXEC" or "EXECUTE": Execute(statement.Tokens, scope); break;
            case "THROW" when statement.Tokens.Count == 1: throw _caught ?? ServerError.Syntax("THROW");
            case "THROW": throw new ServerError(
                int.Parse(second.Value, System.Globalization.CultureInfo.InvariantCulture), statement.At(3).Value);
            case "RAISERROR": Raise(statement); break;
            case "PRINT": scope.Output.Info(
                Convert.ToString(Value(statement.Tokens[1..], scope), System.Globalization.CultureInfo.InvariantCulture) ?? ""); break;
            case "RETURN": scope.State.Returned = true; break;
            case "USE": break;
            case "SELECT" when IsAssignment(statement.Tokens): AssignFromSelect(statement.Tokens, scope); break;
            case "SELECT" when SqlClauses.Find(statement.Tokens, 0, "INTO") < SqlClauses.Find(statement.Tokens, 0, "FROM"):
                SelectInto(statement.Tokens, scope);
                break;
            case "INSERT" when second.Is("BULK"): PrepareBulk(statement.Tokens, scope); break;
            case "SELECT" or "INSERT" or "UPDATE" or "DELETE" or "WITH": Query(statement.Tokens, scope); break;
            default: throw ServerError.Syntax(statement.First.Value);
        }
    }

    private void Set(SqlSimple statement)
    {
        bool on = statement.Tokens[^1].Is("ON");
        if (statement.At(1).Is("NOCOUNT")) _noCount = on;
        else if (statement.At(1).Is("XACT_ABORT")) _xactAbort = on;
    }

    private static void Raise(SqlSimple statement)
    {
        SqlToken severity = statement.At(4);
        throw new ServerError(50000, statement.At(2).Value, byte.TryParse(severity.Value, out byte level) ? level : (byte)16);
    }

    private void Declare(List<SqlToken> tokens, Scope scope)
    {
        foreach (List<SqlToken> part in SqlClauses.SplitCommas(tokens[1..]))
        {
            int equals = SqlClauses.Find(part, 0, "=");
            int type = part[1].Is("AS") ? 2 : 1;
            if (part[type].Is("TABLE")) throw ServerError.NotSupported("table variables");
            scope.Variables[part[0].Value] = new SqlVariable(TdsType.Parse(string.Concat(part[type..equals])));
            if (equals < part.Count) Assign([part[0], .. part[equals..]], 0, scope);
        }
    }

    private void Assign(List<SqlToken> tokens, int at, Scope scope) => Store(tokens[at], Value(tokens[(at + 2)..], scope), scope);

    private static void Store(SqlToken variable, object? value, Scope scope)
    {
        if (!scope.Variables.TryGetValue(variable.Value, out SqlVariable? known))
            throw new ServerError(137, $"Must declare the scalar variable \"{variable.Value}\".", 15);
        known.Value = StoreFunctions.Convert(known.Type.Declared, value);
    }

    private static bool IsAssignment(List<SqlToken> tokens) =>
        BehindTop(tokens) is var at && tokens.Count > at + 1 && tokens[at].Kind == SqlTokenKind.Variable && tokens[at + 1].Is("=");

    /// <summary>Where the first item of a SELECT is.</summary>
    private static int BehindTop(List<SqlToken> tokens) =>
        tokens.Count < 3 || !tokens[1].Is("TOP") ? 1 : tokens[2].Is("(") ? SqlClauses.Closing(tokens, 2) + 1 : 3;

    private void AssignFromSelect(List<SqlToken> tokens, Scope scope)
    {
        int from = SqlClauses.Find(tokens, 0, "FROM", "WHERE");
        int first = BehindTop(tokens);
        List<List<SqlToken>> items = SqlClauses.SplitCommas(tokens[first..from]);
        List<SqlToken> query = [.. tokens[..first]];
        foreach (List<SqlToken> item in items)
        {
            if (query.Count > first) query.Add(new SqlToken(SqlTokenKind.Symbol, ","));
            query.AddRange(item[2..]);
        }
        query.AddRange(tokens[from..]);
        List<object?[]> rows = Fetch(query, scope);
        _rowCount = rows.Count;
        if (rows.Count == 0) return;
        for (int i = 0; i < items.Count; i++) Store(items[i][0], rows[^1][i], scope);
    }

    private object? Value(List<SqlToken> expression, Scope scope) =>
        Fetch([new SqlToken(SqlTokenKind.Word, "SELECT"), .. expression], scope) is [var row, ..] ? row[0] : null;

    private bool Holds(List<SqlToken> condition, Scope scope)
    {
        static SqlToken Word(string word) => new(SqlTokenKind.Word, word);
        return Value(
            [Word("CASE"), Word("WHEN"), .. condition, Word("THEN"), new(SqlTokenKind.Number, "1"), Word("ELSE"),
                new(SqlTokenKind.Number, "0"),
                Word("END")],
            scope) is 1L;
    }

    private void Done(Scope scope, ushort command = SqlCommandKind.None, long? rows = null) =>
        scope.Output.StatementDone(command, _noCount ? null : rows);

    /// <summary>What the statements of a batch share.</summary>
    private sealed record Scope(Dictionary<string, SqlVariable> Variables, ISqlOutput Output)
    {
        public Flow State { get; } = new();

        public bool Catching { get; init; }

        public bool Returned => State.Returned;
    }

    private sealed class Flow
    {
        public bool Returned { get; set; }
    }
}
