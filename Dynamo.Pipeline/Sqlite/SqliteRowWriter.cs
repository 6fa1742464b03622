using Dynamo.Pipeline.Ledger;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Writes rows, and counts for each file what became of them: inserted, updated, unchanged or rejected. Rows are collected and written in
/// the order of their key (<see cref="SqliteRowOrder{TRow}"/>). A row that equals the one before it in all columns needs no statement.
/// Sixteen rows go into one statement, which stops at the first row that it cannot insert and keeps those before it (<c>OR FAIL</c>): its
/// count of changes says which row that was. The rest go one by one. A statement that would be undone as a whole (<c>OR ABORT</c>) costs
/// three times as much, since SQLite first copies every page that it touches. Two kinds of table get their rows one by one, as they come:
/// those with triggers, since a trigger can drop rows without a trace (<c>RAISE(IGNORE)</c>); and those that once failed a statement in a
/// way that leaves its count of changes in doubt.
/// </summary>
internal sealed class SqliteRowWriter<TRow> : IDisposable
{
    private const int Block = 16, LongestDetour = 1024;

    /// <summary>How many rows are put in order at once: a batch of the usual size.</summary>
    private const int MostCollected = 1 << 15;

    private readonly SqliteDb _db;
    private readonly DuplicatePolicy _policy;
    private readonly SqliteLineage _lineage;
    private readonly SqliteRejectWriter _rejects;
    private readonly SqliteBinder<TRow>[] _binders;
    private readonly SqliteRefusals<TRow> _refusals;
    private readonly SqliteRowOrder<TRow> _order;
    private readonly bool _mayOrder, _hasFiles;
    private readonly int _width;
    private readonly ConflictProbe _probe;
    private readonly SqliteStatement _block, _upsert, _countTriggers;
    private readonly Range[] _bound = new Range[Block];
    private PendingRow<TRow>[] _collected = [];
    private PendingRow<TRow> _lastMet;
    private int _count, _boundCount;
    private bool _hasTriggers, _byKey, _mayCollect = true;

    /// <summary>
    /// How many rows go one by one until blocks are tried again. It doubles with each failure in a row: a file that was sent again has
    /// many.
    /// </summary>
    private int _detour, _detourLeft;

    /// <param name="db">The connection.</param>
    /// <param name="map">The table.</param>
    /// <param name="options">The policy and the names.</param>
    /// <param name="lineage">The order of the files.</param>
    /// <param name="rejects">Gets the rows that are refused.</param>
    /// <param name="hasFiles">Whether the table has a column for each row's file.</param>
    public SqliteRowWriter(
        SqliteDb db, RowMap<TRow> map, SqliteSinkOptions options, SqliteLineage lineage, SqliteRejectWriter rejects, bool hasFiles)
    {
        (_db, _policy, _lineage, _rejects, _hasFiles) = (db, options.Duplicates, lineage, rejects, hasFiles);
        _binders = [.. map.Columns.Select(SqliteBinder<TRow>.For)];
        _refusals = new SqliteRefusals<TRow>(db, _binders, rejects);
        _width = map.Columns.Count + (hasFiles ? 1 : 0);
        var sql = new SqliteRowSql<TRow>(map, hasFiles ? options.FileColumn : null);
        _order = new SqliteRowOrder<TRow>(map);
        _mayOrder = db.Number(sql.CountCollations) == 0;
        _block = db.Prepare(sql.InsertBlock(Block));
        _probe = new ConflictProbe(db, lineage, _policy);
        _upsert = db.Prepare(sql.Upsert(_policy));
        _countTriggers = db.Prepare(sql.CountTriggers);
    }

    /// <summary>
    /// Must be called in each new transaction: rows left from a failed one are forgotten, and there may be other triggers now.
    /// </summary>
    /// <param name="careful">Rows stay as they come, so that the recorded rejects of a bad file are the first ones in the file.</param>
    public void Begin(bool careful)
    {
        _byKey = _mayOrder && !careful;
        _lastMet = default;
        _count = _boundCount = _detourLeft = 0;
        _block.Reset();
        _hasTriggers = _countTriggers.Next() && _countTriggers.Int64(0) > 0;
        _countTriggers.Reset();
    }

