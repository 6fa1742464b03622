using System.Data.Common;
using System.Globalization;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>What a merge found, by file.</summary>
/// <param name="Inserted">Rows that were new, of all files.</param>
/// <param name="Met">Rows that met another one, by file and kind; see <see cref="SqlServerMergeSql{TRow}.Merge"/>.</param>
/// <param name="Duplicates">Under the reject policy, the rows themselves.</param>
internal sealed record SqlServerMerged(long Inserted, IReadOnlyDictionary<(int File, int Kind), long> Met, IReadOnlyList<(int File, int Kind, Defect Defect)> Duplicates)
{
    public long MetBy(int file, int kind) => Met.GetValueOrDefault((file, kind));
}

/// <summary>Runs the merge inside a transaction, or a part of it in one that is undone, to find the rows that the server refuses.</summary>
internal sealed class SqlServerMerge<TRow>(SqlServerDb db, SqlServerTarget<TRow> target, SqlServerMergeSql<TRow> sql, SqlServerTurns<TRow> turns)
{
    public async Task<SqlServerMerged> RunAsync(SqlConnection connection, SqlTransaction transaction, CancellationToken cancellationToken)
    {
        SqlCommand command = db.Command(connection, transaction, sql.Merge);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                return db.Options.Procedure is null ? await ReadAsync(reader, cancellationToken).ConfigureAwait(false) : await ReadFilesAsync(reader, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Merges only these rows and takes them back.</summary>
    /// <returns>The refusal, or null when they are fine.</returns>
    public async Task<SqlException?> TryAsync(SqlServerWriting<TRow> writing, long from, long to)
    {
        (SqlConnection connection, CancellationToken cancellationToken) = (writing.Connection, writing.Cancellation);
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(db, connection, cancellationToken).ConfigureAwait(false);
        try
        {
            await turns.MergeAsync(connection, transaction, writing.Parts, cancellationToken).ConfigureAwait(false);
            await db.ExecuteAsync(connection, transaction, SqlServerMergeSql<TRow>.Keep(from, to), cancellationToken).ConfigureAwait(false);
            await RunAsync(connection, transaction, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (SqlException error) when (SqlServerFault.Judge(error) == SqlServerVerdict.RowRefused)
        {
            return error;
        }
        finally
        {
            await SqlServerTransaction.UndoAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>A staged row as the defect it is.</summary>
    public async Task<(int File, Defect Defect)> DescribeAsync(SqlConnection connection, long sequence, SqlException error, CancellationToken cancellationToken)
    {
        SqlCommand command = db.Command(connection, null, sql.Row(sequence));
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var defect = new Defect($"the database refused the row: {error.Message}")
                {
                    Line = reader.GetInt64(1),
                    Column = target.Columns.FirstOrDefault(c => error.Message.Contains($"'{c.Target.Name}'", StringComparison.OrdinalIgnoreCase))?.Column.Name,
                    RawText = Show(reader, 2, keysOnly: false),
                    Remedy = "Correct the row, or the table's constraint or trigger, and retry the file",
                };
                return (reader.GetInt32(0), defect);
            }
        }
    }

    private async Task<SqlServerMerged> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        long inserted = Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var met = new Dictionary<(int, int), long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            met[(reader.GetInt32(0), reader.GetInt32(1))] = Convert.ToInt64(reader.GetValue(2), CultureInfo.InvariantCulture);
        var duplicates = new List<(int, int, Defect)>();
        // The last result, and any error behind it, must be read to the end.
        if (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                duplicates.Add((reader.GetInt32(0), reader.GetInt32(1), Duplicate(reader)));
        return new SqlServerMerged(inserted, met, duplicates);
    }

    /// <summary>What a procedure says it did, as if a merge had found it.</summary>
    private async Task<SqlServerMerged> ReadFilesAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        if (reader.FieldCount != 4) throw new SinkException($"The procedure {db.Options.Procedure} must return one result with the columns StagedFile, Inserted, Updated, Unchanged; found {reader.FieldCount} columns.");
        long inserted = 0;
        var met = new Dictionary<(int, int), long>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            int file = (int)Whole(reader, 0);
            inserted += Whole(reader, 1);
            (met[(file, 1)], met[(file, 0)]) = (Whole(reader, 2), Whole(reader, 3));
        }
        // An error behind the result must be read as well.
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return new SqlServerMerged(inserted, met, []);
    }

    private static long Whole(DbDataReader reader, int at) => Convert.ToInt64(reader.GetValue(at), CultureInfo.InvariantCulture);

    private Defect Duplicate(DbDataReader reader) => new("a row with the same key is there already")
    {
        Line = reader.GetInt64(2), Found = Show(reader, 3, keysOnly: true), Expected = "a new key", RawText = Show(reader, 3, keysOnly: false),
    };

    private string Show(DbDataReader reader, int first, bool keysOnly) => string.Join(", ",
        target.Columns.Select((c, i) => (c, i)).Where(c => c.c.Column.IsKey || !keysOnly).Select(c => SqlServerColumn<TRow>.Shown(reader.GetValue(first + c.i)) ?? "NULL"));
}

/// <summary>Transactions whose end never hides the first error.</summary>
internal static class SqlServerTransaction
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static async Task<SqlTransaction> BeginAsync(SqlServerDb db, SqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = (SqlTransaction)await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Any error ends the whole transaction, whichever kind it is: half a statement is never kept.
            await db.ExecuteAsync(connection, transaction, "SET XACT_ABORT ON; SET NOCOUNT ON", cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch
        {
            await UndoAsync(transaction).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Rolls back what the server has not rolled back itself. Never throws, and waits only so long: a connection that is stuck is closed by its owner.</summary>
    public static Task UndoAsync(SqlTransaction transaction) => Task.WhenAny(Task.Run(() => Undo(transaction)), Task.Delay(s_patience));

    private static void Undo(SqlTransaction transaction)
    {
        try
        {
            if (transaction.Connection is not null) transaction.Rollback();
            transaction.Dispose();
        }
#pragma warning disable CA1031 // The transaction is gone, the connection is broken, or SqlClient trips over either (a NullReferenceException was seen): the server rolls back all the same.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
