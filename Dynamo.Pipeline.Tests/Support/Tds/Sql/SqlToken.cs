namespace Dynamo.Pipeline.Tests;

internal enum SqlTokenKind
{
    Word,
    Quoted,
    Text,
    Number,
    Variable,
    Symbol,
}

/// <summary>A token of T-SQL. <paramref name="Value"/> is without quotes.</summary>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Value)
{
    public bool IsName => Kind is SqlTokenKind.Word or SqlTokenKind.Quoted;

    /// <summary>Whether this is the word or symbol. The default token, which stands for the end, is none.</summary>
    public bool Is(string word) =>
        Kind is SqlTokenKind.Word or SqlTokenKind.Symbol && word.Equals(Value, StringComparison.OrdinalIgnoreCase);

    public bool IsAny(params ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (Is(word)) return true;
        }
        return false;
    }

    /// <summary>As SQLite reads it: quoted names, so that no word of SQLite's own gets in the way.</summary>
    public string Sqlite => Kind switch
    {
        SqlTokenKind.Quoted => Quote(Value),
        SqlTokenKind.Text => $"'{Value.Replace("'", "''", StringComparison.Ordinal)}'",
        SqlTokenKind.Variable => Value.Replace("@@", "@__", StringComparison.Ordinal),
        SqlTokenKind.Word when !SqlWords.IsKeyword(Value) => Quote(Value),
        _ => Value,
    };

    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public override string ToString() => Value;
}

internal static class SqlWords
{
    private static readonly HashSet<string> Keywords = new(
        ("ADD ALL ALTER AND AS ASC BEGIN BETWEEN BY CASE CAST CHECK COLLATE COLUMN COMMIT CONSTRAINT CREATE CROSS CURRENT_TIMESTAMP "
            + "DEFAULT DELETE DESC DISTINCT DROP ELSE END " +
        "ESCAPE EXCEPT EXISTS FOREIGN FROM FULL GROUP HAVING IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE LIMIT NOT "
            + "NULL OFFSET ON OR ORDER OUTER OVER PARTITION " +
        "PRIMARY RANGE RECURSIVE REFERENCES RETURNING RIGHT ROLLBACK ROWS SELECT SET TABLE THEN UNBOUNDED PRECEDING FOLLOWING CURRENT "
            + "ROW UNION UNIQUE UPDATE VALUES VIEW WHEN WHERE WITH").Split(' '),
        StringComparer.OrdinalIgnoreCase);

    public static bool IsKeyword(string word) => Keywords.Contains(word);
}

/// <summary>Cuts T-SQL into tokens; comments and the N of N'text' go.</summary>
internal static class SqlTokenizer
{
    public static List<SqlToken> Cut(string sql)
    {
        var tokens = new List<SqlToken>();
        int at = 0;
        while (at < sql.Length)
        {
            char c = sql[at];
            if (char.IsWhiteSpace(c) || c == '\uFEFF') at++;
            else if (c == '-' && Next(sql, at) == '-') at = IndexOr(sql, '\n', at);
            else if (c == '/' && Next(sql, at) == '*')
                at = sql.IndexOf("*/", at + 2, StringComparison.Ordinal) is var end && end < 0 ? sql.Length : end + 2;
            else if (c == '\'') tokens.Add(Enclosed(sql, ref at, '\'', SqlTokenKind.Text));
            else if (c is 'N' or 'n' && Next(sql, at) == '\'')
            {
                at++;
                tokens.Add(Enclosed(sql, ref at, '\'', SqlTokenKind.Text));
            }
            else if (c == '[') tokens.Add(Enclosed(sql, ref at, ']', SqlTokenKind.Quoted));
            else if (c == '"') tokens.Add(Enclosed(sql, ref at, '"', SqlTokenKind.Quoted));
            else if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(Next(sql, at)))) tokens.Add(Number(sql, ref at));
            else if (c == '@') tokens.Add(Run(sql, ref at, SqlTokenKind.Variable));
            else if (IsWordCharacter(c)) tokens.Add(Run(sql, ref at, SqlTokenKind.Word));
            else tokens.Add(Symbol(sql, ref at));
        }
        return tokens;
    }

    private static SqlToken Enclosed(string sql, ref int at, char close, SqlTokenKind kind)
    {
        var value = new System.Text.StringBuilder();
        for (at++; at < sql.Length; at++)
        {
            if (sql[at] != close) value.Append(sql[at]);
            else if (Next(sql, at) == close) value.Append(sql[at++]);
            else
            {
                at++;
                return new SqlToken(kind, value.ToString());
            }
        }
        throw new ServerError(105, $"Unclosed quotation mark after the character string '{value}'.", 15);
    }

    private static SqlToken Number(string sql, ref int at)
    {
        int start = at;
        if (sql[at] == '0' && Next(sql, at) is 'x' or 'X') return Run(sql, ref at, SqlTokenKind.Number);
        while (at < sql.Length && (char.IsAsciiDigit(sql[at]) || sql[at] == '.')) at++;
        if (at < sql.Length && sql[at] is 'e' or 'E')
        {
            at++;
            if (at < sql.Length && sql[at] is '+' or '-') at++;
            while (at < sql.Length && char.IsAsciiDigit(sql[at])) at++;
        }
        return new SqlToken(SqlTokenKind.Number, sql[start..at]);
    }

    private static SqlToken Run(string sql, ref int at, SqlTokenKind kind)
    {
        int start = at;
        while (at < sql.Length && IsWordCharacter(sql[at])) at++;
        return new SqlToken(kind, sql[start..at]);
    }

    private static SqlToken Symbol(string sql, ref int at)
    {
        int length = at + 1 < sql.Length && sql.Substring(at, 2) is "<>" or "!=" or "<=" or ">=" or "+=" or "-=" ? 2 : 1;
        at += length;
        return new SqlToken(SqlTokenKind.Symbol, sql.Substring(at - length, length));
    }

    private static bool IsWordCharacter(char c) => char.IsLetterOrDigit(c) || c is '_' or '@' or '#' or '$';

    private static char Next(string sql, int at) => at + 1 < sql.Length ? sql[at + 1] : '\0';

    private static int IndexOr(string sql, char c, int at) => sql.IndexOf(c, at) is var end && end < 0 ? sql.Length : end;
}