    public void Add(FileWork<TRow> work, TRow row, long line)
    {
        var added = new PendingRow<TRow>(work, row, line, work.Ordinal++);
        if (work.Poison is { } poison && poison.TryGetValue(added.Ordinal, out Defect? defect))
        {
            _rejects.Add(work, defect);
            return;
        }
        if (_hasTriggers || !_mayCollect)
        {
            WriteOne(added);
            return;
        }
        if (_count == _collected.Length) Array.Resize(ref _collected, Math.Clamp(_count * 2, 1024, MostCollected));
        _collected[_count++] = added;
        if (_count == MostCollected) Flush();
    }

    /// <summary>Writes the collected rows; after that, the counts are complete.</summary>
    public void Flush()
    {
        if (_count == 0) return;
        ReadOnlySpan<PendingRow<TRow>> rows = _collected.AsSpan(0, _count);
        ReadOnlySpan<SqliteRowOrder<TRow>.Place> places = _byKey ? _order.ByKey(rows) : _order.AsTheyCame(rows.Length);
        for (int at = 0; at < places.Length;)
        {
            int next = at + 1;
            while (next < places.Length && AreTwins(rows[places[at].Index], rows[places[next].Index])) next++;
            Write(rows, places, at..next);
            at = next;
        }
        if (_boundCount > 0) _block.Reset();
        WriteOneByOne(rows, places, 0);
        _count = 0;
    }

    public void Dispose()
    {
        _block.Dispose();
        _upsert.Dispose();
        _countTriggers.Dispose();
        _probe.Dispose();
    }

    /// <summary>
    /// Whether the second of two neighbours changes nothing after the first. Where duplicates are rejected, no row is skipped.
    /// </summary>
    private bool AreTwins(in PendingRow<TRow> first, in PendingRow<TRow> second)
    {
        if (_policy == DuplicatePolicy.Reject) return false;
        for (int i = _binders.Length - 1; i >= 0; i--)
            if (!_binders[i].AreSame(first.Row, second.Row)) return false;
        return true;
    }

    /// <summary>Writes the first of some equal rows: alone after a failure, otherwise in a block.</summary>
    private void Write(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> places, Range twins)
    {
        if (_detourLeft > 0)
        {
            _detourLeft--;
            WriteTwins(rows, places[twins]);
        }
        else if (Bind(_block, _boundCount * _width, rows[places[twins.Start.Value].Index], Owner(rows, places[twins]).FileId))
        {
            _bound[_boundCount++] = twins;
            if (_boundCount == Block) WriteBlock(rows, places);
        }
        else
        {
            foreach (SqliteRowOrder<TRow>.Place twin in places[twins][1..])
                WriteOne(rows[twin.Index]);
        }
    }

    /// <summary>The file that equal rows are of: the one that wins.</summary>
    private FileWork<TRow> Owner(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> twins) =>
        rows[twins[_policy == DuplicatePolicy.LastWins ? ^1 : 0].Index].Work;

    private void WriteBlock(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> places)
    {
        int code = _block.TryRun();
        if (code == raw.SQLITE_DONE)
        {
            if (_db.Changes != Block) throw _db.Fault("counting the rows it wrote");
            WriteOneByOne(rows, places, Block);
            _detour = 0;
            return;
        }
        if (!_db.InTransaction || !(SqliteFault.IsRefusal(code) || code == raw.SQLITE_ERROR)) throw _db.Fault("writing rows");
        if (!SqliteFault.CountsChanges(code)) throw DoubtfulCount();
        WriteOneByOne(rows, places, (int)_db.Changes);
        _detour = Math.Clamp(_detour * 2, Block, LongestDetour);
        _detourLeft = _detour;
    }

