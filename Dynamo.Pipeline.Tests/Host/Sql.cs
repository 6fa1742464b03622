using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>What another program sees in the database, and does to it.</summary>
internal static class Sql
{
    public static string[] Rows(string database, string query)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        return [.. connection.Query<string>(query)];
    }

    public static void Execute(string database, string statements)
    {
        using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Execute(statements);
    }
}
