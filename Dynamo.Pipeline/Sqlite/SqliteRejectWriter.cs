using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>Counts rejected rows and writes them, within the transaction of their file.</summary>
internal sealed class SqliteRejectWriter(SqliteDb db, SqliteSinkOptions options, RunStart run, long runId) : IDisposable
{
    private const string Columns = "RunId, Source, Path, Line, ColumnName, Problem, Found, Expected, Remedy, RawText";

    private readonly SqliteStatement _insert = db.Prepare(
        $"INSERT INTO {SqliteSchema.Quote(options.RejectTable)} ({Columns}) VALUES (?,?,?,?,?,?,?,?,?,?)");

    /// <summary>A row that is left out. Above the file's limit it is only counted, since the file will be taken back.</summary>
    public void Add<TRow>(FileWork<TRow> work, Defect defect)
    {
        work.Count(defect);
        if (!BadRows.AreOverLimit(work.Rejected, run.MaxBadRows)) Write(work.File, work.Rows.Shown(defect));
    }

    /// <summary>The rejects of a quarantined file.</summary>
    public void WriteKept<TRow>(FileWork<TRow> work)
    {
        foreach (Defect defect in work.Kept)
            Write(work.File, defect);
    }

    public void Dispose() => _insert.Dispose();

    private void Write(SourceFile file, Defect defect)
    {
        _insert.Int64(1, runId);
        _insert.Text(2, run.Source);
        _insert.Text(3, file.Path);
        if (defect.Line is { } line) _insert.Int64(4, line);
        else _insert.Null(4);
        _insert.Text(5, defect.Column);
        _insert.Text(6, defect.Problem);
        _insert.Text(7, defect.Found);
        _insert.Text(8, defect.Expected);
        _insert.Text(9, defect.Remedy);
        _insert.Text(10, defect.RawText);
        _insert.Run("writing rejected rows");
    }
}
