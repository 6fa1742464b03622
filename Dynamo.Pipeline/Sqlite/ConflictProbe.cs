using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Decides what an upsert does with a row whose key is there already, and tells what it did: SQLite counts an inserted and an updated row
/// alike. The statement's <c>WHERE</c> calls a function of ours, <see cref="Function"/>, with whether the values differ and with the file of
/// the row that is there. The file that is newer wins, or the older one if the first is to win; within a file, the later row. It is called
/// by SQLite itself: SQLitePCLRaw's way makes objects at every call, which an import whose readings are all there already feels.
/// </summary>
internal sealed unsafe class ConflictProbe : IDisposable
{
    public const string Function = "dynamo_conflict";

    private readonly SqliteDb _db;
    private readonly SqliteLineage _lineage;
    private readonly DuplicatePolicy _policy;
    private GCHandle _self;

    public ConflictProbe(SqliteDb db, SqliteLineage lineage, DuplicatePolicy policy)
    {
        (_db, _lineage, _policy) = (db, lineage, policy);
        _self = GCHandle.Alloc(this);
        if (SqliteNative.CreateFunction(db.Handle, Function, 2, raw.SQLITE_UTF8, GCHandle.ToIntPtr(_self), &Decide, 0, 0, 0) != raw.SQLITE_OK)
            throw db.Fault("preparing a function");
    }

    /// <summary>Whether the last statement found a row with its key.</summary>
    public bool HasConflict { get; private set; }

    /// <summary>Whether that row has other values, and has ours now.</summary>
    public bool Replaced { get; private set; }

    /// <summary>The file of the row that was there; 0 if the row names none.</summary>
    public long Other { get; private set; }

    /// <summary>Whether nothing was decided, because <see cref="Other"/> is not known: look it up, and run the statement again.</summary>
    public bool IsUndecided { get; private set; }

    private long Incoming { get; set; }

    /// <summary>To be called before each statement.</summary>
    /// <param name="fileId">The file of the row.</param>
    public void Expect(long fileId)
    {
        Incoming = fileId;
        HasConflict = Replaced = IsUndecided = false;
        Other = 0;
    }

    /// <summary>Takes the function away first: SQLite must not call into what is gone.</summary>
    public void Dispose()
    {
        if (!_self.IsAllocated) return;
        if (_db.IsOpen) _ = SqliteNative.CreateFunction(_db.Handle, Function, 2, raw.SQLITE_UTF8, 0, null, 0, 0, 0);
        _self.Free();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Decide(nint context, int count, nint* arguments)
    {
        var probe = (ConflictProbe)GCHandle.FromIntPtr(SqliteNative.UserData(context)).Target!;
        bool differs = SqliteNative.ValueInt(arguments[0]) != 0;
        SqliteNative.ResultInt(context, probe.Wins(differs, SqliteNative.ValueInt64(arguments[1])) ? 1 : 0);
    }

    /// <summary>Whether our row is written over the one that is there. Never throws: no exception may pass through SQLite.</summary>
    private bool Wins(bool differs, long other)
    {
        (HasConflict, Other) = (true, other);
        if (_policy == DuplicatePolicy.Reject) return false;
        bool isLast = _policy == DuplicatePolicy.LastWins;
        if (other == 0 || other == Incoming) return Replaced = isLast && differs;
        if (_lineage.IsAfter(Incoming, other) is not { } isAfter)
        {
            IsUndecided = true;
            return false;
        }
        if (isAfter != isLast) return false;
        Replaced = differs;
        // The row is of the newer file now, also if the value is the same.
        return true;
    }
}
