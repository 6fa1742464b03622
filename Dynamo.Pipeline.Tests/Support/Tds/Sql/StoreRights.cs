using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// What the user of an endpoint may do. Every right has the name that <c>HAS_PERMS_BY_NAME</c> has for it, such as
/// <c>INSERT [dbo].[Reading]</c>, <c>CREATE TABLE test</c> or <c>ALTER [dbo]</c>. The catalogue and temporary tables are anybody's.
/// As on SQL Server, a statement that is compiled needs the right to each table that it names; a trigger acts for the owner of its table.
/// Safe for concurrent use.
/// </summary>
internal sealed class StoreRights
{
    private long _lastNumber;

    /// <summary>The rights that a user does not have.</summary>
    public ConcurrentDictionary<string, bool> Denied { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The only rights that a user has, or null for all.</summary>
    public IReadOnlySet<string>? Granted
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>The rights to tables and procedures that statements needed while <see cref="Granted"/> was set.</summary>
    public ConcurrentDictionary<string, bool> Used { get; } = new(StringComparer.OrdinalIgnoreCase);

    public bool Has(string right, string on) => !Denied.ContainsKey($"{right} {on}") && Granted?.Contains($"{right} {on}") != false;

    /// <summary>What a statement needs and the user does not have, or null.</summary>
    /// <param name="action">What SQLite asks its authorizer for.</param>
    /// <param name="table">The table.</param>
    /// <param name="inner">The trigger that acts, if one does. A RETURNING clause is one to SQLite.</param>
    public ServerError? Refuse(int action, string? table, string? inner)
    {
        if (Granted is null && Denied.IsEmpty) return null;
        if (table is null || IsOpen(table) || (inner is not null && !inner.StartsWith("sqlite_", StringComparison.Ordinal))) return null;
        return action switch
        {
            raw.SQLITE_READ => Refuse("SELECT", table),
            raw.SQLITE_INSERT => Refuse("INSERT", table),
            raw.SQLITE_UPDATE => Refuse("UPDATE", table),
            raw.SQLITE_DELETE => Refuse("DELETE", table),
            raw.SQLITE_CREATE_TABLE when !Has("CREATE TABLE", "test") =>
                new ServerError(262, "CREATE TABLE permission denied in database 'test'.", 14, 1),
            _ => null,
        };
    }

    /// <summary>The error of a right to an object of a schema that is missing, or null.</summary>
    public ServerError? Refuse(string right, string flat)
    {
        (string schema, string name) = SqlNames.Split(flat);
        if (Granted is not null) Used[$"{right} [{schema}].[{name}]"] = true;
        return Has(right, $"[{schema}].[{name}]") ? null : new ServerError(
            229, $"The {right} permission was denied on the object '{name}', database 'test', schema '{schema}'.", 14, 5);
    }

    /// <summary>The next number of a sequence. Only one of another owner than the tables' needs a right.</summary>
    public long Next(string sequence)
    {
        if (SqlNames.Split(sequence).Schema == "ops" && Refuse("UPDATE", sequence) is { } refused)
            throw new SqliteException(StoreErrors.Refused + refused.Message, raw.SQLITE_ERROR);
        return Interlocked.Increment(ref _lastNumber);
    }

    private static bool IsOpen(string table) => table.StartsWith("sys.", StringComparison.OrdinalIgnoreCase)
        || table.StartsWith("sqlite_", StringComparison.OrdinalIgnoreCase)
        || table.StartsWith("INFORMATION_SCHEMA.", StringComparison.OrdinalIgnoreCase);
}
