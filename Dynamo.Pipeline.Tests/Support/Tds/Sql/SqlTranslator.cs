using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// T-SQL data statements, rewritten for SQLite. Names become quoted and flat, hints go, TOP becomes LIMIT, OUTPUT becomes
/// RETURNING.
/// </summary>
internal static class SqlTranslator
{
    private static readonly Dictionary<string, string> Functions = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ISNULL"] = "ifnull",
        ["LEN"] = "tds_len",
        ["DATALENGTH"] = "tds_datalength",
        ["COUNT_BIG"] = "count",
        ["GETUTCDATE"] = "tds_now",
        ["GETDATE"] = "tds_now",
        ["SYSUTCDATETIME"] = "tds_now",
        ["SYSDATETIME"] = "tds_now",
        ["NEWID"] = "tds_newid",
        ["LEFT"] = "tds_left",
        ["RIGHT"] = "tds_right",
    };

    public static string Expression(List<SqlToken> tokens) => Render(tokens);

    /// <summary>A statement that begins with SELECT, INSERT, UPDATE, DELETE or WITH.</summary>
    public static string Statement(List<SqlToken> tokens)
    {
        int main = MainWord(tokens);
        string prefix = main == 0 ? "" : Render(tokens[..main]) + " ";
        List<SqlToken> rest = tokens[main..];
        return prefix + (rest[0].Value.ToUpperInvariant() switch
        {
            "SELECT" => Render(rest),
            "INSERT" => Insert(rest),
            "UPDATE" => SqlJoinedChange.Update(rest),
            "DELETE" => SqlJoinedChange.Delete(rest),
            _ => throw ServerError.NotSupported(rest[0].Value),
        });
    }

    private static int MainWord(List<SqlToken> tokens)
    {
        if (!tokens[0].Is("WITH")) return 0;
        int depth = 0;
        for (int i = 1; i < tokens.Count; i++)
        {
            depth += tokens[i].Is("(") ? 1 : tokens[i].Is(")") ? -1 : 0;
            if (depth == 0 && tokens[i].IsAny("SELECT", "INSERT", "UPDATE", "DELETE")) return i;
        }
        throw ServerError.Syntax("WITH");
    }

    private static string Insert(List<SqlToken> tokens)
    {
        int at = tokens[1].Is("INTO") ? 2 : 1;
        string target = SqlToken.Quote(SqlNames.Read(tokens, ref at));
        at = SqlClauses.SkipHints(tokens, at);
        int end = at;
        if (tokens[at].Is("(")) end = SqlClauses.Closing(tokens, at) + 1;
        string columns = Render(tokens[at..end]);
        string output = "";
        int body = end;
        if (tokens[body].Is("OUTPUT"))
        {
            body = SqlClauses.Find(tokens, body, "VALUES", "SELECT", "DEFAULT");
            output = SqlClauses.Returning(tokens[(end + 1)..body], "inserted");
        }
        return $"INSERT INTO {target} {columns} {Render(tokens[body..])} {output}";
    }

    /// <summary>The general rewriting, of a whole query or of a part of one.</summary>
    public static string Render(IReadOnlyList<SqlToken> tokens)
    {
        var sql = new StringBuilder();
        var limits = new Stack<(int Depth, string Limit)>();
        int depth = 0;
        for (int i = 0; i < tokens.Count;)
        {
            SqlToken token = tokens[i];
            if (token.Is("(")) depth++;
            if (token.Is(")") || token.Is("UNION"))
            {
                Limit(sql, limits, depth);
                if (token.Is(")")) depth--;
            }
            if (Top(tokens, ref i, depth, limits, sql)) continue;
            if (Page(tokens, ref i, sql)) continue;
            if (Hints(tokens, ref i)) continue;
            if (Conversion(tokens, ref i, sql)) continue;
            if (Collation(tokens, ref i, sql)) continue;
            if (DatePart(tokens, ref i, sql)) continue;
            if (Name(tokens, ref i, sql)) continue;
            sql.Append(token.Is("+") && JoinsText(tokens, i) ? "||" : token.Sqlite).Append(' ');
            i++;
        }
        Limit(sql, limits, 0);
        return sql.ToString();
    }

    private static void Limit(StringBuilder sql, Stack<(int Depth, string Limit)> limits, int depth)
    {
        if (limits.Count > 0 && limits.Peek().Depth == depth) sql.Append(limits.Pop().Limit);
    }

    private static bool Top(
        IReadOnlyList<SqlToken> tokens, ref int i, int depth, Stack<(int Depth, string Limit)> limits, StringBuilder sql)
    {
        if (!tokens[i].Is("TOP") || i == 0 || !tokens[i - 1].IsAny("SELECT", "DISTINCT")) return false;
        int end = tokens[i + 1].Is("(") ? SqlClauses.Closing(tokens, i + 1) + 1 : i + 2;
        limits.Push((depth, $" LIMIT {string.Join(' ', tokens.Skip(i + 1).Take(end - i - 1).Select(t => t.Sqlite))} "));
        i = end;
        return true;
    }

    /// <summary>OFFSET n ROWS FETCH NEXT m ROWS ONLY.</summary>
    private static bool Page(IReadOnlyList<SqlToken> tokens, ref int i, StringBuilder sql)
    {
        if (!tokens[i].Is("OFFSET") || i + 2 >= tokens.Count || !tokens[i + 2].IsAny("ROW", "ROWS")) return false;
        bool fetches = i + 7 < tokens.Count && tokens[i + 3].Is("FETCH");
        sql.Append($"LIMIT {(fetches ? tokens[i + 5].Sqlite : "-1")} OFFSET {tokens[i + 1].Sqlite} ");
        i += fetches ? 8 : 3;
        return true;
    }

    private static bool Hints(IReadOnlyList<SqlToken> tokens, ref int i)
    {
        // INNER LOOP JOIN: how to join is SQLite's own choice.
        bool joins = tokens[i].Is("LOOP") && i + 1 < tokens.Count && tokens[i + 1].Is("JOIN");
        int behind = joins
            ? i + 1
            : tokens[i].Is("OPTION") && i + 1 < tokens.Count && tokens[i + 1].Is("(")
            ? SqlClauses.Closing(tokens, i + 1) + 1
            : SqlClauses.SkipHints(tokens, i);
        if (behind == i) return false;
        i = behind;
        return true;
    }

    /// <summary>CAST(x AS type), TRY_CAST, CONVERT(type, x): a function of ours is told the type.</summary>
    private static bool Conversion(IReadOnlyList<SqlToken> tokens, ref int i, StringBuilder sql)
    {
        if (!tokens[i].IsAny("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT") || i + 1 >= tokens.Count || !tokens[i + 1].Is("(")) return false;
        int end = SqlClauses.Closing(tokens, i + 1);
        List<SqlToken> inside = tokens.Skip(i + 2).Take(end - i - 2).ToList();
        (List<SqlToken> value, List<SqlToken> type) = SqlClauses.SplitConversion(inside, tokens[i].IsAny("CAST", "TRY_CAST"));
        sql.Append($"{(tokens[i].Value.StartsWith('T') ? "tds_try_convert" : "tds_convert")}('{string.Concat(type)}', {Render(value)}) ");
        i = end + 1;
        return true;
    }

    private static bool Collation(IReadOnlyList<SqlToken> tokens, ref int i, StringBuilder sql)
    {
        if (!tokens[i].Is("COLLATE") || i + 1 >= tokens.Count) return false;
        sql.Append($"COLLATE {StoreFunctions.Collation(tokens[i + 1].Value)} ");
        i += 2;
        return true;
    }

    /// <summary>DATEDIFF(hour, …): a function of ours gets the part as a text.</summary>
    private static bool DatePart(IReadOnlyList<SqlToken> tokens, ref int i, StringBuilder sql)
    {
        if (i < 2 || !tokens[i - 1].Is("(") || !tokens[i - 2].Is("DATEDIFF")) return false;
        sql.Append($"'{tokens[i].Value}' ");
        i++;
        return true;
    }

    private static bool Name(IReadOnlyList<SqlToken> tokens, ref int i, StringBuilder sql)
    {
        SqlToken token = tokens[i];
        if (!token.IsName || (i > 0 && tokens[i - 1].Is("."))) return false;
        bool called = i + 1 < tokens.Count && tokens[i + 1].Is("(");
        if (called && token.Kind == SqlTokenKind.Word && !(i > 0 && tokens[i - 1].IsAny("INTO", "TABLE", "AS")))
        {
            if (SqlWords.IsKeyword(token.Value) && !Functions.ContainsKey(token.Value)) return false;
            sql.Append(Functions.GetValueOrDefault(token.Value, token.Value));
            i++;
            return true;
        }
        if (i + 1 >= tokens.Count || !tokens[i + 1].Is(".") || !SqlNames.IsQualifier(token.Value)) return false;
        int behind = i + 2;
        // Of database.schema.table all parts are the table's; of schema.table.column the last is not.
        while (behind < tokens.Count && tokens[behind].Is(".")) behind++;
        if (behind + 1 < tokens.Count && tokens[behind + 1].Is(".") && SqlNames.IsQualifier(tokens[behind].Value)) behind += 2;
        int start = i;
        int at = 0;
        sql.Append(SqlToken.Quote(SqlNames.Read(tokens.Skip(start).Take(behind + 1 - start).ToList(), ref at))).Append(' ');
        i = behind + 1;
        return true;
    }

    /// <summary>A plus next to a text joins texts; SQLite would add numbers.</summary>
    private static bool JoinsText(IReadOnlyList<SqlToken> tokens, int i)
    {
        for (int at = i; at >= 0 && !tokens[at].IsAny("(", ",", "SELECT", "WHERE", "="); at--)
        {
            if (tokens[at].Kind == SqlTokenKind.Text) return true;
        }
        for (int at = i; at < tokens.Count && !tokens[at].IsAny(")", ",", "FROM", "WHERE", "="); at++)
        {
            if (tokens[at].Kind == SqlTokenKind.Text) return true;
        }
        return false;
    }
}
