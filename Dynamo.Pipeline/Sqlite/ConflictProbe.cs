using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Tells what an upsert did: inserted, updated, or left as it was. SQLite counts an inserted and an updated row alike. So the statement's
/// <c>WHERE</c> calls a function of ours, <see cref="Function"/>: SQLite calls it only for a row whose key is there already, with whether
/// the values differ.
/// </summary>
internal sealed class ConflictProbe : IDisposable
{
    public const string Function = "dynamo_conflict";

    private readonly SqliteDb _db;

    public ConflictProbe(SqliteDb db)
    {
        _db = db;
        if (raw.sqlite3_create_function(db.Handle, Function, 1, raw.SQLITE_UTF8, null, Note) != raw.SQLITE_OK)
            throw db.Fault("preparing a function");
    }

    /// <summary>Whether the last statement found a row with its key.</summary>
    public bool HasConflict { get; private set; }

    /// <summary>Whether that row has other values.</summary>
    public bool Differs { get; private set; }

    /// <summary>To be called before each statement.</summary>
    public void Forget() => HasConflict = Differs = false;

    /// <summary>Takes the function away.</summary>
    public void Dispose()
    {
        if (_db.IsOpen) _ = raw.sqlite3_create_function(_db.Handle, Function, 1, raw.SQLITE_UTF8, null, (delegate_function_scalar?)null);
    }

    private void Note(sqlite3_context context, object state, sqlite3_value[] arguments)
    {
        int differs = raw.sqlite3_value_int(arguments[0]);
        (HasConflict, Differs) = (true, differs != 0);
        raw.sqlite3_result_int(context, differs);
    }
}
