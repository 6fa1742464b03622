namespace Dynamo.Pipeline;

/// <summary>What SQLite's error codes mean for the one who has to mend it (https://sqlite.org/rescode.html).</summary>
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

    /// <summary>Whether the statement was refused for the values of its row, rather than for the state of the database.</summary>
    public static bool IsRefusal(int code) =>
        (code & 0xFF) is SqliteNative.Constraint or SqliteNative.Mismatch or SqliteNative.TooBig;

    /// <summary>
    /// Whether a statement with <c>OR FAIL</c> that ends so has kept its rows before the refused one, and counted them: the constraints that
    /// heed the conflict clause (https://sqlite.org/lang_conflict.html).
    /// </summary>
    public static bool CountsChanges(int code) => code is SqliteNative.PrimaryKeyConstraint or SqliteNative.UniqueConstraint
        or SqliteNative.NotNullConstraint or SqliteNative.CheckConstraint or SqliteNative.RowIdConstraint;

    private static string Remedy(int primary) => primary switch
    {
        SqliteNative.Busy or SqliteNative.Locked => "Another program writes to it: close it, or wait longer (BusyTimeout).",
        SqliteNative.Full => "The disk is full: make room and run again; nothing of the last batch was written, and nothing is lost.",
        SqliteNative.ReadOnly => "The file or its folder cannot be written: give this user the right to write both, since SQLite keeps its journal beside the file.",
        SqliteNative.CannotOpen or SqliteNative.Permission => "The file cannot be opened: check that its folder exists, that it is a file, and that this user may read and write both.",
        SqliteNative.NotADatabase => "The file is not a SQLite database: name another file, or move this one away.",
        SqliteNative.Corrupt => "The file is damaged: restore a backup, or save what can be read with the sqlite3 shell's .recover command.",
        SqliteNative.IoError => "The disk failed: check it, and that the file is not on an unsteady network drive.",
        SqliteNative.NoMemory => "The machine has no memory left.",
        SqliteNative.Constraint => "A constraint refused the whole transaction: deferred foreign keys cannot name the row; declare them immediate.",
        _ => "Check the tables' definition and triggers.",
    };
}
