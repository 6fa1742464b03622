using System.Data;
using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>The ways rows get into a table of SQL Server: ours, and what people write by hand.</summary>
internal sealed class SqlServerWays(string connection)
{
    private const int RowsPerFile = 500, RowsPerBatch = 100_000;

    private static readonly SqlServerSinkOptions s_names = new()
    {
        LedgerTable = "BenchmarkFile",
        RunTable = "BenchmarkRun",
        RejectTable = "BenchmarkReject",
    };
    private static readonly RowMap<Reading> s_table = ReadingTable.Named("BenchmarkReading");

    public int Rows => Execute($"SELECT COUNT(*) FROM {s_table.Name}");

    /// <summary>Empty tables.</summary>
    public async Task MakeAsync()
    {
        Drop();
        await using var sink = new SqlServerSink<Reading>(connection, s_table, s_names);
        await sink.PrepareAsync(new RunStart("make", DateTime.UtcNow, "host", "1", 0), default);
    }

    public void Drop()
    {
        foreach (string table in new[] { s_table.Name, s_names.LedgerTable, s_names.RunTable, s_names.RejectTable })
            Execute($"IF OBJECT_ID('dbo.{table}') IS NOT NULL DROP TABLE dbo.{table}");
    }

    /// <summary>Through the sink: files of 500 rows, batches of 100,000.</summary>
    public async Task OursAsync(IReadOnlyList<FileRows<Reading>[]> batches, bool append, string source)
    {
        await using var sink = new SqlServerSink<Reading>(connection, s_table, s_names with { Append = append });
        await sink.PrepareAsync(new RunStart(source, DateTime.UtcNow, "host", "1", 0), default);
        foreach (FileRows<Reading>[] batch in batches)
            await sink.WriteAsync(batch, default);
    }

    /// <summary>Bare, from a reader made for these rows, in batches of the same size, each its own transaction.</summary>
    public async Task BareAsync(Reading[] rows, bool blocking = false)
    {
        using var copy = new SqlBulkCopy(
            connection,
            SqlBulkCopyOptions.UseInternalTransaction)
            {
                DestinationTableName = s_table.Name,
                BatchSize = RowsPerBatch,
                BulkCopyTimeout = 0,
                EnableStreaming = true,
            };
        await using var reader = new HandWrittenReader(rows);
        for (int i = 0; i < reader.FieldCount; i++) copy.ColumnMappings.Add(reader.GetName(i), reader.GetName(i));
        if (blocking) copy.WriteToServer(reader);
        else await copy.WriteToServerAsync(reader);
    }

    /// <summary>A prepared statement a row, in one transaction.</summary>
    public async Task RowByRowAsync(Reading[] rows)
    {
        await using var db = new SqlConnection(connection);
        await db.OpenAsync();
        await using var transaction = (SqlTransaction)await db.BeginTransactionAsync();
        await using var insert = new SqlCommand(Insert, db, transaction);
        SqlParameter logger = insert.Parameters.Add("@Logger", SqlDbType.NVarChar, 200), channel = insert.Parameters.Add(
            "@Channel", SqlDbType.NVarChar, 200);
        SqlParameter time = insert.Parameters.Add(
            "@TimestampUtc", SqlDbType.DateTime2), value = insert.Parameters.Add("@Value", SqlDbType.Float);
        foreach (Reading row in rows)
        {
            (logger.Value, channel.Value, time.Value, value.Value) = (row.Logger, row.Channel, row.TimestampUtc, row.Value);
            await insert.ExecuteNonQueryAsync();
        }
        await transaction.CommitAsync();
    }

    /// <summary>Dapper's <c>ExecuteAsync</c> over a list.</summary>
    public async Task DapperAsync(Reading[] rows)
    {
        await using var db = new SqlConnection(connection);
        await db.OpenAsync();
        await using var transaction = (SqlTransaction)await db.BeginTransactionAsync();
        await db.ExecuteAsync(Insert, rows, transaction);
        await transaction.CommitAsync();
    }

    private static string Insert =>
        $"INSERT INTO {s_table.Name} (Logger, Channel, TimestampUtc, Value) VALUES (@Logger, @Channel, @TimestampUtc, @Value)";

    /// <summary>The rows as a reader hands them on.</summary>
    public static IReadOnlyList<FileRows<Reading>[]> Batches(Reading[] rows) =>
        [.. rows.Chunk(RowsPerBatch).Select(batch => batch.Chunk(RowsPerFile).Select(File).ToArray())];

    private static FileRows<Reading> File(Reading[] rows)
    {
        var batch = new RowBatch<Reading>(rows.Length);
        for (int i = 0; i < rows.Length; i++) batch.Add(rows[i], i + 2);
        return new FileRows<Reading>(
            new SourceFile($"{rows[0].Logger}/{rows[0].Channel}/{rows[0].TimestampUtc.Ticks}.csv", rows.Length, rows[0].TimestampUtc),
            batch);
    }

    private int Execute(string sql)
    {
        using var db = new SqlConnection(connection);
        return db.ExecuteScalar<int?>(sql) ?? 0;
    }
}
