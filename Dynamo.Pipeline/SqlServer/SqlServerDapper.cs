using System.Data;
using System.Data.Common;
using Dapper;
using Dynamo.Pipeline.Ledger;
using Dynamo.Pipeline.SqlServer;

[module: DapperAot]
[module: CommandFactory<CancellableCommand<object>>]
[module: TypeHandler(typeof(DateTime), typeof(UtcTime))]

namespace Dynamo.Pipeline.SqlServer;

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

/// <summary>A time as a parameter. By default it would be sent as <c>datetime</c>, which loses digits.</summary>
internal sealed class UtcTime : DbValueHandler<DateTime>
{
    protected override void Configure(DbParameter parameter) => parameter.DbType = DbType.DateTime2;

    protected override void SetValueCore(DbParameter parameter, DateTime value) => parameter.Value = value;

    protected override DateTime Parse(object? value) => Of(value) ?? throw new InvalidCastException($"{value?.GetType().Name ?? "null"} is no time.");

    /// <summary>A time as a column has it, or <see langword="null"/>. A column of your own may be a <c>datetimeoffset</c>.</summary>
    public static DateTime? Of(object? value) => value switch
    {
        DateTime time => LedgerTime.Utc(time),
        DateTimeOffset time => time.UtcDateTime,
        _ => null,
    };
}
