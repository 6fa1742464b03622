using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline;

/// <summary>Short queries and commands. By hand rather than by a mapper: those compile code at run time, which a host that was compiled ahead cannot.</summary>
internal static class SqliteQueries
{
    /// <summary>All rows of a query.</summary>
    public static async Task<List<T>> QueryAsync<T>(
        this SqliteConnection db, string sql, Func<SqliteDataReader, T> row, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(db, sql, null, parameters);
        using SqliteDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) rows.Add(row(reader));
        return rows;
    }

    /// <summary>A statement without a result; how many rows it changed.</summary>
    public static async Task<int> ExecuteAsync(
        this SqliteConnection db, string sql, SqliteTransaction transaction, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(db, sql, transaction, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static SqliteCommand Command(SqliteConnection db, string sql, SqliteTransaction? transaction, (string Name, object? Value)[] parameters)
    {
        // The texts are the methods' own above; names of tables in them are quoted and values are parameters.
#pragma warning disable CA2100
        var command = new SqliteCommand(sql, db, transaction);
#pragma warning restore CA2100
        foreach ((string name, object? value) in parameters) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}
