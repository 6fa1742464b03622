namespace Dynamo.Pipeline;

/// <summary>
/// Writes rows and counts truly what became of each. Rows go sixteen to a statement that stops at the first row it cannot insert and keeps those before
/// (<c>OR FAIL</c>): its count of changes says which row that was. The rest go one by one. A statement that would be undone whole
/// (<c>OR ABORT</c>) costs three times as much, since SQLite copies every page it touches aside. Tables with triggers get their rows one by one, since
/// a trigger can drop rows unseen (<c>RAISE(IGNORE)</c>); so do tables that once failed a statement in a way that leaves its count of changes in doubt.
/// </summary>
internal sealed class SqliteRowWriter<TRow> : IDisposable
{
    private const int Block = 16, LongestDetour = 1024;

    private readonly SqliteDb _db;
    private readonly DuplicatePolicy _policy;
    private readonly SqliteRejectWriter _rejects;
    private readonly SqliteBinder<TRow>[] _binders;
    private readonly SqliteMeeting _meeting;
    private readonly SqliteStatement _block, _upsert, _countTriggers;
    private readonly Pending[] _pending = new Pending[Block];
    private int _count;
    private bool _hasTriggers, _mayCollect = true;

    /// <summary>How many rows go one by one before blocks are tried again: after failures in a row it doubles, as a file that was sent again has many.</summary>
    private int _detour, _detourLeft;

    public SqliteRowWriter(SqliteDb db, RowMap<TRow> map, DuplicatePolicy policy, SqliteRejectWriter rejects)
    {
        (_db, _policy, _rejects) = (db, policy, rejects);
        _binders = [.. map.Columns.Select(SqliteBinder<TRow>.For)];
        var sql = new SqliteRowSql<TRow>(map);
        _block = db.Prepare(sql.InsertBlock(Block));
        _meeting = new SqliteMeeting(db);
        _upsert = db.Prepare(sql.Upsert(policy));
        _countTriggers = db.Prepare(sql.CountTriggers);
    }

    /// <summary>To be called inside each new transaction: what is pending from a failed one is forgotten, and triggers may have come or gone.</summary>
    public void Begin()
    {
        _count = _detourLeft = 0;
        _block.Reset();
        _hasTriggers = _countTriggers.Next() && _countTriggers.Int64(0) > 0;
        _countTriggers.Reset();
    }

    public void Add(FileWork<TRow> work, TRow row, long line)
    {
        var added = new Pending(work, row, line, work.Ordinal++);
        if (work.Poison is { } poison && poison.TryGetValue(added.Ordinal, out Defect? defect))
            _rejects.Add(work, defect);
        else if (_hasTriggers || !_mayCollect || _detourLeft > 0)
            Detour(added);
        else
            Collect(added);
    }

    /// <summary>Writes what is pending; the counts are true then.</summary>
    public void Flush()
    {
        if (_count > 0) _block.Reset();
        FlushAfter(0);
    }

    public void Dispose()
    {
        _block.Dispose();
        _upsert.Dispose();
        _countTriggers.Dispose();
        _meeting.Dispose();
    }

    private void Collect(in Pending added)
    {
        if (!Bind(_block, _count * _binders.Length, added)) return;
        _pending[_count++] = added;
        if (_count == Block) WriteBlock();
    }

    private void Detour(in Pending added)
    {
        Flush();
        WriteOne(added);
        if (_detourLeft > 0) _detourLeft--;
    }

    private void WriteBlock()
    {
        int code = _block.TryRun();
        if (code == SqliteNative.Done)
        {
            if (_db.Changes != Block) throw _db.Fault("counting the rows it wrote");
            for (int i = 0; i < Block; i++)
                _pending[i].Work.Inserted++;
            _count = _detour = 0;
            return;
        }
        if (!_db.InTransaction || !(SqliteFault.IsRefusal(code) || code == SqliteNative.Error)) throw _db.Fault("writing rows");
        if (!SqliteFault.CountsChanges(code)) throw DoubtfulCount();
        FlushAfter((int)_db.Changes);
        _detour = Math.Clamp(_detour * 2, Block, LongestDetour);
        _detourLeft = _detour;
    }

