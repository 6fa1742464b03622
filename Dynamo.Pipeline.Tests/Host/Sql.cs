using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>What another program sees in the database.</summary>
internal static class Sql
{
    public static string[] Rows(string database, string query)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        return [.. connection.Query<string>(query)];
    }
}