    /// <summary>Counts the rows of the block that were inserted, and writes the others one by one.</summary>
    private void WriteOneByOne(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> places, int inserted)
    {
        int bound = _boundCount;
        _boundCount = 0;
        for (int i = 0; i < bound; i++)
        {
            ReadOnlySpan<SqliteRowOrder<TRow>.Place> twins = places[_bound[i]];
            if (i >= inserted)
            {
                WriteTwins(rows, twins);
                continue;
            }
            rows[twins[0].Index].Work.Inserted++;
            CountUnchanged(rows, twins);
        }
    }

    private void WriteTwins(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> twins)
    {
        if (WriteOne(rows[twins[0].Index], Owner(rows, twins).FileId))
        {
            CountUnchanged(rows, twins);
            return;
        }
        foreach (SqliteRowOrder<TRow>.Place twin in twins[1..])
            WriteOne(rows[twin.Index]);
    }

    /// <summary>Counts what equals the first of some equal rows, which is in the table now.</summary>
    private void CountUnchanged(ReadOnlySpan<PendingRow<TRow>> rows, ReadOnlySpan<SqliteRowOrder<TRow>.Place> twins)
    {
        if (twins.Length == 1) return;
        FileWork<TRow> owner = Owner(rows, twins), before = rows[twins[0].Index].Work;
        bool isLast = _policy == DuplicatePolicy.LastWins;
        foreach (SqliteRowOrder<TRow>.Place twin in twins)
            if (_hasFiles && rows[twin.Index].Work is var work && work != owner)
                _lineage.Met(isLast ? owner.FileId : work.FileId, isLast ? work.FileId : owner.FileId);
        foreach (SqliteRowOrder<TRow>.Place twin in twins[1..])
        {
            FileWork<TRow> work = rows[twin.Index].Work;
            work.Unchanged++;
            if (work == before) work.Collided++;
            before = work;
        }
    }

    /// <summary>
    /// A type check or a function failed: the rows before it may be in the table or not, and no count tells. The transaction is started
    /// again, without blocks.
    /// </summary>
    private TransactionEndedException DoubtfulCount()
    {
        _mayCollect = false;
        return new TransactionEndedException(_db.Fault("writing rows"));
    }

    /// <summary>Whether the row is in the table now.</summary>
    private bool WriteOne(in PendingRow<TRow> pending) => WriteOne(pending, pending.Work.FileId);

    /// <param name="pending">The row.</param>
    /// <param name="fileId">The file that it is of: a later one if that has the same row.</param>
    private bool WriteOne(in PendingRow<TRow> pending, long fileId)
    {
        if (!Bind(_upsert, 0, pending, fileId)) return false;
        _probe.Expect(fileId);
        int code = _upsert.TryRun();
        if (_probe.IsUndecided)
        {
            _lineage.LookUp(_probe.Other);
            _probe.Expect(fileId);
            code = _upsert.TryRun();
        }
        if (_probe.HasConflict) CountMeeting(pending, fileId);
        if (code != raw.SQLITE_DONE) _refusals.Refused(pending, code, _upsert);
        else if (_probe.HasConflict && _policy == DuplicatePolicy.Reject) _refusals.Duplicate(pending);
        else if (_probe.HasConflict && !_probe.Replaced) pending.Work.Unchanged++;
        else if (_db.Changes == 0) _refusals.LeftOut(pending);
        else if (_probe.HasConflict) pending.Work.Updated++;
        else pending.Work.Inserted++;
        return code == raw.SQLITE_DONE && (_probe.HasConflict || _db.Changes > 0);
    }

    /// <summary>
    /// A row met one with its key that is in the table. In the order of the keys, two rows of a file that both met a row of another file
    /// come one after the other.
    /// </summary>
    private void CountMeeting(in PendingRow<TRow> pending, long fileId)
    {
        long other = _probe.Other;
        if (!_hasFiles || other == 0) return;
        bool isOwn = other == fileId && !_lineage.IsRequeued(pending.Work.File, out _);
        if (isOwn || (pending.Work == _lastMet.Work && HaveSameKey(pending.Row, _lastMet.Row))) pending.Work.Collided++;
        _lastMet = pending;
        if (other == fileId) return;
        // A row that is rejected lost to the one that is there, whichever file is newer.
        if (_policy != DuplicatePolicy.Reject && _lineage.IsAfter(fileId, other) == true) _lineage.Met(fileId, other);
        else _lineage.Met(other, fileId);
    }

