using System.Globalization;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Removes old records: chooses some, and deletes them with a statement that commits by itself, so that writers wait for few rows only.
/// After a transient error it goes on with what is left. Used by one thread at a time.
/// </summary>
internal sealed class SqlServerPrune(SqlServerDb db, LedgerRetention retention, string table)
{
    /// <summary>Below the 5,000 rows from which on a server locks the whole table.</summary>
    private const int AtOnce = 1_000;

    private static readonly byte[] s_firstKey = new byte[32];

    private readonly string _ledger = SqlServerText.Quote(db.Options.Schema, db.Options.LedgerTable);
    private readonly string _runs = SqlServerText.Quote(db.Options.Schema, db.Options.RunTable);
    private readonly string _rejects = SqlServerText.Quote(db.Options.Schema, db.Options.RejectTable);

    private Pruned _files = Pruned.Nothing, _rejected = Pruned.Nothing, _ended = Pruned.Nothing;
    private HashSet<int>? _named;
    private bool? _hasPairs;
    private byte[] _lastKey = s_firstKey;

    public async Task<PrunedLedger> RunAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        // The rejects first: the entries tell their age.
        if (retention.RejectsBeforeUtc is { } rejected)
            await PruneRejectsAsync(connection, rejected, cancellationToken).ConfigureAwait(false);
        if (retention.FilesBeforeUtc is { } imported) await PruneFilesAsync(connection, imported, cancellationToken).ConfigureAwait(false);
        if (retention.RunsBeforeUtc is { } ended) await PruneRunsAsync(connection, ended, cancellationToken).ConfigureAwait(false);
        return new PrunedLedger(_files, _rejected, _ended);
    }

    private async Task PruneFilesAsync(SqlConnection connection, DateTime before, CancellationToken cancellationToken)
    {
        // Its number must not be given to another file, so the entry with the highest one stays.
        string old = $"Outcome = '{LedgerOutcome.Loaded}' AND ImportedUtc < @before "
            + $"AND (FileId IS NULL OR FileId < (SELECT MAX(FileId) FROM {_ledger}))";
        string choose = FormattableString.Invariant($"SELECT TOP ({AtOnce}) FileKey, Source, Path, ImportedUtc, FileId FROM {_ledger} ")
            + $"WHERE FileKey > @after AND Source = @source AND {old} ORDER BY FileKey";
        while (true)
        {
            List<(byte[] Key, string Source, string Path, DateTime Imported, int? FileId)> page = await db.QueryAsync(
                connection, null, choose,
                row => ((byte[])row.GetValue(0), row.GetString(1), row.GetString(2), LedgerTime.Utc(row.GetDateTime(3)),
                    row.IsDBNull(4) ? (int?)null : Convert.ToInt32(row.GetValue(4), CultureInfo.InvariantCulture)),
                cancellationToken, ("@after", _lastKey), ("@source", retention.Source), ("@before", before)).ConfigureAwait(false);
            if (page.Count == 0) return;
            if (retention.KeepsLineage) _named ??= await NamedAsync(connection, cancellationToken).ConfigureAwait(false);
            _lastKey = page[^1].Key;
            page.RemoveAll(entry => entry.Source != retention.Source || retention.AtSource!.MayHold(entry.Path)
                || (entry.FileId is { } id && _named?.Contains(id) == true));
            if (page.Count == 0) continue;
            _files = await RemoveFilesAsync(
                connection, $"{old} AND FileKey IN ({string.Join(',', page.Select((_, at) => FormattableString.Invariant($"@k{at}")))})",
                [.. page.Select(entry => (DateTime?)entry.Imported)], cancellationToken,
                [("@before", before), .. page.Select((entry, at) => (FormattableString.Invariant($"@k{at}"), (object?)entry.Key))])
                .ConfigureAwait(false);
        }
    }

    /// <summary>Removes entries, and with them the pairs that name them: whose rows met keys of whose.</summary>
    private async Task<Pruned> RemoveFilesAsync(
        SqlConnection connection, string where, DateTime?[] times, CancellationToken cancellationToken,
        params (string Name, object? Value)[] parameters)
    {
        string delete = $"DELETE FROM {_ledger} OUTPUT deleted.ImportedUtc WHERE {where}";
        string pairs = SqlServerText.Quote(db.Options.Schema, db.Options.OverlapTable);
        _hasPairs ??= db.Options.Procedure is null && await db.HasAsync(connection, pairs, cancellationToken).ConfigureAwait(false);
        if (retention.DryRun || _hasPairs == false)
            return await RemoveAsync(connection, null, delete, _files, times, cancellationToken, parameters).ConfigureAwait(false);

        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            var undo = new SqlServerUndo(db, connection, transaction, cancellationToken);
            await undo.ForgetPairsAsync(where, parameters).ConfigureAwait(false);
            Pruned pruned = await RemoveAsync(connection, transaction, delete, _files, times, cancellationToken, parameters)
                .ConfigureAwait(false);
            await SqlServerTransaction.CommitAsync(db, transaction).ConfigureAwait(false);
            return pruned;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>The files that rows of the table name.</summary>
    private async Task<HashSet<int>> NamedAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        string rows = SqlServerText.Quote(db.Options.Schema, table), file = SqlServerText.Quote(db.Options.FileColumn);
        if (db.Options.Procedure is not null || !await HasFilesAsync(connection, cancellationToken).ConfigureAwait(false)) return [];
        List<int> named = await db.QueryAsync(
            connection, null, $"SELECT DISTINCT {file} FROM {rows} WHERE {file} IS NOT NULL", row => row.GetInt32(0), cancellationToken)
            .ConfigureAwait(false);
        return [.. named];
    }

    private async Task<bool> HasFilesAsync(SqlConnection connection, CancellationToken cancellationToken)
    {
        const string Sql = "SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS "
            + "WHERE TABLE_SCHEMA = @schema AND TABLE_NAME = @table AND COLUMN_NAME = @column";
        List<int> found = await db.QueryAsync(
            connection, null, Sql, row => row.GetInt32(0), cancellationToken,
            ("@schema", db.Options.Schema), ("@table", table), ("@column", db.Options.FileColumn)).ConfigureAwait(false);
        return found[0] > 0;
    }

    private async Task PruneRejectsAsync(SqlConnection connection, DateTime before, CancellationToken cancellationToken)
    {
        string entry = $"SELECT 1 FROM {_ledger} AS e WHERE e.RunId = r.RunId AND e.Source = r.Source AND e.Path = r.Path";
        string choose = $"""
            SELECT r.RejectId, r.Source FROM {_rejects} AS r LEFT JOIN {_runs} AS u ON u.RunId = r.RunId
            WHERE r.Source = @source
              AND NOT EXISTS ({entry} AND (e.Outcome = '{LedgerOutcome.Quarantined}' OR e.ImportedUtc >= @before))
              AND (EXISTS ({entry}) OR u.RunId IS NULL OR (u.Outcome <> 'running' AND COALESCE(u.EndedUtc, u.StartedUtc) < @before))
            """;
        _rejected = await RemoveAsync(connection, choose, _rejects, "RejectId", before, _rejected, cancellationToken).ConfigureAwait(false);
    }

    private async Task PruneRunsAsync(SqlConnection connection, DateTime before, CancellationToken cancellationToken)
    {
        string choose = $"""
            SELECT RunId, Source, COALESCE(EndedUtc, StartedUtc) AS Ended FROM {_runs}
            WHERE Source = @source AND Outcome <> 'running' AND COALESCE(EndedUtc, StartedUtc) < @before
              AND RunId < (SELECT MAX(RunId) FROM {_runs} WHERE Source = @source)
            """;
        _ended = await RemoveAsync(connection, choose, _runs, "RunId", before, _ended, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes what a query chooses: numbers, sources, and times if it knows them.</summary>
    private async Task<Pruned> RemoveAsync(
        SqlConnection connection, string choose, string from, string number, DateTime before, Pruned pruned,
        CancellationToken cancellationToken)
    {
        List<(long Id, string Source, DateTime? Time)> chosen = await db.QueryAsync(
            connection, null, choose,
            row => (Convert.ToInt64(row.GetValue(0), CultureInfo.InvariantCulture), row.GetString(1),
                row.FieldCount > 2 ? LedgerTime.Utc(row.GetDateTime(2)) : (DateTime?)null),
            cancellationToken, ("@source", retention.Source), ("@before", before)).ConfigureAwait(false);
        foreach (var some in chosen.Where(row => row.Source == retention.Source).Chunk(AtOnce))
        {
            string ids = string.Join(',', some.Select(row => row.Id.ToString(CultureInfo.InvariantCulture)));
            pruned = await RemoveAsync(
                connection, null, $"DELETE FROM {from} OUTPUT deleted.{number} WHERE {number} IN ({ids})", pruned,
                [.. some.Select(row => row.Time)], cancellationToken).ConfigureAwait(false);
        }
        return pruned;
    }

    /// <summary>The statement returns a row for each that it removes, so that no number of affected rows is needed.</summary>
    private async Task<Pruned> RemoveAsync(
        SqlConnection connection, SqlTransaction? transaction, string delete, Pruned pruned, DateTime?[] times,
        CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        int count = times.Length;
        if (!retention.DryRun)
        {
            List<bool> gone = await db.QueryAsync(
                connection, transaction, delete, _ => true, cancellationToken, parameters).ConfigureAwait(false);
            count = gone.Count;
        }
        DateTime? oldest = count == 0 ? null : times.Min();
        return new Pruned(pruned.Count + count, pruned.OldestUtc < oldest || oldest is null ? pruned.OldestUtc : oldest);
    }
}
