namespace Dynamo.Pipeline.Tests;

/// <summary>Where a session reports to.</summary>
internal interface ISqlOutput
{
    void Columns(IReadOnlyList<TdsColumn> columns);

    void Row(IReadOnlyList<object?> values);

    /// <param name="command">The kind of statement, 0 when it counts no rows.</param>
    /// <param name="rows">How many, or null under NOCOUNT.</param>
    void StatementDone(ushort command, long? rows);

    void Error(ServerError error);

    void Info(string message);

    void Began(long transaction);

    void Committed(long transaction);

    void RolledBack(long transaction);
}

/// <summary>CurCmd of a DONE token, as far as SqlClient looks at it: [MS-TDS] 2.2.7.6.</summary>
internal static class SqlCommandKind
{
    public const ushort None = 0;
    public const ushort Select = 0xC1;
    public const ushort Insert = 0xC3;
    public const ushort Delete = 0xC4;
    public const ushort Update = 0xC5;
    public const ushort BulkInsert = 0xF0;
}

internal sealed record SqlVariable(TdsType Type)
{
    public object? Value { get; set; }
}
