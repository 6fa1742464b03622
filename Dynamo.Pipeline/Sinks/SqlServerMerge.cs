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
    public async Task<SqlServerMerged> RunAsync(SqlServerWriting<TRow> writing, SqlTransaction transaction)
    {
        CancellationToken cancellationToken = writing.Cancellation;
        SqlCommand command = db.Command(writing.Connection, transaction, sql.Merge);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                return db.Options.Procedure is null ? await ReadAsync(writing, reader).ConfigureAwait(false) : await ReadFilesAsync(reader, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Merges only these rows and takes them back.</summary>
    /// <returns>The refusal, or null when they are fine.</returns>
    public async Task<SqlException?> TryAsync(SqlServerWriting<TRow> writing, long from, long to)
    {
        (SqlConnection connection, CancellationToken cancellationToken) = (writing.Connection, writing.Cancellation);
        SqlTransaction transaction = await SqlServerTransaction.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        try
        {
            await turns.MergeAsync(connection, transaction, writing.Parts, cancellationToken).ConfigureAwait(false);
            await db.ExecuteAsync(connection, transaction, SqlServerMergeSql<TRow>.Keep(from, to), cancellationToken).ConfigureAwait(false);
            await RunAsync(writing, transaction).ConfigureAwait(false);
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
    public async Task<Defect> DescribeAsync(SqlServerWriting<TRow> writing, long place, SqlException error) =>
        (await db.QueryAsync(writing.Connection, null, sql.Row(place), row => new Defect($"the database refused the row: {error.Message}")
        {
            Line = LineOf(writing, place, row, 0),
            Column = target.Columns.FirstOrDefault(c => Names(error.Message, c.Target.Name))?.Column.Name,
            RawText = Show(row, 1, keysOnly: false),
            Remedy = "Correct the row, or the table's constraint or trigger, and retry the file",
        }, writing.Cancellation).ConfigureAwait(false))[0];

    private static bool Names(string message, string column) =>
        message.Contains($"'{column}'", StringComparison.OrdinalIgnoreCase) || message.Contains($"\"{column}\"", StringComparison.OrdinalIgnoreCase);

    private async Task<SqlServerMerged> ReadAsync(SqlServerWriting<TRow> writing, DbDataReader reader)
    {
        CancellationToken cancellationToken = writing.Cancellation;
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
                duplicates.Add((StagedPlace.FileOf(reader.GetInt64(0)), reader.GetInt32(1), Duplicate(writing, reader)));
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

    private Defect Duplicate(SqlServerWriting<TRow> writing, DbDataReader reader) => new("a row with the same key is there already")
    {
        Line = LineOf(writing, reader.GetInt64(0), reader, 2), Found = Show(reader, 3, keysOnly: true), Expected = "a new key", RawText = Show(reader, 3, keysOnly: false),
    };

    /// <summary>The line of a row in memory is known; only that of a streamed one was staged with it.</summary>
    private static long LineOf(SqlServerWriting<TRow> writing, long place, DbDataReader reader, int at) =>
        reader.IsDBNull(at) ? writing.Ordered[StagedPlace.FileOf(place)].Rows.Rows.LineSpan[(int)StagedPlace.RowOf(place)] : reader.GetInt64(at);

    private string Show(DbDataReader reader, int first, bool keysOnly) => string.Join(", ",
        target.Columns.Select((c, i) => (c, i)).Where(c => c.c.Column.IsKey || !keysOnly).Select(c => SqlServerColumn<TRow>.Shown(reader.GetValue(first + c.i)) ?? "NULL"));
}