    private void FlushAfter(int inserted)
    {
        int count = _count;
        _count = 0;
        for (int i = 0; i < inserted; i++)
            _pending[i].Work.Inserted++;
        for (int i = inserted; i < count; i++)
            WriteOne(_pending[i]);
    }

    /// <summary>A type check or a function failed: rows before it may be in the table or not, and no count tells. The transaction is begun anew without blocks.</summary>
    private TransactionEndedException DoubtfulCount()
    {
        _mayCollect = false;
        return new TransactionEndedException(_db.Fault("writing rows"));
    }

    private void WriteOne(in Pending pending)
    {
        if (!Bind(_upsert, 0, pending)) return;
        _meeting.Forget();
        int code = _upsert.TryRun();
        if (code != SqliteNative.Done) Refuse(pending, code, _upsert);
        else if (_meeting.HasMet && _policy == DuplicatePolicy.Reject) Reject(pending, Duplicate(pending));
        else if (_meeting.HasMet && !_meeting.Differs) pending.Work.Unchanged++;
        else if (_db.Changes == 0) Reject(pending, LeftOut);
        else if (_meeting.HasMet) pending.Work.Updated++;
        else pending.Work.Inserted++;
    }

    /// <summary>Binds a row from a parameter on, or rejects it.</summary>
    private bool Bind(SqliteStatement statement, int before, in Pending pending)
    {
        for (int i = 0; i < _binders.Length; i++)
        {
            if (_binders[i].Bind(statement, before + i + 1, pending.Row) is not { } problem) continue;
            SqliteBinder<TRow> binder = _binders[i];
            Reject(pending, new Defect(problem) { Column = binder.Column.Name, Found = binder.Show(pending.Row) });
            return false;
        }
        return true;
    }

    /// <summary>
    /// A statement the database did not take: the row's fault when a constraint says so, or when the statement itself still compiles (a trigger's
    /// or a check's arithmetic failed on these values).
    /// </summary>
    private void Refuse(in Pending pending, int code, SqliteStatement statement)
    {
        SinkException fault = _db.Fault("writing rows");
        Defect defect = RefusedRow.Of(_db.ErrorMessage, code, name => _binders.FirstOrDefault(b => b.Column.Name == name)?.Column.Name);
        bool ended = !_db.InTransaction;
        if (!SqliteFault.IsRefusal(code) && (code != SqliteNative.Error || ended || !Compiles(statement))) throw fault;
        if (!ended)
        {
            Reject(pending, defect);
            return;
        }
        pending.Work.Remember(pending.Ordinal, Located(pending, defect));
        throw new TransactionEndedException(fault);
    }

    private bool Compiles(SqliteStatement statement)
    {
        try
        {
            using SqliteStatement again = _db.Prepare(statement.Sql);
            return true;
        }
        catch (SinkException)
        {
            return false;
        }
    }

    private void Reject(in Pending pending, Defect defect) => _rejects.Add(pending.Work, Located(pending, defect));

    private Defect Located(in Pending pending, Defect defect) => defect with { Line = pending.Line, RawText = Show(pending.Row, keysOnly: false) };

    private string Show(TRow row, bool keysOnly) =>
        string.Join(", ", _binders.Where(b => b.Column.IsKey || !keysOnly).Select(b => b.Show(row) ?? "NULL"));

    private Defect Duplicate(in Pending pending) =>
        new("a row with the same key is there already") { Found = Show(pending.Row, keysOnly: true), Expected = "a new key" };

    private static Defect LeftOut => new("a trigger of the database left the row out") { Remedy = "Look at the table's triggers with RAISE(IGNORE)" };

    private readonly record struct Pending(FileWork<TRow> Work, TRow Row, long Line, long Ordinal);
}
