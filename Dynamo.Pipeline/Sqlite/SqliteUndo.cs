using System.Globalization;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>Traces rows to their files, and takes back what files brought. On a connection of its own; used by one thread.</summary>
internal sealed class SqliteUndo(SqliteDb db, SqliteSinkOptions options)
{
    private readonly string _ledger = SqliteSchema.Quote(options.LedgerTable);
    private readonly string _entries = SqliteSchema.Quote(SqliteSchema.Entries(options));
    private readonly string _runs = SqliteSchema.Quote(options.RunTable);
    private readonly string _rejects = SqliteSchema.Quote(options.RejectTable);
    private readonly string _overlaps = SqliteSchema.Quote(options.OverlapTable);
    private readonly string _fileId = SqliteSchema.Quote(options.FileColumn);

    private const string Chosen = "(SELECT FileId FROM temp.Undone)";

    private string Rejected => $"(RunId, Path) IN (SELECT f.RunId, f.Path FROM {_ledger} f WHERE f.FileId IN {Chosen})";

    /// <summary>The file that wins and the one that loses, under the policy.</summary>
    private (string Winner, string Loser) Roles =>
        options.Duplicates == DuplicatePolicy.FirstWins ? ("OlderFileId", "NewerFileId") : ("NewerFileId", "OlderFileId");

    public IReadOnlyList<TracedRow> Trace<TRow>(RowMap<TRow> map, IReadOnlyDictionary<string, string> key, int most)
    {
        RefuseWithoutFiles(map.Name);
        string[] columns = [.. map.Columns.Select(c => SqliteSchema.Quote(c.Name))];
        string[] keys = [.. map.Columns.Where(c => c.IsKey).Select(c => SqliteSchema.Quote(c.Name))];
        string[] asked = [.. key.Keys.Select(SqliteSchema.Quote)];
        if (asked.FirstOrDefault(name => !keys.Contains(name)) is { } missing)
            throw new ArgumentException($"The key of {map.Name} has no column {missing}.", nameof(key));
        string where = asked.Length == 0 ? "" : $"WHERE {string.Join(" AND ", asked.Select(name => $"{name} = ?"))} ";
        var found = new List<(string?[] Values, long File)>();
        using (SqliteStatement rows = db.Prepare(
            $"SELECT {string.Join(", ", columns)}, {_fileId} FROM {SqliteSchema.Quote(map.Name)} {where}"
            + $"ORDER BY {string.Join(" DESC, ", keys)} DESC LIMIT {most.ToString(CultureInfo.InvariantCulture)}"))
        {
            int at = 0;
            foreach (string value in key.Values) rows.Text(++at, value);
            while (rows.Next())
                found.Add(([.. Enumerable.Range(0, columns.Length).Select(rows.Text)], rows.Int64(columns.Length)));
        }
        found.Reverse();
        Dictionary<long, DeliveredFile> files = found.Select(row => row.File).Where(id => id > 0).Distinct()
            .SelectMany(id => Files("f.FileId = ?", id)).ToDictionary(file => file.FileId);
        return [.. found.Select(row => new TracedRow(row.Values, files.GetValueOrDefault(row.File))
        {
            FileId = row.File > 0 ? row.File : null,
        })];
    }

    public IReadOnlyList<DeliveredFile> Older(long fileId) => Files(
        $"f.FileId IN (SELECT OlderFileId FROM {_overlaps} WHERE NewerFileId = ?) ORDER BY f.ModifiedUtc DESC, f.Path DESC", fileId);

    /// <summary>What would be taken back. Changes nothing but a temporary table.</summary>
    public Undone Plan(string table, UndoneFiles files)
    {
        RefuseWithoutFiles(table);
        Choose(files);
        List<DeliveredFile> unrecorded = Files($"f.FileId IN {Chosen} AND f.FileId <= 0 ORDER BY f.ImportedUtc, f.Path");
        if (unrecorded.Count > 0) db.Execute("DELETE FROM temp.Undone WHERE FileId <= 0", "choosing files");
        (string winner, string loser) = Roles;
        return new Undone(
            Files($"f.FileId IN {Chosen} ORDER BY f.ImportedUtc, f.Path"),
            db.Number($"SELECT count(*) FROM {SqliteSchema.Quote(table)} WHERE {_fileId} IN {Chosen}") ?? 0,
            db.Number($"SELECT count(*) FROM {_rejects} WHERE {Rejected}") ?? 0,
            Files($"f.FileId IN (SELECT o.{loser} FROM {_overlaps} o WHERE o.{winner} IN {Chosen}) AND f.FileId NOT IN {Chosen} "
                + "ORDER BY f.ModifiedUtc, f.Path"))
        {
            Unrecorded = unrecorded,
        };
    }

    /// <summary>In a transaction, which the caller commits.</summary>
    public Undone Undo(string table, UndoneFiles files, IEnumerable<long> again)
    {
        Undone undone = Plan(table, files);
        db.Execute(
            $"""
            DELETE FROM {SqliteSchema.Quote(table)} WHERE {_fileId} IN {Chosen};
            DELETE FROM {_rejects} WHERE {Rejected};
            {Forget};
            DROP TABLE temp.Undone
            """,
            "taking files back");
        Requeue(again);
        return undone;
    }

