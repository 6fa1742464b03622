namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A session of the server: its transaction, settings and temporary tables. One thread only, but for <see cref="Interrupt"/>.
/// </summary>
internal sealed partial class SqlSession : IDisposable
{
    private readonly TdsStore _shared;
    private readonly StoreConnection _store;
    private readonly object _transactionOwner = new();
    private CancellationToken _cancellation;
    private ServerError? _caught;
    private bool _holdsWriter;
    private bool _xactAbort;
    private bool _noCount;
    private long _rowCount;
    private long _identity;

    public SqlSession(TdsStore shared, int id)
    {
        _shared = shared;
        Id = id;
        _store = shared.Open();
        SqlCatalogue.CreateTemporary(_store);
        _store.Connection.CreateFunction(
            "OBJECT_ID",
            (string name) => SqlCatalogue.ObjectId(_store, SqlNames.Flat(name)) ?? (
                _shared.Procedures.ContainsKey(SqlNames.Flat(name)) ? int.MaxValue : null));
        _store.Connection.CreateFunction(
            "OBJECT_ID",
            (string name, string type) => type.Trim().Equals(
                "U", StringComparison.OrdinalIgnoreCase) ? SqlCatalogue.ObjectId(_store, SqlNames.Flat(name)) : null);
        _store.Connection.CreateFunction(
            "OBJECT_NAME", (int id) => _store.Scalar($"SELECT name FROM \"sys.objects\" WHERE object_id = {id}") as string);
        _store.Connection.CreateFunction("SCOPE_IDENTITY", () => _identity);
        _store.Connection.CreateFunction("APPLOCK_TEST", (string principal, string name, string mode, string owner) =>
            _shared.AppLocks.CouldTake(name, mode, owner.Equals("Session", StringComparison.OrdinalIgnoreCase) ? this : _transactionOwner)
                ? 1 : 0);
        _store.Connection.CreateFunction("XACT_STATE", () => TransactionDepth > 0 ? 1 : 0);
        _store.Connection.CreateFunction("ERROR_NUMBER", () => _caught?.Number);
        _store.Connection.CreateFunction("ERROR_MESSAGE", () => _caught?.Message);
    }

    public int Id { get; }

    /// <summary>@@TRANCOUNT.</summary>
    public int TransactionDepth { get; private set; }

    /// <summary>The transaction's descriptor, 0 when there is none.</summary>
    public long Transaction { get; private set; }

    public void Interrupt() => _store.Interrupt();

    public void Begin(ISqlOutput output)
    {
        if (TransactionDepth++ > 0) return;
        _store.Run("BEGIN");
        Transaction = _shared.NextTransaction();
        output.Began(Transaction);
    }

    /// <param name="output">Who is told that the transaction has ended.</param>
    public void Commit(ISqlOutput? output)
    {
        if (TransactionDepth == 0) throw new ServerError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.");
        if (TransactionDepth > 1)
        {
            TransactionDepth--;
            return;
        }
        _store.Run("COMMIT");
        long ended = EndTransaction();
        output?.Committed(ended);
    }

    public void Rollback(ISqlOutput? output)
    {
        if (TransactionDepth == 0) throw new ServerError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.");
        if (_store.InTransaction) _store.Run("ROLLBACK");
        long ended = EndTransaction();
        output?.RolledBack(ended);
    }

    /// <summary>What sp_reset_connection does when a pooled connection is handed out again.</summary>
    public void Reset()
    {
        if (TransactionDepth > 0) Rollback(null);
        (_xactAbort, _noCount) = (false, false);
        _shared.AppLocks.ReleaseAll(this);
        foreach (object?[] row in _store.Rows("SELECT name FROM \"tempdb.sys.objects\""))
        {
            SqlCatalogue.Remove(_store, (string)row[0]!);
            _store.Run($"DROP TABLE temp.{SqlToken.Quote((string)row[0]!)}");
        }
    }

    /// <summary>The connection is gone: what was not committed is undone.</summary>
    public void Dispose()
    {
        if (TransactionDepth > 0) Rollback(null);
        _shared.AppLocks.ReleaseAll(this);
        _store.Dispose();
    }

    private long EndTransaction()
    {
        long ended = Transaction;
        (Transaction, TransactionDepth) = (0, 0);
        _shared.AppLocks.ReleaseAll(_transactionOwner);
        LeaveWriter();
        return ended;
    }

    /// <summary>Waits for the writer's place when the statement needs it. Returns whether the statement has to leave it again.</summary>
    private bool EnterWriter(bool touchesBase, bool writes)
    {
        if (_holdsWriter || !touchesBase || (TransactionDepth == 0 && !writes)) return false;
        _shared.Writer.Wait(_cancellation);
        _holdsWriter = true;
        return TransactionDepth == 0;
    }

    private void LeaveWriter()
    {
        if (!_holdsWriter) return;
        _holdsWriter = false;
        _shared.Writer.Release();
    }
}
