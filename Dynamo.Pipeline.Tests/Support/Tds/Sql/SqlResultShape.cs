using System.Globalization;
using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Finds the types of a result's columns. A plain column has its declared type; an expression takes what its function says, or the
/// type of the first column in it; what is
/// left is told by the values.
/// </summary>
internal sealed class SqlResultShape(StoreConnection store, List<SqlToken> tokens, Dictionary<string, SqlVariable> variables)
{
    private Dictionary<string, TdsType>? _known;

    public List<TdsColumn> Columns(sqlite3_stmt statement, List<object?[]> rows)
    {
        List<List<SqlToken>> items = Items();
        int count = raw.sqlite3_column_count(statement);
        var columns = new List<TdsColumn>();
        for (int i = 0; i < count; i++)
        {
            string name = raw.sqlite3_column_name(statement, i).utf8_to_string();
            string? declared = raw.sqlite3_column_decltype(statement, i).utf8_to_string();
            List<SqlToken> item = items.Count == count ? items[i] : [];
            TdsType type = string.IsNullOrEmpty(declared) ? OfExpression(item) ?? OfValues(rows, i) : TdsType.Parse(declared);
            columns.Add(new TdsColumn(IsName(name) ? name : "", type));
        }
        return columns;
    }

    private static bool IsName(string name) =>
        name.Length > 0 && !char.IsDigit(name[0]) && name.All(c => char.IsLetterOrDigit(c) || c is '_' or ' ' or '#');

    private List<List<SqlToken>> Items()
    {
        int select = SqlClauses.Find(tokens, 0, "SELECT", "OUTPUT");
        if (select >= tokens.Count) return [];
        int from = SqlClauses.Find(tokens, select, "FROM", "WHERE", "UNION", "VALUES");
        List<SqlToken> list = tokens[(select + 1)..from];
        if (list.Count > 0 && list[0].Is("DISTINCT")) list.RemoveAt(0);
        if (list.Count > 1 && list[0].Is("TOP")) list.RemoveRange(0, list[1].Is("(") ? SqlClauses.Closing(list, 1) + 1 : 2);
        return SqlClauses.SplitCommas(list);
    }

    private TdsType? OfExpression(List<SqlToken> item)
    {
        if (item.Count == 0) return null;
        string first = item[0].Value.ToUpperInvariant();
        if (first is "COUNT" or "LEN" or "DATALENGTH" or "OBJECT_ID" or "ERROR_NUMBER" or "SCHEMA_ID") return TdsType.Int;
        if (first is "ROW_NUMBER" or "RANK" or "DENSE_RANK" or "COUNT_BIG") return TdsType.BigInt;
        if (first is "SYSUTCDATETIME" or "SYSDATETIME" or "GETUTCDATE" or "GETDATE") return TdsType.DateTime2;
        if (first is "CAST" or "TRY_CAST" or "CONVERT" or "TRY_CONVERT")
        {
            List<SqlToken> inside = item[2..SqlClauses.Closing(item, 1)];
            return TdsType.Parse(string.Concat(SqlClauses.SplitConversion(inside, first.EndsWith("CAST", StringComparison.Ordinal)).Type));
        }
        if (item[0].Kind == SqlTokenKind.Variable && !item.Any(t => t.IsAny("+", "-", "*", "/", "=")))
            return variables.GetValueOrDefault(item[0].Value)?.Type;
        return item.Any(t => t.IsAny("/", "AVG")) || first is "CASE" or "IIF" ? null : OfColumns(item);
    }

    private TdsType? OfColumns(List<SqlToken> item)
    {
        _known ??= KnownColumns();
        foreach (SqlToken token in item)
        {
            if (token.IsName && _known.TryGetValue(token.Value, out TdsType type)) return type;
        }
        return null;
    }

    /// <summary>The columns of all tables that the statement mentions, by name.</summary>
    private Dictionary<string, TdsType> KnownColumns()
    {
        var known = new Dictionary<string, TdsType>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i + 1 < tokens.Count; i++)
        {
            if (!tokens[i].IsAny("FROM", "JOIN", "INTO", "UPDATE") || !(tokens[i + 1].IsName || tokens[i + 1].Is("."))) continue;
            int at = i + 1;
            AddColumns(known, SqlNames.Read(tokens, ref at));
        }
        return known;
    }

    private void AddColumns(Dictionary<string, TdsType> known, string table)
    {
        try
        {
            using StoreStatement probe = store.Prepare($"SELECT * FROM {SqlToken.Quote(table)} LIMIT 0");
            for (int c = 0; c < raw.sqlite3_column_count(probe.Handle); c++)
            {
                string? declared = raw.sqlite3_column_decltype(probe.Handle, c).utf8_to_string();
                if (!string.IsNullOrEmpty(declared))
                    known.TryAdd(raw.sqlite3_column_name(probe.Handle, c).utf8_to_string(), TdsType.Parse(declared));
            }
        }
        catch (ServerError)
        {
            // A common table expression or an alias: no table of the store.
        }
    }

    private static TdsType OfValues(List<object?[]> rows, int column)
    {
        List<object> values = [.. rows.Select(r => r[column]).OfType<object>()];
        if (values.Count == 0) return TdsType.Int;
        if (values.TrueForAll(v => v is long))
            return values.TrueForAll(v => (long)v is >= int.MinValue and <= int.MaxValue) ? TdsType.Int : TdsType.BigInt;
        if (values.TrueForAll(v => v is long or double)) return TdsType.Float;
        if (values.TrueForAll(v => v is byte[])) return new TdsType(TdsKind.VarBinary, -1);
        return values.TrueForAll(IsTime)
            ? TdsType.DateTime2
            : values.TrueForAll(v => v is string { Length: <= 4000 })
            ? TdsType.Text
            : TdsType.LongText;
    }

    private static bool IsTime(object value) =>
        value is string { Length: 27 } text
            && DateTime.TryParseExact(text, TdsTimes.DateTimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
}
