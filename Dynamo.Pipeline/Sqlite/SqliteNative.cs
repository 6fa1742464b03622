using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The few functions of SQLite's C API that the sink needs (https://sqlite.org/c3ref/funclist.html), from the library that
/// Microsoft.Data.Sqlite brings. The functions that bind and reset take nanoseconds and never block, since the connection is opened without
/// a mutex. So they skip the garbage collector's transition (<c>SuppressGCTransition</c>), which would cost more than the call.
/// </summary>
internal static unsafe partial class SqliteNative
{
    public const int Ok = 0, Error = 1, Permission = 3, Busy = 5, Locked = 6, NoMemory = 7, ReadOnly = 8,
        IoError = 10, Corrupt = 11, Full = 13,
        CannotOpen = 14, TooBig = 18, Constraint = 19, Mismatch = 20, NotADatabase = 26, Row = 100, Done = 101;
    public const int CheckConstraint = Constraint | (1 << 8), NotNullConstraint = Constraint | (5 << 8),
        PrimaryKeyConstraint = Constraint | (6 << 8),
        UniqueConstraint = Constraint | (8 << 8), RowIdConstraint = Constraint | (10 << 8);
    public const int ReadWrite = 2, Create = 4, NoMutex = 0x8000, ExtendedCodes = 0x2000000;
    public const uint Persistent = 1;
    public const int FileHasMoved = 20;

    private const string Library = "e_sqlite3";

    [LibraryImport(Library, EntryPoint = "sqlite3_open_v2", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, out nint db, int flags, nint vfs);

    [LibraryImport(Library, EntryPoint = "sqlite3_close_v2")]
    public static partial int Close(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_prepare_v3", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Prepare(nint db, string sql, int bytes, uint flags, out nint statement, nint tail);

    [LibraryImport(Library, EntryPoint = "sqlite3_finalize")]
    public static partial int Finalize(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_exec", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Execute(nint db, string sql, nint callback, nint argument, nint message);

    [LibraryImport(Library, EntryPoint = "sqlite3_step")]
    public static partial int Step(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_reset"), SuppressGCTransition]
    public static partial int Reset(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_text"), SuppressGCTransition]
    public static partial int BindText(nint statement, int index, byte* text, int bytes, nint destructor);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64"), SuppressGCTransition]
    public static partial int BindInt64(nint statement, int index, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_double"), SuppressGCTransition]
    public static partial int BindDouble(nint statement, int index, double value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_null"), SuppressGCTransition]
    public static partial int BindNull(nint statement, int index);

    [LibraryImport(Library, EntryPoint = "sqlite3_changes64"), SuppressGCTransition]
    public static partial long Changes(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_get_autocommit"), SuppressGCTransition]
    public static partial int AutoCommit(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_last_insert_rowid"), SuppressGCTransition]
    public static partial long LastInsertRowId(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_int64")]
    public static partial long ColumnInt64(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_column_text")]
    public static partial byte* ColumnText(nint statement, int column);

    [LibraryImport(Library, EntryPoint = "sqlite3_create_function_v2", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CreateFunction(
        nint db, string name, int arguments, int encoding, nint data,
        delegate* unmanaged[Cdecl]<nint, int, nint*, void> function, nint step, nint final, nint destroy);

    [LibraryImport(Library, EntryPoint = "sqlite3_user_data"), SuppressGCTransition]
    public static partial nint UserData(nint context);

    [LibraryImport(Library, EntryPoint = "sqlite3_value_int"), SuppressGCTransition]
    public static partial int ValueInt(nint value);

    [LibraryImport(Library, EntryPoint = "sqlite3_result_int"), SuppressGCTransition]
    public static partial void ResultInt(nint context, int value);

    [LibraryImport(Library, EntryPoint = "sqlite3_file_control")]
    public static partial int FileControl(nint db, nint schema, int operation, int* argument);

    [LibraryImport(Library, EntryPoint = "sqlite3_errmsg")]
    public static partial byte* ErrorMessage(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_extended_errcode")]
    public static partial int ExtendedErrorCode(nint db);

    [LibraryImport(Library, EntryPoint = "sqlite3_errstr")]
    public static partial byte* ErrorText(int code);
}
