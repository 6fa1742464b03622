using Dapper;
using Dynamo.Pipeline.Ledger;
using Dynamo.Pipeline.Sqlite;

[module: DapperAot]
[module: CommandFactory<CancellableCommand<object>>]

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The base of the commands that Dapper.AOT writes: it brings the token. Dapper.AOT itself takes one out of the parameters only where the
/// statement is a constant, and ours name tables that are settings.
/// </summary>
#pragma warning disable CA1852 // The commands that are derived from it are generated.
internal class CancellableCommand<T> : CommandFactory<T>
#pragma warning restore CA1852
{
    public override CancellationToken GetCancellationToken(T args) => args is SqlArguments arguments ? arguments.Cancellation : default;
}

/// <summary>A row of the run table.</summary>
internal sealed record RunRow : RunColumns;

/// <summary>A quarantined file.</summary>
internal sealed record QuarantineRow : QuarantineColumns;

/// <summary>A question about the ledger, or any that takes no values.</summary>
/// <param name="Source">The source's name, or <see langword="null"/> for all.</param>
/// <param name="Most">How many rows at most.</param>
internal sealed record LedgerQuestion(string? Source = null, int Most = int.MaxValue) : SqlArguments;

/// <summary>A file as the ledger's key has it.</summary>
internal sealed record LedgerFile(string Source, string Path, long Size, long ModifiedTicks) : SqlArguments;

/// <summary>A table of the database.</summary>
internal sealed record NamedTable(string Name) : SqlArguments;
