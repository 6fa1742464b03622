using System.Runtime.InteropServices;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// What SQLitePCLRaw does not have of SQLite's C API (https://sqlite.org/c3ref/funclist.html): a file's control codes, a flag for opening,
/// and functions that SQLite calls without an object for each call.
/// </summary>
internal static unsafe partial class SqliteNative
{
    /// <summary>Result codes are extended ones (https://sqlite.org/c3ref/c_open_autoproxy.html).</summary>
    public const int OpenWithExtendedCodes = 0x2000000;

    private const string Library = "e_sqlite3";

    private const int HasMovedControl = 20;

    /// <summary>Whether the database's file is no longer at its path (SQLITE_FCNTL_HAS_MOVED).</summary>
    public static bool HasMoved(sqlite3 db) => FileControl(db, 0, HasMovedControl, out int hasMoved) == raw.SQLITE_OK && hasMoved != 0;

    [LibraryImport(Library, EntryPoint = "sqlite3_create_function_v2", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CreateFunction(
        sqlite3 db, string name, int arguments, int encoding, nint data,
        delegate* unmanaged[Cdecl]<nint, int, nint*, void> function, nint step, nint final, nint destroy);

    [LibraryImport(Library, EntryPoint = "sqlite3_user_data"), SuppressGCTransition]
    public static partial nint UserData(nint context);

    [LibraryImport(Library, EntryPoint = "sqlite3_value_int"), SuppressGCTransition]
    public static partial int ValueInt(nint value);

    [LibraryImport(Library, EntryPoint = "sqlite3_value_int64"), SuppressGCTransition]
    public static partial long ValueInt64(nint value);

    [LibraryImport(Library, EntryPoint = "sqlite3_result_int"), SuppressGCTransition]
    public static partial void ResultInt(nint context, int value);

    [LibraryImport(Library, EntryPoint = "sqlite3_file_control")]
    private static partial int FileControl(sqlite3 db, nint schema, int operation, out int argument);
}
