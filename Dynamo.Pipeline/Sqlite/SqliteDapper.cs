using Dapper;
using Dynamo.Pipeline.Ledger;
using Dynamo.Pipeline.Sqlite;

[module: DapperAot]
[module: CommandFactory<CancellableCommand<object>>]

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The base of the commands that Dapper.AOT writes: it brings the token. Dapper.AOT itself takes one out of the parameters only where the statement is a
/// constant, and ours name tables that are settings.
/// </summary>
#pragma warning disable CA1852 // The commands that are derived from it are generated.
internal class CancellableCommand<T> : CommandFactory<T>
#pragma warning restore CA1852
{
    public override CancellationToken GetCancellationToken(T args) => args is SqlArguments arguments ? arguments.Cancellation : default;
}
