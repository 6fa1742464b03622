using System.Data;
using System.Data.Common;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The server did not answer in time. Everything else on the connection would wait for that answer, so it is closed later, and nobody
/// waits for that.
/// </summary>
internal sealed class StalledConnectionException() : TimeoutException("The server did not answer.");

/// <summary>
/// Bulk copies, with columns mapped by name. Their progress is limited, not their whole time: the server must answer for each
/// <see cref="SqlServerPlan.RowsAtOnce"/> rows within the stall time. Each blocks a thread of its own. Asynchronously, SqlClient makes
/// two tasks for each row, which cost as much as all the rest, and still blocks a thread while it waits for the server's answer.
/// </summary>
internal sealed class SqlServerCopy<TRow>(SqlServerDb db, SqlServerTarget<TRow> target)
{
    /// <summary>
    /// How long a copy may take to notice a cancellation between two rows; and how long SqlClient may take to cancel at the server
    /// after its own time-out (5 s), with a margin.
    /// </summary>
    private static readonly TimeSpan s_hearing = TimeSpan.FromSeconds(2), s_attention = TimeSpan.FromSeconds(10);

    /// <summary>Copies a batch's rows into the staging table of the session.</summary>
    /// <returns>The parts of the keys that the rows touch.</returns>
    public Task<int> StageAsync(SqlServerWriting<TRow> writing) =>
        CopyAsync(writing, null, SqlServerMergeSql<TRow>.Staging, staged: true);

    /// <summary>Copies a batch's rows into the table itself. Constraints are checked and triggers fire.</summary>
    public Task AppendAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction) =>
        CopyAsync(writing, transaction, target.Name, staged: false);

    /// <summary>Copies rows of the ledger or the rejects.</summary>
    public async Task WriteAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction, string table, DataTable rows)
    {
        if (rows.Rows.Count == 0) return;
        await UseAsync(writing, Bulk(writing, SqlBulkCopyOptions.CheckConstraints, transaction, table), copy =>
        {
            foreach (DataColumn column in rows.Columns)
                copy.ColumnMappings.Add(column.ColumnName, column.ColumnName);
            return SendAsync(writing, copy, transaction, rows.CreateDataReader());
        }).ConfigureAwait(false);
    }

    private async Task<int> CopyAsync(SqlServerWriting<TRow> writing, SqlTransaction? transaction, string table, bool staged)
    {
        var feed = new BulkCopyRows<TRow>(writing, target);
        await UseAsync(writing, Bulk(writing, How(staged), transaction, table), async copy =>
        {
            Map(copy, writing, staged);
            int firstFile = staged ? 0 : writing.FirstFileId;
            bool byName = staged || target.Triggers == 0;
            await foreach (IReadOnlyList<StagedPiece<TRow>> pieces in feed.ReadAsync(byName).ConfigureAwait(false))
            {
                using var reader = new StagedRowReader<TRow>(target.Map.Columns, pieces, feed.Admit, firstFile);
                await SendAsync(writing, copy, transaction, reader).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
        return feed.Parts;
    }

    /// <summary>A copy that was given up is not disposed: it still runs, and the connection could not be closed after it.</summary>
    private static async Task UseAsync(SqlServerWriting<TRow> writing, SqlBulkCopy copy, Func<SqlBulkCopy, Task> use)
    {
        try
        {
            await use(copy).ConfigureAwait(false);
        }
        finally
        {
            if (writing.Abandoned is null) ((IDisposable)copy).Dispose();
        }
    }

    /// <summary>
    /// SqlClient limits how long it waits for an answer, but it notices no cancellation while it waits: in version 7.1 it reads the
    /// answer with a blocking call in every mode, and holds a lock that closing the connection needs. And it waits for ever when the
    /// server takes no more rows. In both cases the connection is given up.
    /// </summary>
    private async Task SendAsync(SqlServerWriting<TRow> writing, SqlBulkCopy copy, SqlTransaction? transaction, DbDataReader rows)
    {
        // Between two notices are an answer, the next request and its rows. SqlClient allows the stall time for each.
        TimeSpan longest = (3 * db.Options.StallTimeout) + s_attention;
        using var quiet = new CancellationTokenSource(longest, db.Options.TimeProvider);
        db.Waits(longest);
        copy.SqlRowsCopied += Copied;
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(quiet.Token, writing.Cancellation);
        Task copying = Task.Factory.StartNew(
            () => target.Dialect.Send(copy, rows, writing.Connection, transaction, Restart),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (stopping.Token.Register(stopped.SetResult))
            await Task.WhenAny(copying, stopped.Task).ConfigureAwait(false);
        if (!copying.IsCompleted) await Task.WhenAny(copying, Task.Delay(s_hearing, CancellationToken.None)).ConfigureAwait(false);
        copy.SqlRowsCopied -= Copied;
        if (!copying.IsCompleted)
        {
            writing.Abandoned = copying;
            throw new StalledConnectionException();
        }
        await copying.ConfigureAwait(false);

        void Restart()
        {
            db.Waits(longest);
            quiet.CancelAfter(longest);
        }

        void Copied(object? sender, SqlRowsCopiedEventArgs e) => Restart();
    }

    private SqlBulkCopyOptions How(bool staged)
    {
        if (staged) return SqlBulkCopyOptions.TableLock;
        SqlBulkCopyOptions options = SqlBulkCopyOptions.CheckConstraints | SqlBulkCopyOptions.FireTriggers;
        return target.Plan.LocksTable ? options | SqlBulkCopyOptions.TableLock : options;
    }

    /// <summary>
    /// Every column on the wire costs time. The line of a row is known here unless its file is streamed, and its file is always known.
    /// Only a procedure needs both columns.
    /// </summary>
    private void Map(SqlBulkCopy copy, SqlServerWriting<TRow> writing, bool staged)
    {
        foreach (SqlServerColumn<TRow> column in target.Columns)
            copy.ColumnMappings.Add(column.Column.Name, staged ? column.Column.Name : column.Target.Name);
        if (!staged && target.FileColumn is { } file) copy.ColumnMappings.Add(StagedRowReader<TRow>.FileColumn, file.Name);
        if (!staged) return;
        copy.ColumnMappings.Add(StagedRowReader<TRow>.SequenceColumn, StagedRowReader<TRow>.SequenceColumn);
        if (db.Options.Procedure is not null || writing.Works.Any(w => w.Rows.IsStreamed))
            copy.ColumnMappings.Add(StagedRowReader<TRow>.LineColumn, StagedRowReader<TRow>.LineColumn);
        if (db.Options.Procedure is not null) copy.ColumnMappings.Add(StagedRowReader<TRow>.FileColumn, StagedRowReader<TRow>.FileColumn);
    }

    /// <summary>
    /// Rows stream without <c>EnableStreaming</c> too. That option is for single values that are too long for memory, and asks for each
    /// value whether it is null.
    /// </summary>
    private SqlBulkCopy Bulk(SqlServerWriting<TRow> writing, SqlBulkCopyOptions options, SqlTransaction? transaction, string table) =>
        new(writing.Connection, options, transaction)
        {
            DestinationTableName = table,
            BatchSize = target.Plan.RowsAtOnce,
            NotifyAfter = target.Plan.RowsAtOnce,
            BulkCopyTimeout = SqlServerText.Seconds(db.Options.StallTimeout),
        };
}
