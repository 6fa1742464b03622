using System.Runtime.InteropServices;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>What SQLitePCLRaw does not have of SQLite's C API: a file's control codes, and a flag for opening.</summary>
internal static partial class SqliteNative
{
    /// <summary>Result codes are extended ones (https://sqlite.org/c3ref/c_open_autoproxy.html).</summary>
    public const int OpenWithExtendedCodes = 0x2000000;

    private const int HasMovedControl = 20;

    /// <summary>Whether the database's file is no longer at its path (SQLITE_FCNTL_HAS_MOVED).</summary>
    public static bool HasMoved(sqlite3 db) => FileControl(db, 0, HasMovedControl, out int hasMoved) == raw.SQLITE_OK && hasMoved != 0;

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_file_control")]
    private static partial int FileControl(sqlite3 db, nint schema, int operation, out int argument);
}
