using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// A prepared statement with its parameters' text. Text is handed to SQLite without a copy, so it lives in <see cref="Buffer"/> until <see cref="Reset"/>.
/// </summary>
internal sealed unsafe class SqliteStatement : IDisposable
{
    private readonly SqliteDb _db;
    private nint _handle;

    public SqliteStatement(SqliteDb db, string sql)
    {
        (_db, Sql) = (db, sql);
        if (SqliteNative.Prepare(db.Handle, sql, -1, SqliteNative.Persistent, out _handle, 0) != SqliteNative.Ok)
            throw db.Fault("preparing a statement");
    }

    public string Sql { get; }

    public nint Handle => _handle;

    public SqliteText Buffer { get; } = new();

    public void Text(int index, string? value)
    {
        if (value is null)
        {
            Null(index);
            return;
        }
        byte* text = Buffer.AddLoosely(value, out int bytes);
        Check(SqliteNative.BindText(_handle, index, text, bytes, 0));
    }

    public void Time(int index, DateTime value)
    {
        byte* text = Buffer.Add(value, out int bytes);
        Check(SqliteNative.BindText(_handle, index, text, bytes, 0));
    }

    public void Int64(int index, long value) => Check(SqliteNative.BindInt64(_handle, index, value));

    public void Null(int index) => Check(SqliteNative.BindNull(_handle, index));

    /// <summary>Runs to the end and makes ready for the next parameters. Returns SQLite's code, <see cref="SqliteNative.Done"/> when all went well.</summary>
    public int TryRun()
    {
        int code = SqliteNative.Step(_handle);
        Reset();
        return code;
    }

    public void Run(string doing)
    {
        if (TryRun() != SqliteNative.Done) throw _db.Fault(doing);
    }

    /// <summary>Steps to the next row. At the end the statement is ready for its next parameters; a statement left before that must be reset.</summary>
    public bool Next()
    {
        int code = SqliteNative.Step(_handle);
        if (code == SqliteNative.Row) return true;
        Reset();
        return code == SqliteNative.Done ? false : throw _db.Fault("reading");
    }

    public long Int64(int column) => SqliteNative.ColumnInt64(_handle, column);

    public string? Text(int column) => Marshal.PtrToStringUTF8((nint)SqliteNative.ColumnText(_handle, column));

    public void Reset()
    {
        _ = SqliteNative.Reset(_handle);
        Buffer.Clear();
    }

    public void Dispose()
    {
        nint handle = _handle;
        _handle = 0;
        if (handle != 0) _ = SqliteNative.Finalize(handle);
    }

    private void Check(int code)
    {
        if (code != SqliteNative.Ok) throw _db.Fault("binding a value");
    }
}