    private bool HaveSameKey(TRow one, TRow other)
    {
        foreach (SqliteBinder<TRow> binder in _binders)
            if (binder.Column.IsKey && !binder.AreSame(one, other)) return false;
        return true;
    }

    /// <summary>Binds a row, beginning after a parameter, or rejects the row.</summary>
    private bool Bind(SqliteStatement statement, int before, in PendingRow<TRow> pending, long fileId)
    {
        if (_hasFiles) _ = statement.BindInt64(before + _width, fileId);
        for (int i = 0; i < _binders.Length; i++)
        {
            if (_binders[i].Bind(statement, before + i + 1, pending.Row) is not { } problem) continue;
            _refusals.Unbound(pending, _binders[i], problem);
            return false;
        }
        return true;
    }
}

/// <summary>
/// The statements of the row path. Their parameters are in the order of the map's columns. <c>OR ABORT</c> and <c>OR FAIL</c> override
/// whatever conflict clause the user's table has, so that nothing is replaced or ignored without our knowing.
/// </summary>
internal sealed class SqliteRowSql<TRow>
{
    private readonly RowMap<TRow> _map;
    private readonly string _table, _columns;
    private readonly string? _file;
    private readonly int _width;

    /// <param name="map">The table.</param>
    /// <param name="fileColumn">The column of each row's file, the last one; null if the table has none.</param>
    public SqliteRowSql(RowMap<TRow> map, string? fileColumn)
    {
        _map = map;
        _table = SqliteSchema.Quote(map.Name);
        _file = fileColumn is null ? null : SqliteSchema.Quote(fileColumn);
        _columns = List(", ", _map.Columns, name => name) + (_file is null ? "" : $", {_file}");
        _width = map.Columns.Count + (_file is null ? 0 : 1);
    }

    /// <summary>Inserts rows up to the first one that is there already; its count of changes is the number of rows before that.</summary>
    public string InsertBlock(int rows)
    {
        string row = $"({string.Join(',', Enumerable.Repeat('?', _width))})";
        return $"INSERT OR FAIL INTO {_table} ({_columns}) VALUES {string.Join(',', Enumerable.Repeat(row, rows))}";
    }

    /// <summary>
    /// Inserts one row. If its key is there already, <see cref="ConflictProbe"/> says whether it replaces that row's values and file.
    /// </summary>
    public string Upsert(DuplicatePolicy policy)
    {
        RowColumn<TRow>[] keys = [.. _map.Columns.Where(c => c.IsKey)], values = [.. _map.Columns.Where(c => !c.IsKey)];
        bool replaces = policy != DuplicatePolicy.Reject && values.Length > 0;
        string set = List(", ", replaces ? values : keys, name => $"{name} = excluded.{name}");
        if (_file is not null) set += $", {_file} = excluded.{_file}";
        string differs = replaces ? List(" OR ", values, name => $"{_table}.{name} IS NOT excluded.{name}") : "0";
        string file = _file is null ? "0" : $"{_table}.{_file}";
        return $"INSERT OR ABORT INTO {_table} ({_columns}) VALUES ({string.Join(", ", Enumerable.Range(1, _width).Select(i => $"?{i}"))}) "
            + $"ON CONFLICT ({List(", ", keys, name => name)}) DO UPDATE SET {set} WHERE {ConflictProbe.Function}({differs}, {file})";
    }

    /// <summary>How many triggers the table has.</summary>
    public string CountTriggers =>
        $"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = {SqliteSchema.Literal(_map.Name)} COLLATE NOCASE";

    /// <summary>
    /// How many columns of the table's unique keys take different texts for equal. If there are any, rows keep their order: sorted, equal
    /// rows could change places.
    /// </summary>
    public string CountCollations => "SELECT count(*) FROM pragma_index_list(" + SqliteSchema.Literal(_map.Name)
        + ") l, pragma_index_xinfo(l.name) c WHERE l.\"unique\" AND c.key AND c.coll <> 'BINARY'";