    /// <summary>The statements that remove the entries of the chosen files. The last one changes as many rows as entries go.</summary>
    public string Forget
    {
        get
        {
            (string winner, string loser) = Roles;
            // Who lost to a file that goes, lost to those that this file lost to: the pairs must lead past it.
            return $"""
                WITH RECURSIVE past(Winner, Met) AS (
                  SELECT o.{winner}, o.{loser} FROM {_overlaps} o WHERE o.{loser} IN {Chosen} AND o.{winner} NOT IN {Chosen}
                  UNION
                  SELECT p.Winner, o.{loser} FROM past p JOIN {_overlaps} o ON o.{winner} = p.Met WHERE p.Met IN {Chosen})
                INSERT OR IGNORE INTO {_overlaps} ({winner}, {loser}) SELECT Winner, Met FROM past WHERE Met NOT IN {Chosen};
                DELETE FROM {_overlaps} WHERE NewerFileId IN {Chosen} OR OlderFileId IN {Chosen};
                DELETE FROM {_entries} WHERE FileId IN {Chosen}
                """;
        }
    }

    private void Requeue(IEnumerable<long> fileIds)
    {
        using SqliteStatement mark = db.Prepare(
            $"UPDATE {_entries} SET Outcome = '{LedgerOutcome.Requeued}' WHERE FileId = ? AND Outcome = '{LedgerOutcome.Loaded}'");
        foreach (long id in fileIds)
        {
            mark.Int64(1, id);
            mark.Run("marking files to import them again");
        }
    }

    private void Choose(UndoneFiles files)
    {
        db.Execute("CREATE TEMP TABLE Undone (FileId INTEGER PRIMARY KEY)", "taking files back");
        string run = files.RunId is null ? "" : " AND RunId = ?2", since = files.SinceUtc is null ? "" : " AND ImportedUtc >= ?3";
        string path = files.Paths is null ? "" : " AND (Path = ?4 OR substr(Path, -length(?4) - 1) = '/' || ?4)";
        // Read from end to end ("+"): by the index of the source, each entry would be a page of its own.
        using SqliteStatement choose = db.Prepare(
            $"INSERT OR IGNORE INTO temp.Undone SELECT FileId FROM {_ledger} WHERE +Source = ?1{run}{since}{path}");
        choose.Text(1, files.Source);
        if (files.RunId is { } id) choose.Int64(2, id);
        if (files.SinceUtc is { } time) choose.Time(3, time);
        foreach (string? one in files.Paths ?? [""])
        {
            if (files.Paths is not null) choose.Text(4, one);
            choose.Run("choosing files");
        }
    }

    private List<DeliveredFile> Files(string where, long? id = null)
    {
        var files = new List<DeliveredFile>();
        using SqliteStatement rows = db.Prepare($"""
            SELECT f.FileId, f.Source, f.Path, f.Size, f.ModifiedUtc, f.Outcome, f.Rows, f.ImportedUtc, f.RunId,
              r.Host, r.Version, r.Settings
            FROM {_ledger} f LEFT JOIN {_runs} r ON r.RunId = f.RunId WHERE {where}
            """);
        if (id is { } number) rows.Int64(1, number);
        while (rows.Next())
        {
            var file = new SourceFile(rows.Text(2) ?? "", rows.Int64(3), LedgerTime.Parse(rows.Text(4)));
            files.Add(new DeliveredFile(
                rows.Int64(0), rows.Text(1) ?? "", file, rows.Text(5) ?? "", rows.Int64(6), LedgerTime.Parse(rows.Text(7)), rows.Int64(8),
                rows.Text(9), rows.Text(10)) { Settings = rows.Text(11) });
        }
        return files;
    }

    private void RefuseWithoutFiles(string table)
    {
        RefuseOlder();
        if (HasFiles(table)) return;
        throw new SinkException($"The table {table} of {db.Path} has no column {options.FileColumn}, so its rows do not say of which file "
            + $"they are. Add it for what is imported from then on: ALTER TABLE {SqliteSchema.Quote(table)} ADD COLUMN {_fileId} INTEGER");
    }

    /// <summary>Whether the rows of a table name their files.</summary>
    public bool HasFiles(string table) => Has(table, options.FileColumn);

    /// <exception cref="SinkException">The database has no ledger, or that of an older version.</exception>
    public void RefuseOlder()
    {
        if (!Has(options.LedgerTable, "Source"))
            throw new SinkException($"The database {db.Path} has no table {options.LedgerTable}: no import has run into it.");
        if (!Has(SqliteSchema.Entries(options), "FileId"))
            throw new SinkException(SqliteSchema.OlderVersion(db.Path)
                + " What a version imported that kept no file for each reading stays without one.");
    }

    private bool Has(string table, string column)
    {
        (table, column) = (SqliteSchema.Literal(table), SqliteSchema.Literal(column));
        return db.Number($"SELECT count(*) FROM pragma_table_info({table}) WHERE name = {column} COLLATE NOCASE") > 0;
    }
}
