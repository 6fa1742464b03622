using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>One connection. One thread at a time may use it: it is opened without SQLite's own mutex.</summary>
internal sealed unsafe class SqliteDb : IDisposable
{
    private SqliteDb(nint handle, string path) => (Handle, Path) = (handle, path);

    public nint Handle { get; private set; }

    public string Path { get; }

    /// <summary>How many rows the last INSERT, UPDATE or DELETE changed, without those that its triggers changed.</summary>
    public long Changes => SqliteNative.Changes(Handle);

    public bool InTransaction => SqliteNative.AutoCommit(Handle) == 0;

    public long LastInsertRowId => SqliteNative.LastInsertRowId(Handle);

    public int ErrorCode => SqliteNative.ExtendedErrorCode(Handle);

    public string ErrorMessage => Marshal.PtrToStringUTF8((nint)SqliteNative.ErrorMessage(Handle)) ?? "";

    public static SqliteDb Open(string path, bool create)
    {
        int flags = SqliteNative.ReadWrite | SqliteNative.NoMutex | SqliteNative.ExtendedCodes | (create ? SqliteNative.Create : 0);
        int code = SqliteNative.Open(path, out nint handle, flags, 0);
        var db = new SqliteDb(handle, path);
        if (code == SqliteNative.Ok) return db;
        SinkException fault = handle == 0 ? SqliteFault.Of(code, "out of memory", path, "opening it") : db.Fault("opening it");
        db.Dispose();
        throw fault;
    }

    /// <summary>Runs statements without parameters.</summary>
    public void Execute(string sql, string doing)
    {
        if (TryExecute(sql) != SqliteNative.Ok) throw Fault(doing);
    }

    public int TryExecute(string sql) => SqliteNative.Execute(Handle, sql, 0, 0, 0);

    public SqliteStatement Prepare(string sql) => new(this, sql);

    /// <summary>The first column of the first row as a number, or null without a row.</summary>
    public long? Number(string sql, params ReadOnlySpan<string> arguments)
    {
        using SqliteStatement statement = Prepare(sql);
        for (int i = 0; i < arguments.Length; i++)
            statement.Text(i + 1, arguments[i]);
        return statement.Next() ? statement.Int64(0) : null;
    }

    /// <summary>
    /// Commits. Refuses to if the file is no longer at its path: rows in a deleted file are lost, and their source files would be archived
    /// all the same.
    /// </summary>
    public void Commit(string doing)
    {
        int hasMoved = 0;
        if (SqliteNative.FileControl(Handle, 0, SqliteNative.FileHasMoved, &hasMoved) == SqliteNative.Ok && hasMoved != 0)
            throw new SinkException(
                $"The database {Path} was deleted or replaced by another file while it was open: nothing more is written. Put it back "
                    + "if you can, and run again.");
        Execute("COMMIT", doing);
    }

    /// <summary>Rolls the transaction back. Does nothing when an error has ended it already.</summary>
    public void Rollback()
    {
        if (Handle != 0 && InTransaction) TryExecute("ROLLBACK");
    }

    public SinkException Fault(string doing) => SqliteFault.Of(ErrorCode, ErrorMessage, Path, doing);

    public void Dispose()
    {
        nint handle = Handle;
        Handle = 0;
        if (handle != 0) _ = SqliteNative.Close(handle);
    }
}

/// <summary>What SQLite's error codes mean, and what to do about them (https://sqlite.org/rescode.html).</summary>
internal static class SqliteFault
{
    public static SinkException Of(int code, string message, string path, string doing)
    {
        int primary = code & 0xFF;
        return new SinkException($"The database {path} failed while {doing}: {message} (SQLite {code}). {Remedy(primary)}")
        {
            IsTransient = primary is SqliteNative.Busy or SqliteNative.Locked,
        };
    }

    /// <summary>Whether the statement was refused because of the values of its row, and not because of the state of the database.</summary>
    public static bool IsRefusal(int code) =>
        (code & 0xFF) is SqliteNative.Constraint or SqliteNative.Mismatch or SqliteNative.TooBig;

    /// <summary>
    /// Whether a statement with <c>OR FAIL</c> has kept and counted the rows before the refused one. That is so for the constraints that a
    /// conflict clause applies to (https://sqlite.org/lang_conflict.html).
    /// </summary>
    public static bool CountsChanges(int code) => code is SqliteNative.PrimaryKeyConstraint or SqliteNative.UniqueConstraint
        or SqliteNative.NotNullConstraint or SqliteNative.CheckConstraint or SqliteNative.RowIdConstraint;

    private static string Remedy(int primary) => primary switch
    {
        SqliteNative.Busy or SqliteNative.Locked => "Another program writes to it: close it, or wait longer (BusyTimeout).",
        SqliteNative.Full => "The disk is full: make room and run again; nothing of the last batch was written, and nothing is lost.",
        SqliteNative.ReadOnly =>
            "The file or its folder cannot be written: give this user the right to write both, since SQLite keeps its journal beside "
                + "the file.",
        SqliteNative.CannotOpen or SqliteNative.Permission =>
            "The file cannot be opened: check that its folder exists, that it is a file, and that this user may read and write both.",
        SqliteNative.NotADatabase => "The file is not a SQLite database: name another file, or move this one away.",
        SqliteNative.Corrupt =>
            "The file is damaged: restore a backup, or save what can be read with the sqlite3 shell's .recover command.",
        SqliteNative.IoError => "The disk failed: check it, and that the file is not on an unsteady network drive.",
        SqliteNative.NoMemory => "The machine has no memory left.",
        SqliteNative.Constraint =>
            "A constraint refused the whole transaction: deferred foreign keys cannot name the row; declare them immediate.",
        _ => "Check the tables' definition and triggers.",
    };
}
