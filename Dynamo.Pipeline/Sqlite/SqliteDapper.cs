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
internal sealed class RunRow : RunColumns;

/// <summary>A quarantined file.</summary>
internal sealed class QuarantineRow : QuarantineColumns;

/// <summary>A question about the ledger, or any that takes no values.</summary>
/// <param name="source">The source's name, or <see langword="null"/> for all.</param>
/// <param name="most">How many rows at most.</param>
internal sealed class LedgerQuestion(string? source = null, int most = int.MaxValue) : SqlArguments
{
    public string? Source => source;

    public int Most => most;
}

/// <summary>A file as the ledger's key has it.</summary>
internal sealed class LedgerFile(string source, string path, long size, long modifiedTicks) : SqlArguments
{
    public string Source => source;

    public string Path => path;

    public long Size => size;

    public long ModifiedTicks => modifiedTicks;
}

/// <summary>A table of the database.</summary>
internal sealed class NamedTable(string name) : SqlArguments
{
    public string Name => name;
}
