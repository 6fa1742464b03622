using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>What SQLite complains of, in the numbers of SQL Server.</summary>
internal static class StoreErrors
{
    /// <summary>The prefix of the checks that stand for a column's length, since SQLite has none.</summary>
    public const string LengthCheck = "$length:";

    /// <summary>The prefix of the checks that stand for a column's type.</summary>
    public const string TypeCheck = "$type:";

    /// <summary>Before the words about a right that a function lacks.</summary>
    public const string Refused = "$refused:";

    public static Exception Translate(StoreConnection store, int code, string sql)
    {
        string message = raw.sqlite3_errmsg(store.Handle).utf8_to_string();
        if (code == raw.SQLITE_INTERRUPT) return new RequestCancelledException(acknowledge: false);
        if (Behind(message, "UNIQUE constraint failed: ") is string columns) return Duplicate(store, columns);
        if (Behind(message, "NOT NULL constraint failed: ") is string column) return Null(column);
        if (Behind(message, "CHECK constraint failed: ") is string check) return Check(check);
        if (Behind(message, "no such table: ") is string table)
            return ServerError.InvalidObject(table.Replace("main.", "", StringComparison.Ordinal));
        if (Behind(message, "no such column: ") is string name) return new ServerError(207, $"Invalid column name '{name}'.");
        if (Behind(message, "duplicate column name: ") is string twice)
            return new ServerError(
                2705, $"Column names in each table must be unique. Column name '{twice}' is specified more than once.", 16, 4);
        if (message.StartsWith("index ", StringComparison.Ordinal) && message.EndsWith(" already exists", StringComparison.Ordinal))
            return new ServerError(1913, $"The operation failed because an {message}.");
        if (Behind(message, Refused) is string denied) return new ServerError(229, denied, 14, 5);
        if (Behind(message, "trigger:") is string raised) return new ServerError(50001, raised);
        return new ServerError(50000, $"The store of the test's endpoint: {message} ({code}) in: {sql}");
    }

    private static ServerError Duplicate(StoreConnection store, string columns)
    {
        string[] names = columns.Split(", ");
        int dot = names[0].LastIndexOf('.');
        string table = names[0][..dot];
        string key = string.Join(',', names.Select(n => n[(n.LastIndexOf('.') + 1)..]));
        string prefix = SqlCatalogue.Prefix(table);
        int? id = SqlCatalogue.ObjectId(store, table);
        string list =
            $"(SELECT group_concat(c.name) FROM (SELECT * FROM \"{prefix}sys.index_columns\" WHERE object_id = i.object_id AND "
                + "index_id = i.index_id ORDER BY key_ordinal) k " +
            $"JOIN \"{prefix}sys.columns\" c ON c.object_id = k.object_id AND c.column_id = k.column_id)";
        List<object?[]> found = store.Rows(
            $"SELECT i.name, i.is_primary_key, i.is_unique_constraint FROM \"{prefix}sys.indexes\" i WHERE i.object_id = {id} AND "
                + $"i.is_unique = 1 AND {list} = @key", ("@key", key));
        string index = found.Count == 0 ? key : (string)found[0][0]!;
        bool primary = found.Count == 0 || (long)found[0][1]! != 0;
        bool constraint = primary || (long)found[0][2]! != 0;
        return constraint
            ? new ServerError(
                2627,
                $"Violation of {(primary ? "PRIMARY" : "UNIQUE")} KEY constraint '{index}'. Cannot insert duplicate key in object "
                    + $"'dbo.{table}'.",
                14)
            : new ServerError(2601, $"Cannot insert duplicate key row in object 'dbo.{table}' with unique index '{index}'.", 14);
    }

    private static ServerError Null(string column)
    {
        int dot = column.LastIndexOf('.');
        return new ServerError(
            515,
            $"Cannot insert the value NULL into column '{column[(dot + 1)..]}', table 'test.dbo.{column[..dot]}'; column does not "
                + "allow nulls. INSERT fails.",
            16, 2);
    }

    private static ServerError Check(string check)
    {
        if (Behind(check, LengthCheck) is string column)
            return new ServerError(
                2628,
                $"String or binary data would be truncated in table 'test.dbo.{column.Split('.')[0]}', column '{column.Split('.')[1]}'.");
        if (Behind(check, TypeCheck) is string typed)
            return new ServerError(8115, $"Arithmetic overflow error converting expression to the data type of column '{typed}'.", 16, 2);
        return new ServerError(
            547, $"The INSERT statement conflicted with the CHECK constraint \"{check}\". The conflict occurred in database \"test\".", 16,
            0);
    }

    private static string? Behind(string message, string prefix) =>
        message.StartsWith(prefix, StringComparison.Ordinal) ? message[prefix.Length..] : null;
}
