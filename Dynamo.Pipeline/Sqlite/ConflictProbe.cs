using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Tells what an upsert did: inserted, updated, or left as it was. SQLite counts an inserted and an updated row alike. So the statement's
/// <c>WHERE</c> calls a function of ours, <see cref="Function"/>: SQLite calls it only for a row whose key is there already, with whether
/// the values differ. It is called by SQLite itself: SQLitePCLRaw's way makes objects at every call, which an import whose readings are all
/// there already feels.
/// </summary>
internal sealed unsafe class ConflictProbe : IDisposable
{
    public const string Function = "dynamo_conflict";

    private readonly SqliteDb _db;
    private Outcome* _last = (Outcome*)NativeMemory.AllocZeroed((nuint)sizeof(Outcome));

    public ConflictProbe(SqliteDb db)
    {
        _db = db;
        if (SqliteNative.CreateFunction(db.Handle, Function, 1, raw.SQLITE_UTF8, (nint)_last, &Note, 0, 0, 0) != raw.SQLITE_OK)
            throw db.Fault("preparing a function");
    }

    private enum Outcome
    {
        NoConflict,
        SameValues,
        OtherValues,
    }

    /// <summary>Whether the last statement found a row with its key.</summary>
    public bool HasConflict => *_last != Outcome.NoConflict;

    /// <summary>Whether that row has other values.</summary>
    public bool Differs => *_last == Outcome.OtherValues;

    /// <summary>To be called before each statement.</summary>
    public void Forget() => *_last = Outcome.NoConflict;

    /// <summary>Takes the function away first: SQLite must not call into memory that is gone.</summary>
    public void Dispose()
    {
        if (_last is null) return;
        if (_db.IsOpen) _ = SqliteNative.CreateFunction(_db.Handle, Function, 1, raw.SQLITE_UTF8, 0, null, 0, 0, 0);
        NativeMemory.Free(_last);
        _last = null;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Note(nint context, int count, nint* arguments)
    {
        int differs = SqliteNative.ValueInt(arguments[0]);
        *(Outcome*)SqliteNative.UserData(context) = differs != 0 ? Outcome.OtherValues : Outcome.SameValues;
        SqliteNative.ResultInt(context, differs);
    }
}