    private static string List(string between, IEnumerable<RowColumn<TRow>> columns, Func<string, string> write) =>
        string.Join(between, columns.Select(c => write(SqliteSchema.Quote(c.Name))));
}

/// <summary>Rejects rows that the database did not take, each with its line. An error of the database itself is thrown instead.</summary>
internal sealed class SqliteRefusals<TRow>(SqliteDb db, SqliteBinder<TRow>[] binders, SqliteRejectWriter rejects)
{
    /// <summary>A value that no column takes.</summary>
    public void Unbound(in PendingRow<TRow> pending, SqliteBinder<TRow> binder, string problem) =>
        Reject(pending, new Defect(problem) { Column = binder.Column.Name, Found = binder.Show(pending.Row) });

    /// <summary>A second row of a key, under <see cref="DuplicatePolicy.Reject"/>.</summary>
    public void Duplicate(in PendingRow<TRow> pending) =>
        Reject(pending, new Defect("a row with the same key is there already")
        {
            Found = Show(pending.Row, keysOnly: true),
            Expected = "a new key",
        });

    /// <summary>A row that vanished without an error.</summary>
    public void LeftOut(in PendingRow<TRow> pending) =>
        Reject(pending, new Defect("a trigger of the database left the row out")
        {
            Remedy = "Look at the table's triggers with RAISE(IGNORE)",
        });

    /// <summary>
    /// A statement that failed. The row is to blame if a constraint says so, or if the statement itself still compiles: then arithmetic of
    /// a trigger or a check failed on the row's values.
    /// </summary>
    public void Refused(in PendingRow<TRow> pending, int code, SqliteStatement statement)
    {
        SinkException fault = db.Fault("writing rows");
        Defect defect = RefusedRow.Of(db.ErrorMessage, code, name => binders.FirstOrDefault(b => b.Column.Name == name)?.Column.Name);
        bool ended = !db.InTransaction;
        bool isRefusal = SqliteFault.IsRefusal(code) || (code == raw.SQLITE_ERROR && !ended && Compiles(statement));
        if (!isRefusal) throw fault;
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
            using SqliteStatement again = db.Prepare(statement.Sql);
            return true;
        }
        catch (SinkException)
        {
            return false;
        }
    }

    private void Reject(in PendingRow<TRow> pending, Defect defect) => rejects.Add(pending.Work, Located(pending, defect));

    private Defect Located(in PendingRow<TRow> pending, Defect defect) =>
        defect with { Line = pending.Line, RawText = Show(pending.Row, keysOnly: false) };

    private string Show(TRow row, bool keysOnly) =>
        string.Join(", ", binders.Where(b => b.Column.IsKey || !keysOnly).Select(b => b.Show(row) ?? "NULL"));
}

/// <summary>
/// The transaction cannot go on: a row ended it (<c>RAISE(ROLLBACK)</c>), which its file remembers, or its counts are in doubt. The batch
/// must be written again, with what was learnt.
/// </summary>
internal sealed class TransactionEndedException(SinkException fault) : Exception(fault.Message, fault);

/// <summary>What a database's refusal says about the row.</summary>
internal static class RefusedRow
{
    /// <summary>A missing value names its column in the message, "NOT NULL constraint failed: Reading.Value".</summary>
    public static Defect Of(string message, int code, Func<string, string?> columnNamed) => new($"the database refused the row: {message}")
    {
        Column = code == raw.SQLITE_CONSTRAINT_NOTNULL ? columnNamed(message[(message.LastIndexOf('.') + 1)..]) : null,
        Remedy = "Correct the row, or the table's constraint, and retry the file",
    };
}

/// <summary>A row on its way into the database.</summary>
/// <param name="Work">Its file.</param>
/// <param name="Row">The row.</param>
/// <param name="Line">Its line in the file.</param>
/// <param name="Ordinal">Its number among the rows of its file.</param>
internal readonly record struct PendingRow<TRow>(FileWork<TRow> Work, TRow Row, long Line, long Ordinal);
