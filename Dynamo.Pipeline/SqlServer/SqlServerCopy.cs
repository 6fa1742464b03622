using System.Data;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The server did not answer in time. Whatever is asked of the connection would wait for that answer: it is closed without anybody
/// waiting for it.
/// </summary>
internal sealed class StalledConnectionException() : TimeoutException("The server did not answer.");

/// <summary>
/// Bulk copies, mapped by name, and bounded by progress instead of time: the server is to answer for each
/// <see cref="SqlServerPlan.RowsAtOnce"/> rows within the stall time. They block a
/// thread of their own: asynchronously, SqlClient makes two tasks a row, which cost as much as all the rest, and waits for the
/// server's answer on a thread all the same.
/// </summary>
internal sealed class SqlServerCopy<TRow>(SqlServerDb db, SqlServerTarget<TRow> target)
{
    /// <summary>
    /// How long a copy may take to hear a cancellation between two rows, and SqlClient to tell the server of its own time-out and
    /// hear its answer (5 s).
    /// </summary>
    private static readonly TimeSpan s_hearing = TimeSpan.FromSeconds(2), s_attention = TimeSpan.FromSeconds(10);

    /// <summary>Copies a batch's rows into the staging table of the session, or into one of its shape in a transaction.</summary>
    /// <returns>The parts of the keys it touches.</returns>
    public Task<int> StageAsync(
        SqlServerWriting<TRow> writing, SqlTransaction? transaction = null, string table = SqlServerMergeSql<TRow>.Staging) =>
        CopyAsync(writing, transaction, table, staged: true);

    /// <summary>Copies a batch's rows into the table itself, checks and triggers included.</summary>
    public Task AppendAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction) =>
        CopyAsync(writing, transaction, target.Name, staged: false);

    /// <summary>A few rows of our own, for the ledger and the rejects.</summary>
    public async Task WriteAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction, string table, DataTable rows)
    {
        if (rows.Rows.Count == 0) return;
        await UseAsync(writing, Bulk(writing, SqlBulkCopyOptions.CheckConstraints, transaction, table), copy =>
        {
            foreach (DataColumn column in rows.Columns)
                copy.ColumnMappings.Add(column.ColumnName, column.ColumnName);
            return RunAsync(writing, copy, () => copy.WriteToServer(rows));
        }).ConfigureAwait(false);
    }

    private async Task<int> CopyAsync(SqlServerWriting<TRow> writing, SqlTransaction? transaction, string table, bool staged)
    {
        var feed = new BulkCopyRows<TRow>(writing, target);
        await UseAsync(writing, Bulk(writing, How(staged), transaction, table), async copy =>
        {
            Map(copy, writing, staged);
            await foreach (
                IReadOnlyList<StagedPiece<TRow>> pieces in feed.ReadAsync(
                    byName: staged || target.Table.Triggers == 0).ConfigureAwait(false))
            {
                using var reader = new StagedRowReader<TRow>(target.Map.Columns, pieces, feed.Admit);
                await RunAsync(writing, copy, () => copy.WriteToServer(reader)).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
        return feed.Parts;
    }

    /// <summary>A copy that was given up needs all it has until it ends, or the connection cannot be closed then.</summary>
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
    /// SqlClient bounds how long it waits for an answer, but hears no cancellation then: its source of 7.1 reads the answer in a
    /// blocking call in every mode, under a lock that closing the connection needs. And it sends rows for ever to a server that takes
    /// none. In both cases the connection is given up.
    /// </summary>
    private async Task RunAsync(SqlServerWriting<TRow> writing, SqlBulkCopy copy, Action write)
    {
        // Between two notices are an answer, the next request and its rows, each of which SqlClient allows the stall time.
        TimeSpan longest = (3 * db.Options.StallTimeout) + s_attention;
        using var quiet = new CancellationTokenSource(longest, db.Options.TimeProvider);
        copy.SqlRowsCopied += Restart;
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(quiet.Token, writing.Cancellation);
        Task copying = Task.Factory.StartNew(write, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (stopping.Token.Register(stopped.SetResult))
            await Task.WhenAny(copying, stopped.Task).ConfigureAwait(false);
        if (!copying.IsCompleted) await Task.WhenAny(copying, Task.Delay(s_hearing, CancellationToken.None)).ConfigureAwait(false);
        copy.SqlRowsCopied -= Restart;
        if (!copying.IsCompleted)
        {
            writing.Abandoned = copying;
            throw new StalledConnectionException();
        }
        await copying.ConfigureAwait(false);

        void Restart(object? sender, SqlRowsCopiedEventArgs e) => quiet.CancelAfter(longest);
    }

    private SqlBulkCopyOptions How(bool staged) => staged ? SqlBulkCopyOptions.TableLock
        : SqlBulkCopyOptions.CheckConstraints | SqlBulkCopyOptions.FireTriggers | (
            target.Plan.LocksTable ? SqlBulkCopyOptions.TableLock : SqlBulkCopyOptions.Default);

    /// <summary>
    /// Every column on the wire costs. A row's line is known here unless its file is streamed, its file is known in any case; only
    /// a procedure asks for both.
    /// </summary>
    private void Map(SqlBulkCopy copy, SqlServerWriting<TRow> writing, bool staged)
    {
        foreach (SqlServerColumn<TRow> column in target.Columns)
            copy.ColumnMappings.Add(column.Column.Name, staged ? column.Column.Name : column.Target.Name);
        if (!staged) return;
        copy.ColumnMappings.Add(StagedRowReader<TRow>.SequenceColumn, StagedRowReader<TRow>.SequenceColumn);
        if (db.Options.Procedure is not null || writing.Works.Any(w => w.Rows.IsStreamed))
            copy.ColumnMappings.Add(StagedRowReader<TRow>.LineColumn, StagedRowReader<TRow>.LineColumn);
        if (db.Options.Procedure is not null) copy.ColumnMappings.Add(StagedRowReader<TRow>.FileColumn, StagedRowReader<TRow>.FileColumn);
    }

    /// <summary>
    /// Rows stream without <c>EnableStreaming</c> as well: that is about single values too long for memory, and asks of each
    /// whether it is null.
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
