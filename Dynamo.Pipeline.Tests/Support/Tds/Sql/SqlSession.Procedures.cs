using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>An argument of a procedure call.</summary>
internal sealed record SqlArgument(string Name, TdsType Type, object? Value, bool Output)
{
    /// <summary>What the procedure leaves behind in an output argument.</summary>
    public object? Result { get; set; } = Value;
}

/// <summary>EXEC, and RPC.</summary>
internal sealed partial class SqlSession
{
    /// <summary>Runs a procedure called by RPC.</summary>
    /// <returns>Its return status.</returns>
    public int RunProcedure(string name, IReadOnlyList<SqlArgument> arguments, ISqlOutput output, CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        using CancellationTokenRegistration interrupting = cancellationToken.Register(Interrupt);
        var scope = new Scope(new(StringComparer.OrdinalIgnoreCase), output);
        return Call(SqlNames.Flat(name), arguments, scope);
    }

    /// <summary><c>EXEC @rc = name @p = value, …</c></summary>
    private void Execute(List<SqlToken> tokens, Scope scope)
    {
        int at = 1;
        if (tokens[at].Is("("))
        {
            string? sql = Value(tokens[2..SqlClauses.Closing(tokens, 1)], scope) as string;
            Run(SqlScript.Parse(sql ?? ""), new Scope(new(StringComparer.OrdinalIgnoreCase), scope.Output) { Catching = scope.Catching });
            return;
        }
        SqlToken? status = tokens[at].Kind == SqlTokenKind.Variable ? tokens[at] : null;
        if (status is not null) at += 2;
        string name = SqlNames.Read(tokens, ref at);
        List<SqlArgument> arguments = [];
        List<List<SqlToken>> parts = at < tokens.Count ? SqlClauses.SplitCommas(tokens[at..]) : [];
        foreach (List<SqlToken> part in parts) arguments.Add(Argument(part, scope));
        int returned = Call(name, arguments, scope);
        if (status is SqlToken variable) Store(variable, (long)returned, scope);
        for (int i = 0; i < parts.Count; i++)
        {
            if (arguments[i].Output)
                Store(parts[i].First(t => t.Kind == SqlTokenKind.Variable && scope.Variables.ContainsKey(t.Value)), arguments[i].Result,
                    scope);
        }
    }

    private SqlArgument Argument(List<SqlToken> part, Scope scope)
    {
        bool named = part.Count > 2 && part[0].Kind == SqlTokenKind.Variable && part[1].Is("=");
        bool output = part[^1].IsAny("OUTPUT", "OUT");
        List<SqlToken> value = part[(named ? 2 : 0)..(output ? part.Count - 1 : part.Count)];
        object? found = value is [{ Kind: SqlTokenKind.Word } word] && !word.Is("NULL") ? word.Value : Value(value, scope);
        TdsType type = value[0].Kind == SqlTokenKind.Variable
            && scope.Variables.TryGetValue(value[0].Value, out SqlVariable? variable) ? variable.Type
            : found is long ? TdsType.Int : found is double ? TdsType.Float : TdsType.Text;
        return new SqlArgument(named ? part[0].Value : "", type, found, output);
    }

    private int Call(string name, IReadOnlyList<SqlArgument> arguments, Scope scope)
    {
        switch (name.Split('.')[^1].ToUpperInvariant())
        {
            case "SP_EXECUTESQL": return ExecuteSql(arguments, scope);
            case "SP_GETAPPLOCK": return TakeAppLock(arguments);
            case "SP_RELEASEAPPLOCK": return ReleaseAppLock(arguments);
            case "SP_TABLECOLLATIONS_100": return TableCollations((string)arguments[0].Value!, scope);
            case "SP_RESET_CONNECTION": Reset(); return 0;
            default: return CallOwn(name, arguments, scope);
        }
    }

    private int ExecuteSql(IReadOnlyList<SqlArgument> arguments, Scope scope)
    {
        var variables = new Dictionary<string, SqlVariable>(StringComparer.OrdinalIgnoreCase);
        List<string> names = arguments.Count < 2
            ? []
            : SqlClauses.SplitCommas(SqlTokenizer.Cut(arguments[1].Value as string ?? "")).ConvertAll(p => p[0].Value);
        for (int i = 2; i < arguments.Count; i++)
        {
            string name = arguments[i].Name.Length > 0 ? arguments[i].Name : names[i - 2];
            variables[name] = new SqlVariable(arguments[i].Type) { Value = arguments[i].Value };
        }
        Run(SqlScript.Parse((string)arguments[0].Value!), new Scope(variables, scope.Output) { Catching = scope.Catching });
        for (int i = 2; i < arguments.Count; i++)
            arguments[i].Result = variables[arguments[i].Name.Length > 0 ? arguments[i].Name : names[i - 2]].Value;
        return 0;
    }

    private int CallOwn(string name, IReadOnlyList<SqlArgument> arguments, Scope scope)
    {
        if (!_shared.Procedures.TryGetValue(name, out SqlProcedure? procedure))
            throw new ServerError(2812, $"Could not find stored procedure '{name}'.", 16, 62);
        if (_shared.Rights.Refuse("EXECUTE", name) is { } refused) throw refused;
        var variables = new Dictionary<string, SqlVariable>(StringComparer.OrdinalIgnoreCase);
        foreach ((string parameter, TdsType type) in procedure.Parameters) variables[parameter] = new SqlVariable(type);
        for (int i = 0; i < arguments.Count; i++)
            variables[arguments[i].Name.Length > 0 ? arguments[i].Name : procedure.Parameters[i].Name].Value = arguments[i].Value;
        try
        {
            _store.ActsForOwner = true;
            Run(SqlScript.Parse(procedure.Body), new Scope(variables, scope.Output) { Catching = scope.Catching });
        }
        finally
        {
            _store.ActsForOwner = false;
        }
        foreach (SqlArgument argument in arguments.Where(a => a.Output && a.Name.Length > 0))
            argument.Result = variables[argument.Name].Value;
        return 0;
    }

    private int TakeAppLock(IReadOnlyList<SqlArgument> arguments)
    {
        string resource = Named(arguments, "@Resource", 0) as string ?? "";
        int timeout = Named(arguments, "@LockTimeout", 3) is object milliseconds
            ? Convert.ToInt32(milliseconds, CultureInfo.InvariantCulture)
            : -1;
        string mode = Named(arguments, "@LockMode", 1) as string ?? "";
        object owner = LockOwner(arguments, 2);
        if (owner == _transactionOwner && TransactionDepth == 0)
            throw new ServerError(1223, "Cannot acquire the application lock: a transaction is required.");
        return _shared.AppLocks.Take(resource, mode, owner, TimeSpan.FromMilliseconds(timeout), _cancellation);
    }

    private int ReleaseAppLock(IReadOnlyList<SqlArgument> arguments)
    {
        if (_shared.AppLocks.Release(Named(arguments, "@Resource", 0) as string ?? "", LockOwner(arguments, 1))) return 0;
        throw new ServerError(1223, "Cannot release the application lock because it is not currently held.");
    }

    private object LockOwner(IReadOnlyList<SqlArgument> arguments, int position) =>
        "Session".Equals(Named(arguments, "@LockOwner", position) as string, StringComparison.OrdinalIgnoreCase) ? this : _transactionOwner;

    private static object? Named(IReadOnlyList<SqlArgument> arguments, string name, int position) =>
        arguments.FirstOrDefault(a => a.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Value
        ?? (position < arguments.Count && arguments[position].Name.Length == 0 ? arguments[position].Value : null);
}
