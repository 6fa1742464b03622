using System.Data;
using System.Globalization;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>Short queries and commands. By hand rather than by a mapper: those compile code at run time, which a host that was compiled ahead cannot.</summary>
internal static class SqlServerQueries
{
    /// <summary>All rows of a query.</summary>
    public static async Task<List<T>> QueryAsync<T>(
        this SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, string sql, Func<SqlDataReader, T> row, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        var rows = new List<T>();
        SqlCommand command = Command(connection, transaction, sql, db.CommandSeconds, parameters);
        await using (command.ConfigureAwait(false))
        {
            SqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    rows.Add(row(reader));
        }
        return rows;
    }

    /// <summary>Whether there is a table, view or procedure of this quoted name that this user may see.</summary>
    public static async Task<bool> HasAsync(this SqlServerDb db, SqlConnection connection, string name, CancellationToken cancellationToken) =>
        (await db.QueryAsync(connection, null, "SELECT OBJECT_ID(@name)", row => !row.IsDBNull(0), cancellationToken, ("@name", name)).ConfigureAwait(false))[0];

    public static async Task<int> ExecuteAsync(
        this SqlServerDb db, SqlConnection connection, SqlTransaction? transaction, string sql, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        SqlCommand command = Command(connection, transaction, sql, db.CommandSeconds, parameters);
        await using (command.ConfigureAwait(false))
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    public static SqlCommand Command(SqlConnection connection, SqlTransaction? transaction, string sql, int seconds, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        SqlCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = seconds;
        command.Transaction = transaction;
        foreach ((string name, object? value) in parameters) command.Parameters.Add(Parameter(name, value));
        return command;
    }

    /// <summary>A whole number of whichever size: servers do not agree on those of the catalogue, and a count is an <c>int</c>.</summary>
    public static long Whole(SqlDataReader row, int at) => Convert.ToInt64(row.GetValue(at), CultureInfo.InvariantCulture);

    public static bool Truth(SqlDataReader row, int at) => !row.IsDBNull(at) && Convert.ToBoolean(row.GetValue(at), CultureInfo.InvariantCulture);

    public static DateTime Utc(SqlDataReader row, int at) => DateTime.SpecifyKind(row.GetDateTime(at), DateTimeKind.Utc);

    /// <summary>Without saying so, a time would be sent as <c>datetime</c> and lose digits.</summary>
    private static SqlParameter Parameter(string name, object? value) =>
        value is DateTime time ? new SqlParameter(name, SqlDbType.DateTime2) { Value = time } : new SqlParameter(name, value ?? DBNull.Value);
}
