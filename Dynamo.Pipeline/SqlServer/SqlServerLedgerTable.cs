using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Ledger;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The ledger and the rejects of one run, as a batch reads and writes them. Safe for concurrent use on different connections.
/// </summary>
internal sealed class SqlServerLedgerTable(SqlServerSinkOptions options, string source, long runId)
{
    /// <summary>The source whose files are written.</summary>
    public string Source => source;

    /// <summary>A query has one of two sizes, so that the server keeps the plan of each.</summary>
    private const int Few = 100, Many = 1000;

    private readonly string _ledger = SqlServerText.Quote(options.Schema, options.LedgerTable);
    private readonly string _rejects = SqlServerText.Quote(options.Schema, options.RejectTable);

    /// <summary>The files that were found to be in the ledger, but are to be imported again.</summary>
    private readonly ConcurrentDictionary<SourceFile, bool> _requeued = [];

    /// <summary>Whether the ledger was found to have the file as one to be imported again.</summary>
    public bool IsRequeued(SourceFile file) => !_requeued.IsEmpty && _requeued.ContainsKey(file);

    /// <summary>A file that was to be imported again, and was.</summary>
    public void Imported(SourceFile file) => _requeued.TryRemove(file, out _);

    /// <summary>The entries of these files, by their place in the list, without those that are to be imported again.</summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="transaction">
    /// The transaction, or null. In a transaction, the query waits for entries that another one is about to commit, also if readers
    /// get snapshots.
    /// </param>
    /// <param name="files">The files.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Dictionary<int, LedgerEntry>> FindAsync(
        SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, IReadOnlyList<SourceFile> files,
        CancellationToken cancellationToken)
    {
        Dictionary<int, SqlServerEntry> all =
            await FindAllAsync(db, connection, transaction, files, cancellationToken).ConfigureAwait(false);
        var found = new Dictionary<int, LedgerEntry>();
        foreach ((int at, SqlServerEntry entry) in all)
        {
            if (entry.IsRequeued) _requeued[files[at]] = true;
            else found[at] = entry.Entry;
        }
        return found;
    }

    /// <summary>As <see cref="FindAsync"/>, with those that are to be imported again.</summary>
    public async Task<Dictionary<int, SqlServerEntry>> FindAllAsync(
        SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, IReadOnlyList<SourceFile> files,
        CancellationToken cancellationToken)
    {
        var found = new Dictionary<int, SqlServerEntry>();
        int shape = files.Count > Few ? Many : Few;
        for (int from = 0; from < files.Count; from += shape)
            await FindSomeAsync(db, connection, transaction, files, from, shape, found, cancellationToken).ConfigureAwait(false);
        return found;
    }

    /// <summary>Writes the entries and rejects of these files, with their final counts.</summary>
    public async Task WriteAsync<TRow>(
        SqlServerCopy<TRow> copy, SqlServerWriting<TRow> writing, SqlTransaction transaction, IReadOnlyList<FileWork<TRow>> works)
    {
        using DataTable entries = Entries(works), rejects = Rejects(works);
        await copy.WriteAsync(writing, transaction, _ledger, entries).ConfigureAwait(false);
        await copy.WriteAsync(writing, transaction, _rejects, rejects).ConfigureAwait(false);
    }

    /// <summary>Removes the entries of files that have other content by now, before they are entered anew.</summary>
    public async Task ForgetAsync(
        SqlServerDb db, SqlConnection connection, SqlTransaction transaction, IEnumerable<SourceFile> files,
        CancellationToken cancellationToken)
    {
        foreach (SourceFile file in files)
        {
            SqlCommand command = db.Command(connection, transaction, $"DELETE FROM {_ledger} WHERE FileKey = @Key");
            await using (command.ConfigureAwait(false))
            {
                command.Parameters.Add("@Key", SqlDbType.Binary, 32).Value = SqlServerText.FileKey(source, file);
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task FindSomeAsync(
        SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, IReadOnlyList<SourceFile> files,
        int from, int shape, Dictionary<int, SqlServerEntry> found, CancellationToken cancellationToken)
    {
        SqlCommand command = db.Command(connection, transaction, Question(shape, locking: transaction is not null));
        await using (command.ConfigureAwait(false))
        {
            var places = new Dictionary<string, int>(StringComparer.Ordinal);
            for (int i = 0; i < shape; i++)
            {
                int at = Math.Min(from + i, files.Count - 1);
                byte[] key = SqlServerText.FileKey(source, files[at]);
                places.TryAdd(Convert.ToHexString(key), at);
                command.Parameters.Add(string.Create(CultureInfo.InvariantCulture, $"@k{i}"), SqlDbType.Binary, 32).Value = key;
            }
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    int place = places[Convert.ToHexString((byte[])reader.GetValue(0))];
                    LedgerEntry entry = Entry(reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2)) with
                    {
                        ContentHash = reader.IsDBNull(3) ? null : reader.GetInt64(3),
                        ImportedUtc = LedgerTime.Utc(reader.GetDateTime(4)),
                    };
                    found[place] = new SqlServerEntry(
                        entry, reader.IsDBNull(5) ? null : reader.GetInt32(5), reader.GetString(1) == LedgerOutcome.Requeued);
                }
            }
        }
    }

    private string Question(int shape, bool locking)
    {
        string lockHint = locking ? "WITH (UPDLOCK) " : "";
        var sql = new StringBuilder($"SELECT FileKey, Outcome, Reason, ContentHash, ImportedUtc, {SqlServerSchema.LedgerFileColumn} ")
            .Append(CultureInfo.InvariantCulture, $"FROM {_ledger} {lockHint}WHERE FileKey IN (");
        for (int i = 0; i < shape; i++)
            sql.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ",")}@k{i}");
        return sql.Append(')').ToString();
    }

    private static LedgerEntry Entry(string outcome, string? reason) => outcome == LedgerOutcome.Loaded
        ? new LedgerEntry(FileOutcome.Loaded, null)
        : new LedgerEntry(FileOutcome.Quarantined, reason is null ? null : DefectJson.Read(reason));

    private DataTable Entries<TRow>(IReadOnlyList<FileWork<TRow>> works)
    {
        DataTable table = Table(
            ("FileKey", SqlDbType.Binary),
            ("Source", SqlDbType.NVarChar),
            ("Path", SqlDbType.NVarChar),
            ("Size", SqlDbType.BigInt),
            ("ModifiedUtc", SqlDbType.DateTime2),
            ("RunId", SqlDbType.BigInt),
            ("Outcome", SqlDbType.NVarChar),
            ("Rows", SqlDbType.BigInt),
            ("Inserted", SqlDbType.BigInt),
            ("Updated", SqlDbType.BigInt),
            ("Unchanged", SqlDbType.BigInt),
            ("Rejected", SqlDbType.BigInt),
            ("Reason", SqlDbType.NVarChar),
            ("ImportedUtc", SqlDbType.DateTime2),
            (SqlServerSchema.LedgerFileColumn, SqlDbType.Int),
            (nameof(LedgerEntry.ContentHash), SqlDbType.BigInt));
        DateTime now = options.TimeProvider.GetUtcNow().UtcDateTime;
        foreach (FileWork<TRow> work in works)
        {
            bool loaded = work.Outcome == FileOutcome.Loaded;
            SourceFile file = work.File;
            table.Rows.Add(
                SqlServerText.FileKey(source, file),
                source,
                Cut(file.Path),
                file.Size,
                file.ModifiedUtc,
                runId,
                loaded ? LedgerOutcome.Loaded : LedgerOutcome.Quarantined,
                work.Rows.RowsRead,
                loaded ? work.Inserted : 0,
                loaded ? work.Updated : 0,
                loaded ? work.Unchanged : 0,
                loaded ? work.Rejected : work.Rows.RowsRead,
                loaded || work.Verdict is not { } verdict ? DBNull.Value : Cut(DefectJson.Write(verdict)),
                now,
                (int)work.FileId,
                work.Rows.ContentHash);
        }
        return table;
    }

    private DataTable Rejects<TRow>(IReadOnlyList<FileWork<TRow>> works)
    {
        DataTable table = Table(
            ("RunId", SqlDbType.BigInt),
            ("Source", SqlDbType.NVarChar),
            ("Path", SqlDbType.NVarChar),
            ("Line", SqlDbType.BigInt),
            ("ColumnName", SqlDbType.NVarChar),
            ("Problem", SqlDbType.NVarChar),
            ("Found", SqlDbType.NVarChar),
            ("Expected", SqlDbType.NVarChar),
            ("Remedy", SqlDbType.NVarChar),
            ("RawText", SqlDbType.NVarChar));
        foreach (FileWork<TRow> work in works)
            foreach (Defect defect in work.Kept)
                table.Rows.Add(
                    runId,
                    source,
                    Cut(work.File.Path),
                    defect.Line,
                    Cut(defect.Column, 256),
                    Cut(defect.Problem),
                    Cut(defect.Found),
                    Cut(defect.Expected),
                    Cut(defect.Remedy),
                    Cut(defect.RawText));
        return table;
    }

    private static DataTable Table(params ReadOnlySpan<(string Name, SqlDbType Type)> columns)
    {
        var table = new DataTable { Locale = CultureInfo.InvariantCulture };
        foreach ((string name, SqlDbType type) in columns)
            // Each type by its name, because a program that is compiled ahead keeps only types that are named.
            table.Columns.Add(type switch
            {
                SqlDbType.Binary => new DataColumn(name, typeof(byte[])),
                SqlDbType.BigInt => new DataColumn(name, typeof(long)),
                SqlDbType.Int => new DataColumn(name, typeof(int)),
                SqlDbType.DateTime2 => new DataColumn(name, typeof(DateTime)),
                _ => new DataColumn(name, typeof(string)),
            });
        return table;
    }

    private static string? Cut(string? text, int longest = SqlServerText.Longest) => SqlServerText.Cut(text, longest);
}

/// <summary>What the ledger has of a file.</summary>
/// <param name="Entry">What a look-up answers.</param>
/// <param name="FileId">The number of the file; null if a version entered it that gave none.</param>
/// <param name="IsRequeued">Whether the file is to be imported again.</param>
internal sealed record SqlServerEntry(LedgerEntry Entry, long? FileId, bool IsRequeued);
