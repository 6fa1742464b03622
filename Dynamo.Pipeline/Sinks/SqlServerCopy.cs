using System.Data;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>The server did not answer in time. Whatever is asked of the connection would wait for that answer: it is closed without anybody waiting for it.</summary>
internal sealed class StalledConnectionException() : TimeoutException("The server did not answer.");

/// <summary>Bulk copies, all of them awaited, mapped by name, and bounded by progress instead of time.</summary>
internal sealed class SqlServerCopy<TRow>(SqlServerDb db, SqlServerTarget<TRow> target)
{
    private const int RowsPerNotice = 10_000;

    /// <summary>How long SqlClient may take to hear a cancellation.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(2);

    /// <summary>Copies a batch's rows into the staging table of the session, or into one of its shape in a transaction.</summary>
    /// <returns>The parts of the keys it touches.</returns>
    public Task<int> StageAsync(SqlServerWriting<TRow> writing, SqlTransaction? transaction = null, string table = SqlServerMergeSql<TRow>.Staging) => CopyAsync(writing, transaction, table, staged: true);

    /// <summary>Copies a batch's rows into the table itself, checks and triggers included.</summary>
    public Task AppendAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction) => CopyAsync(writing, transaction, target.Name, staged: false);

    /// <summary>A few rows of our own, for the ledger and the rejects.</summary>
    public async Task WriteAsync(SqlConnection connection, SqlTransaction transaction, string table, DataTable rows, CancellationToken cancellationToken)
    {
        if (rows.Rows.Count == 0) return;
        using SqlBulkCopy copy = Bulk(connection, SqlBulkCopyOptions.CheckConstraints, transaction, table);
        copy.BulkCopyTimeout = db.CommandSeconds;
        foreach (DataColumn column in rows.Columns)
            copy.ColumnMappings.Add(column.ColumnName, column.ColumnName);
        await copy.WriteToServerAsync(rows, cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> CopyAsync(SqlServerWriting<TRow> writing, SqlTransaction? transaction, string table, bool staged)
    {
        using var stall = new SqlServerStall(db.Options.StallTimeout, db.Options.Clock, writing.Cancellation);
        var feed = new SqlServerFeed<TRow>(writing.Ordered, target, writing.MaxBadRows, stall);
        var reader = new StagedRowReader<TRow>(target.Map.Columns, feed.ReadAsync(writing.Cancellation), writing.Cancellation, feed.Admit);
        await using (reader.ConfigureAwait(false))
        {
            using SqlBulkCopy copy = Bulk(writing.Connection, How(staged), transaction, table);
            copy.NotifyAfter = RowsPerNotice;
            copy.SqlRowsCopied += (_, _) => stall.Restart();
            Map(copy, writing, staged);
            await EndAsync(writing.Works.Any(w => w.Rows.IsStreamed)
                ? heard => Task.Run(() => copy.WriteToServerAsync(reader, heard), CancellationToken.None)
                : _ => Task.Factory.StartNew(() => copy.WriteToServer(reader), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default), stall.Token).ConfigureAwait(false);
        }
        if (feed.Fault is { } fault) throw new SourceFaultException(fault);
        return feed.Parts;
    }

    /// <summary>
    /// SqlClient waits for the server's last word without hearing a cancellation, and without giving its thread back: then the connection is given up. Rows in memory are
    /// written by a thread of their own: asynchronously, SqlClient makes two tasks a row, which cost as much as all the rest. Those of a stream are awaited.
    /// </summary>
    private static async Task EndAsync(Func<CancellationToken, Task> copy, CancellationToken stopping)
    {
        using var heard = new CancellationTokenSource();
        Task copying = copy(heard.Token);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (stopping.Register(stopped.SetResult))
            await Task.WhenAny(copying, stopped.Task).ConfigureAwait(false);
        if (!copying.IsCompleted)
        {
            // What SqlClient does on a cancellation may block as well.
            _ = Task.Run(heard.Cancel, CancellationToken.None);
            await Task.WhenAny(copying, Task.Delay(s_grace, CancellationToken.None)).ConfigureAwait(false);
        }
        // A copy that heard it leaves its connection waiting for the server all the same.
        if (stopping.IsCancellationRequested && !copying.IsCompletedSuccessfully)
        {
            _ = copying.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new StalledConnectionException();
        }
        await copying.ConfigureAwait(false);
    }

    private SqlBulkCopyOptions How(bool staged) => staged ? SqlBulkCopyOptions.TableLock
        : SqlBulkCopyOptions.CheckConstraints | SqlBulkCopyOptions.FireTriggers | (target.Plan.LocksTable ? SqlBulkCopyOptions.TableLock : SqlBulkCopyOptions.Default);

    /// <summary>Every column on the wire costs. A row's line is known here unless its file is streamed, its file is known in any case; only a procedure asks for both.</summary>
    private void Map(SqlBulkCopy copy, SqlServerWriting<TRow> writing, bool staged)
    {
        foreach (SqlServerColumn<TRow> column in target.Columns)
            copy.ColumnMappings.Add(column.Column.Name, staged ? column.Column.Name : column.Target.Name);
        if (!staged) return;
        copy.ColumnMappings.Add(StagedRowReader<TRow>.SequenceColumn, StagedRowReader<TRow>.SequenceColumn);
        if (db.Options.Procedure is not null || writing.Works.Any(w => w.Rows.IsStreamed)) copy.ColumnMappings.Add(StagedRowReader<TRow>.LineColumn, StagedRowReader<TRow>.LineColumn);
        if (db.Options.Procedure is not null) copy.ColumnMappings.Add(StagedRowReader<TRow>.FileColumn, StagedRowReader<TRow>.FileColumn);
    }

    /// <summary>The stall's token bounds it: 0 is no time-out. Rows stream without <c>EnableStreaming</c> as well: that is about single values too long for memory, and asks of each whether it is null.</summary>
    private static SqlBulkCopy Bulk(SqlConnection connection, SqlBulkCopyOptions options, SqlTransaction? transaction, string table) =>
        new(connection, options, transaction) { DestinationTableName = table, BulkCopyTimeout = 0 };
}
