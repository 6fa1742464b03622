using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>One connection. One thread at a time may use it: it is opened without SQLite's own mutex.</summary>
internal sealed class SqliteDb : IDisposable
{
    /// <summary>SQLITE_DBSTATUS_CACHE_WRITE (https://sqlite.org/c3ref/c_dbstatus_options.html).</summary>
    private const int PagesWritten = 9;

    // Tells SQLitePCLRaw which library to call.
    static SqliteDb() => Batteries_V2.Init();

    private SqliteDb(sqlite3 handle, string path) => (Handle, Path) = (handle, path);

    public sqlite3 Handle { get; }

    public bool IsOpen => Handle is { IsInvalid: false, IsClosed: false };

    public string Path { get; }

    /// <summary>How many rows the last INSERT, UPDATE or DELETE changed, without those that its triggers changed.</summary>
    public long Changes => raw.sqlite3_changes(Handle);

    /// <summary>How many pages the connection wrote, to the WAL, since it was asked the last time.</summary>
    public long TakePagesWritten()
    {
        _ = raw.sqlite3_db_status(Handle, PagesWritten, out int pages, out _, resetFlg: 1);
        return pages;
    }

    public bool InTransaction => raw.sqlite3_get_autocommit(Handle) == 0;

    public long LastInsertRowId => raw.sqlite3_last_insert_rowid(Handle);

    public int ErrorCode => raw.sqlite3_extended_errcode(Handle);

    public string ErrorMessage => raw.sqlite3_errmsg(Handle).utf8_to_string() ?? "";

    public static SqliteDb Open(string path, bool create) =>
        Open(path, path, raw.SQLITE_OPEN_READWRITE | (create ? raw.SQLITE_OPEN_CREATE : 0));

    /// <summary>Opens a database to read it, by the address that a <see cref="SqliteVisit"/> gives.</summary>
    public static SqliteDb OpenToRead(string uri, string path) => Open(uri, path, raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI);

    private static SqliteDb Open(string address, string path, int flags)
    {
        flags |= raw.SQLITE_OPEN_NOMUTEX | SqliteNative.OpenWithExtendedCodes;
        int code = raw.sqlite3_open_v2(address, out sqlite3 handle, flags, null);
        var db = new SqliteDb(handle, path);
        if (code == raw.SQLITE_OK) return db;
        SinkException fault = handle.IsInvalid ? SqliteFault.Of(code, "out of memory", path, "opening it") : db.Fault("opening it");
        db.Dispose();
        throw fault;
    }

    /// <summary>Runs statements without parameters.</summary>
    public void Execute(string sql, string doing)
    {
        if (TryExecute(sql) != raw.SQLITE_OK) throw Fault(doing);
    }

    public int TryExecute(string sql) => raw.sqlite3_exec(Handle, sql);

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
        if (SqliteNative.HasMoved(Handle))
            throw new SinkException(
                $"The database {Path} was deleted or replaced by another file while it was open: nothing more is written. Put it back "
                    + "if you can, and run again.") { IsFinal = true };
        Execute("COMMIT", doing);
    }

    /// <summary>Rolls the transaction back. Does nothing when an error has ended it already.</summary>
    public void Rollback()
    {
        if (IsOpen && InTransaction) TryExecute("ROLLBACK");
    }

    public SinkException Fault(string doing) => SqliteFault.Of(ErrorCode, ErrorMessage, Path, doing);

    public void Dispose() => Handle.Dispose();
}

/// <summary>What SQLite's error codes mean, and what to do about them (https://sqlite.org/rescode.html).</summary>
internal static class SqliteFault
{
    public static SinkException Of(int code, string message, string path, string doing)
    {
        int primary = code & 0xFF;
        return new SinkException($"The database {path} failed while {doing}: {message} (SQLite {code}). {Remedy(primary)}")
        {
            IsTransient = primary is raw.SQLITE_BUSY or raw.SQLITE_LOCKED,
            IsOutage = primary is raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_NOMEM,
        };
    }

    /// <summary>Whether the statement was refused because of the values of its row, and not because of the state of the database.</summary>
    public static bool IsRefusal(int code) =>
        (code & 0xFF) is raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH or raw.SQLITE_TOOBIG;

    /// <summary>
    /// Whether a statement with <c>OR FAIL</c> has kept and counted the rows before the refused one. That is so for the constraints that a
    /// conflict clause applies to (https://sqlite.org/lang_conflict.html).
    /// </summary>
    public static bool CountsChanges(int code) => code is raw.SQLITE_CONSTRAINT_PRIMARYKEY or raw.SQLITE_CONSTRAINT_UNIQUE
        or raw.SQLITE_CONSTRAINT_NOTNULL or raw.SQLITE_CONSTRAINT_CHECK or raw.SQLITE_CONSTRAINT_ROWID;

    private static string Remedy(int primary) => primary switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => 
            $"Another program writes to it: close it, or wait longer ({OptionName.Of(nameof(SqliteSinkOptions.BusyTimeout))}).",
        raw.SQLITE_FULL => "The disk is full: make room and run again; nothing of the last batch was written, and nothing is lost.",
        raw.SQLITE_READONLY =>
            "The file or its folder cannot be written: give this user the right to write both, since SQLite keeps its journal beside "
                + "the file.",
        raw.SQLITE_CANTOPEN or raw.SQLITE_PERM =>
            "The file cannot be opened: check that its folder exists, that it is a file, and that this user may read and write both.",
        raw.SQLITE_NOTADB => "The file is not a SQLite database: name another file, or move this one away.",
        raw.SQLITE_CORRUPT =>
            "The file is damaged: restore a backup, or save what can be read with the sqlite3 shell's .recover command.",
        raw.SQLITE_IOERR => "The disk failed: check it, and that the file is not on an unsteady network drive.",
        raw.SQLITE_NOMEM => "The machine has no memory left.",
        raw.SQLITE_CONSTRAINT =>
            "A constraint refused the whole transaction: deferred foreign keys cannot name the row; declare them immediate.",
        _ => "Check the tables' definition and triggers.",
    };
}
