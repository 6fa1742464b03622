namespace Dynamo.Pipeline.Tests;

/// <summary>UPDATE and DELETE, whose T-SQL form joins the target with other tables by its alias.</summary>
internal static class SqlJoinedChange
{
    public static string Update(List<SqlToken> tokens)
    {
        int at = 1;
        string named = SqlNames.Read(tokens, ref at);
        at = SqlClauses.SkipHints(tokens, at);
        int output = SqlClauses.Find(tokens, at, "OUTPUT");
        int from = SqlClauses.Find(tokens, at, "FROM");
        int where = SqlClauses.Find(tokens, at, "WHERE");
        int setEnd = Math.Min(output, Math.Min(from, where));
        string set = string.Join(", ", SqlClauses.SplitCommas(tokens[(at + 1)..setEnd]).Select(Assignment));
        string returning = output < tokens.Count ? SqlClauses.Returning(tokens[(output + 1)..Math.Min(from, where)], "inserted") : "";
        List<SqlToken> condition = where < tokens.Count ? tokens[(where + 1)..] : [];
        if (from == tokens.Count) return $"UPDATE {SqlToken.Quote(named)} SET {set} {Where([condition])} {returning}";

        List<Source> sources = Sources(tokens[(from + 1)..where]);
        Source target = Target(sources, named);
        sources.Remove(target);
        string others = sources.Count == 0 ? "" : "FROM " + string.Join(", ", sources.Select(s => s.Sql));
        return $"UPDATE {target.Sql} SET {set} {others} {Where([condition, target.On, .. sources.Select(s => s.On)])} {returning}";
    }

    public static string Delete(List<SqlToken> tokens)
    {
        int at = tokens[1].Is("FROM") ? 2 : 1;
        string named = SqlNames.Read(tokens, ref at);
        at = SqlClauses.SkipHints(tokens, at);
        int output = SqlClauses.Find(tokens, at, "OUTPUT");
        int from = SqlClauses.Find(tokens, at, "FROM");
        int where = SqlClauses.Find(tokens, at, "WHERE");
        string returning = output < tokens.Count ? SqlClauses.Returning(tokens[(output + 1)..Math.Min(from, where)], "deleted") : "";
        List<SqlToken> condition = where < tokens.Count ? tokens[(where + 1)..] : [];
        if (from == tokens.Count) return $"DELETE FROM {SqlToken.Quote(named)} {Where([condition])} {returning}";

        Source target = Target(Sources(tokens[(from + 1)..where]), named);
        string join = SqlTranslator.Render(tokens[from..where]);
        return $"DELETE FROM {SqlToken.Quote(target.Table)} WHERE rowid IN (SELECT {SqlToken.Quote(target.Alias)}.rowid {join} "
            + $"{Where([condition])}) {returning}";
    }

    private static string Where(IEnumerable<List<SqlToken>> conditions)
    {
        string all = string.Join(" AND ", conditions.Where(c => c.Count > 0).Select(c => $"({SqlTranslator.Render(c)})"));
        return all.Length == 0 ? "" : "WHERE " + all;
    }

    /// <summary><c>t.A = s.A</c>: SQLite wants the assigned column bare.</summary>
    private static string Assignment(List<SqlToken> tokens)
    {
        int equals = tokens.FindIndex(t => t.IsAny("=", "+=", "-="));
        if (equals < 1) throw ServerError.Syntax(tokens[0].Value);
        string column = tokens[equals - 1].Sqlite;
        string value = SqlTranslator.Render(tokens[(equals + 1)..]);
        return tokens[equals].Is("=") ? $"{column} = {value}" : $"{column} = {column} {tokens[equals].Value[0]} ({value})";
    }

    private static Source Target(List<Source> sources, string named) =>
        sources.Find(s => s.Alias.Equals(named, StringComparison.OrdinalIgnoreCase))
            ?? sources.Find(s => s.Table.Equals(named, StringComparison.OrdinalIgnoreCase))
        ?? throw ServerError.InvalidObject(named);

    /// <summary>
    /// Tables and derived tables joined by commas, JOIN, INNER JOIN or CROSS JOIN, whose conditions may then all go to WHERE.
    /// </summary>
    private static List<Source> Sources(List<SqlToken> tokens)
    {
        var sources = new List<Source>();
        for (int at = 0; at < tokens.Count;)
        {
            if (tokens[at].IsAny("LEFT", "RIGHT", "FULL")) throw ServerError.NotSupported("an outer join here");
            if (tokens[at].IsAny(",", "INNER", "CROSS", "LOOP", "JOIN"))
            {
                at++;
                continue;
            }
            sources.Add(ReadSource(tokens, ref at));
        }
        return sources;
    }

    private static Source ReadSource(List<SqlToken> tokens, ref int at)
    {
        string table;
        string sql;
        if (tokens[at].Is("("))
        {
            int end = SqlClauses.Closing(tokens, at);
            table = "";
            sql = SqlTranslator.Render(tokens[at..(end + 1)]);
            at = end + 1;
        }
        else
        {
            table = SqlNames.Read(tokens, ref at);
            sql = SqlToken.Quote(table);
        }
        if (at < tokens.Count && tokens[at].Is("AS")) at++;
        string alias = table;
        if (at < tokens.Count && tokens[at].IsName && !tokens[at].IsAny("ON", "JOIN", "INNER", "CROSS", "WITH", "LEFT", "RIGHT", "FULL"))
            alias = tokens[at++].Value;
        at = SqlClauses.SkipHints(tokens, at);
        List<SqlToken> on = [];
        if (at < tokens.Count && tokens[at].Is("ON"))
        {
            int end = SqlClauses.Find(tokens, at, "JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", ",");
            on = tokens[(at + 1)..end];
            at = end;
        }
        return new Source(table, alias, $"{sql} AS {SqlToken.Quote(alias)}", on);
    }

    private sealed record Source(string Table, string Alias, string Sql, List<SqlToken> On);
}
