using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>A compiled statement of the store.</summary>
internal sealed record StoreStatement(sqlite3_stmt Handle, bool TouchesBase, bool Writes) : IDisposable
{
    public void Dispose() => raw.sqlite3_finalize(Handle);
}

/// <summary>
/// One session's connection to the store, an SQLite file; its temporary tables live in the session's own temp schema. One thread
/// only.
/// </summary>
internal sealed class StoreConnection : IDisposable
{
    private readonly SqliteConnection _connection;
    // The delegate is kept here, since only native code refers to it.
    private readonly strdelegate_authorizer _authorizer;
    private readonly StoreRights _rights;
    private bool _touchesBase;
    private bool _writes;
    private ServerError? _refused;

    /// <param name="path">The store.</param>
    /// <param name="babelfish">Whether the catalogue has names in lower case.</param>
    /// <param name="rights">What the user may do.</param>
    public StoreConnection(string path, bool babelfish, StoreRights rights)
    {
        (IsBabelfish, _rights) = (babelfish, rights);
        _connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 30 }.ConnectionString);
        _connection.Open();
        Handle = _connection.Handle!;
        StoreFunctions.Register(_connection, babelfish);
        _connection.CreateFunction(
            "HAS_PERMS_BY_NAME", (string name, string kind, string right) => rights.Has(right, name) ? 1 : 0);
        _connection.CreateFunction("tds_next", (string sequence) => rights.Next(sequence));
        _connection.CreateFunction("tds_triggers", () => FiresTriggers);
        raw.sqlite3_busy_timeout(Handle, 10_000);
        // SQL Server finds columns only; SQLite would read an unknown quoted name as a text.
        raw.sqlite3_db_config(Handle, 1013, 0, out _);
        raw.sqlite3_db_config(Handle, 1014, 0, out _);
        Run("PRAGMA journal_mode = WAL");
        Run("PRAGMA synchronous = OFF");
        Run("PRAGMA temp_store = MEMORY");
        Run("PRAGMA cache_size = -65536");
        _authorizer = Authorize;
        raw.sqlite3_set_authorizer(Handle, _authorizer, null);
    }

    public bool IsBabelfish { get; }

    public sqlite3 Handle { get; }

    /// <summary>A bulk load fires triggers on request only.</summary>
    public bool FiresTriggers { get; set; } = true;

    /// <summary>Whether what runs acts for the owner of the tables, as a procedure does.</summary>
    public bool ActsForOwner { get; set; }

    public SqliteConnection Connection => _connection;

    public bool InTransaction => raw.sqlite3_get_autocommit(Handle) == 0;

    public StoreStatement Prepare(string sql)
    {
        (_touchesBase, _writes, _refused) = (false, false, null);
        int code = raw.sqlite3_prepare_v2(Handle, sql, out sqlite3_stmt statement);
        if (_refused is not null)
        {
            raw.sqlite3_finalize(statement);
            throw _refused;
        }
        if (code != raw.SQLITE_OK) throw StoreErrors.Translate(this, code, sql);
        return new StoreStatement(statement, _touchesBase, _writes);
    }

    public void Run(string sql, params (string Name, object? Value)[] values) => Rows(sql, values);

    public object? Scalar(string sql, params (string Name, object? Value)[] values) =>
        Rows(sql, values) is [var first, ..] ? first[0] : null;

    public List<object?[]> Rows(string sql, params (string Name, object? Value)[] values)
    {
        using StoreStatement statement = Prepare(sql);
        foreach ((string name, object? value) in values)
            Bind(statement.Handle, raw.sqlite3_bind_parameter_index(statement.Handle, name), value);
        var rows = new List<object?[]>();
        while (Step(statement, sql)) rows.Add(Read(statement.Handle));
        return rows;
    }

    public bool Step(StoreStatement statement, string sql = "")
    {
        int code = raw.sqlite3_step(statement.Handle);
        return code switch
        {
            raw.SQLITE_ROW => true,
            raw.SQLITE_DONE => false,
            _ => throw StoreErrors.Translate(this, code, sql),
        };
    }

    public static void Bind(sqlite3_stmt statement, int index, object? value)
    {
        _ = value switch
        {
            null => raw.sqlite3_bind_null(statement, index),
            double number => raw.sqlite3_bind_double(statement, index, number),
            string text => raw.sqlite3_bind_text(statement, index, text),
            byte[] bytes => raw.sqlite3_bind_blob(statement, index, bytes),
            _ => raw.sqlite3_bind_int64(statement, index, Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        };
    }

    public static object?[] Read(sqlite3_stmt statement)
    {
        object?[] row = new object?[raw.sqlite3_column_count(statement)];
        for (int i = 0; i < row.Length; i++)
        {
            row[i] = raw.sqlite3_column_type(statement, i) switch
            {
                raw.SQLITE_INTEGER => raw.sqlite3_column_int64(statement, i),
                raw.SQLITE_FLOAT => raw.sqlite3_column_double(statement, i),
                raw.SQLITE_TEXT => raw.sqlite3_column_text(statement, i).utf8_to_string(),
                raw.SQLITE_BLOB => raw.sqlite3_column_blob(statement, i).ToArray(),
                _ => null,
            };
        }
        return row;
    }

    public void Interrupt() => raw.sqlite3_interrupt(Handle);

    public void Dispose() => _connection.Dispose();

    /// <summary>
    /// Notes, while a statement is compiled, whether it needs anything but temporary tables, which are no other session's business; and
    /// whether the user may do that.
    /// </summary>
    private int Authorize(object userData, int action, string first, string second, string database, string inner)
    {
        if (database == "main" && action != raw.SQLITE_SELECT) _touchesBase = true;
        if (database == "main" && !ActsForOwner) _refused ??= _rights.Refuse(action, first, inner);
        if (action is raw.SQLITE_INSERT or raw.SQLITE_UPDATE or raw.SQLITE_DELETE) _writes = true;
        return raw.SQLITE_OK;
    }
}
