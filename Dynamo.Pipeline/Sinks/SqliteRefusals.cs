namespace Dynamo.Pipeline;

/// <summary>Rows that the database, or the table's keys, did not take: each is rejected by name, unless the database itself is broken.</summary>
internal sealed class SqliteRefusals<TRow>(SqliteDb db, SqliteBinder<TRow>[] binders, SqliteRejectWriter rejects)
{
    /// <summary>A value that no column takes.</summary>
    public void Unbound(in PendingRow<TRow> pending, SqliteBinder<TRow> binder, string problem) =>
        Reject(pending, new Defect(problem) { Column = binder.Column.Name, Found = binder.Show(pending.Row) });

    /// <summary>A second row of a key, under <see cref="DuplicatePolicy.Reject"/>.</summary>
    public void Duplicate(in PendingRow<TRow> pending) =>
        Reject(pending, new Defect("a row with the same key is there already") { Found = Show(pending.Row, keysOnly: true), Expected = "a new key" });

    /// <summary>A row that vanished without an error.</summary>
    public void LeftOut(in PendingRow<TRow> pending) =>
        Reject(pending, new Defect("a trigger of the database left the row out") { Remedy = "Look at the table's triggers with RAISE(IGNORE)" });

    /// <summary>
    /// A statement the database did not take: the row's fault when a constraint says so, or when the statement itself still compiles (a trigger's
    /// or a check's arithmetic failed on these values).
    /// </summary>
    public void Refused(in PendingRow<TRow> pending, int code, SqliteStatement statement)
    {
        SinkException fault = db.Fault("writing rows");
        Defect defect = RefusedRow.Of(db.ErrorMessage, code, name => binders.FirstOrDefault(b => b.Column.Name == name)?.Column.Name);
        bool ended = !db.InTransaction;
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
            using SqliteStatement again = db.Prepare(statement.Sql);
            return true;
        }
        catch (SinkException)
        {
            return false;
        }
    }

    private void Reject(in PendingRow<TRow> pending, Defect defect) => rejects.Add(pending.Work, Located(pending, defect));

    private Defect Located(in PendingRow<TRow> pending, Defect defect) => defect with { Line = pending.Line, RawText = Show(pending.Row, keysOnly: false) };

    private string Show(TRow row, bool keysOnly) =>
        string.Join(", ", binders.Where(b => b.Column.IsKey || !keysOnly).Select(b => b.Show(row) ?? "NULL"));
}
