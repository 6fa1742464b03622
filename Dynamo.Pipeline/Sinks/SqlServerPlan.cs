namespace Dynamo.Pipeline;

/// <summary>How a table is written, decided from what the catalogue says about it. Immutable.</summary>
/// <param name="Writers">Batches at once.</param>
/// <param name="LocksTable">Whether rows that are appended take a lock of the whole table.</param>
/// <param name="Reasons">Why, and what else somebody who tunes the import should know; one sentence each.</param>
public sealed record SqlServerPlan(int Writers, bool LocksTable, IReadOnlyList<string> Reasons)
{
    /// <summary>Fewer rows at once go to a columnstore's row store first and are compressed later.</summary>
    private const int CompressedRows = 102_400;

    internal static SqlServerPlan For(SqlServerTable table, SqlServerSinkOptions options)
    {
        var reasons = new List<string>();
        bool columnstore = table.Indexes.Any(i => i.IsColumnstore), clustered = table.Indexes.Any(i => i.IsClustered && !i.IsColumnstore);
        bool locks = options.Append && table.Indexes.Count == 0 && table.Triggers == 0;
        reasons.Add(
            options.Procedure is { } procedure ? $"{options.Writers} writers stage their batches side by side; the procedure {procedure} takes them in turns"
            : !options.Append ? $"{options.Writers} writers stage their batches side by side; the merges take turns, so that two writers never meet in a key"
            : locks ? $"the table is a heap without indexes: {options.Writers} writers append side by side under bulk update locks of the table"
            : $"{options.Writers} writers append side by side under row locks: a lock of the table would make them take turns, since it {What(columnstore, clustered, table)}");
        if (columnstore)
            reasons.Add($"the table has a columnstore index: batches of at least {CompressedRows:N0} rows are compressed at once, so set BatchRows to that or more{(options.Append ? "" : ", and Append if rows come only once")}");
        if (table.Triggers > 0) reasons.Add($"{(table.Triggers == 1 ? "a trigger" : $"{table.Triggers} triggers")} will fire, once a batch and not once a row");
        if (!options.Append && options.Procedure is null && !clustered && !columnstore) reasons.Add("the table has no clustered index: updates look rows up in the heap");
        int others = table.Indexes.Count(i => !i.IsClustered && !i.IsColumnstore && !i.IsUnique);
        if (others > 0) reasons.Add($"{(others == 1 ? "one more index is" : $"{others} more indexes are")} maintained with every batch");
        return new SqlServerPlan(options.Writers, locks, reasons);
    }

    private static string What(bool columnstore, bool clustered, SqlServerTable table) =>
        columnstore ? "is a columnstore" : clustered ? "has a clustered key" : table.Indexes.Count > 0 ? "has indexes" : "has triggers";
}
