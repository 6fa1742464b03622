using System.Data;
using System.Data.Common;
using Dapper;
using Dynamo.Pipeline.Ledger;
using Dynamo.Pipeline.SqlServer;

[module: DapperAot]
[module: CommandFactory<CancellableCommand<object>>]
[module: TypeHandler(typeof(DateTime), typeof(UtcTime))]
[module: TypeHandler(typeof(FileHash), typeof(FileHashValue))]

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The base class of the commands that Dapper.AOT generates. It passes the cancellation token on. Dapper.AOT itself takes a token from
/// the parameters only if the statement is a constant, and the names of our tables are settings.
/// </summary>
#pragma warning disable CA1852 // The generated commands derive from it.
internal class CancellableCommand<T> : CommandFactory<T>
#pragma warning restore CA1852
{
    public override CancellationToken GetCancellationToken(T args) => args is SqlArguments arguments ? arguments.Cancellation : default;
}

/// <summary>A row of the run table.</summary>
internal sealed class RunRow : RunColumns
{
    /// <summary>Until when a dispatcher holds the source, by the server's clock.</summary>
    public DateTime? LeaseUntilUtc { get; init; }

    /// <summary>Workers whose last sign of life is older are gone.</summary>
    public DateTime? GoneUtc { get; init; }
}

/// <summary>A quarantined file.</summary>
internal sealed class QuarantineRow : QuarantineColumns
{
    public byte[] FileKey { get; init; } = [];

    /// <summary>The entry with the file's own time, which the database may have kept with fewer digits.</summary>
    public QuarantinedEntry ToExactEntry()
    {
        QuarantinedEntry entry = ToEntry();
        return entry with { File = SqlServerText.ExactFile(Source, entry.File, FileKey) };
    }
}

/// <summary>The parameters of a query of the ledger, or of a query without parameters.</summary>
/// <param name="source">The source's name, or <see langword="null"/> for all.</param>
/// <param name="most">How many rows at most.</param>
internal sealed class LedgerQuestion(string? source = null, int most = int.MaxValue) : SqlArguments
{
    public string? Source => source;

    public int Most => most;
}

/// <summary>A file: its entry is found by the hash, the primary key of the ledger, and its rejects by the path.</summary>
internal sealed class LedgerFile(string source, string path, FileHash key) : SqlArguments
{
    public string Source => source;

    public string Path => path;

    public FileHash Key => key;
}

/// <summary>The newest time of a table.</summary>
internal sealed record NewestTime(DateTime? Utc);

/// <summary>An object of the database.</summary>
/// <param name="name">Its quoted name with its schema.</param>
internal sealed class NamedObject(string name) : SqlArguments
{
    public string Name => name;
}

/// <summary>The objects of a run, by their quoted names with their schema.</summary>
/// <param name="rows">The row table, or the procedure that takes the rows.</param>
/// <param name="options">The names of the others.</param>
internal class RunObjects(string rows, SqlServerSinkOptions options) : SqlArguments
{
    /// <summary>The row table's name as it was given. Not public, so no parameter.</summary>
    internal string RowTable => rows;

    internal SqlServerSinkOptions Options => options;

    public string Rows => Quoted(options.Procedure ?? rows);

    public string Ledger => Quoted(options.LedgerTable);

    public string Runs => Quoted(options.RunTable);

    public string Rejects => Quoted(options.RejectTable);

    public string Overlaps => Quoted(options.OverlapTable);

    public string Versions => Quoted(options.SchemaTable);

    private string Quoted(string name) => SqlServerText.Quote(options.Schema, name);
}

/// <summary>The objects of a run, and the process that does not ask about itself.</summary>
internal sealed class HolderQuestion(RunObjects objects, int process, string machine) : RunObjects(objects.RowTable, objects.Options)
{
    public int Process => process;

    public string Machine => machine;
}

/// <summary>A session that holds a lock.</summary>
internal sealed record HolderRow(int Id, string? Host, string? Program, string? Login);

/// <summary>A time as a parameter and in a column. By default it would be sent as <c>datetime</c>, which loses digits.</summary>
internal sealed class UtcTime : DbValueHandler<DateTime>
{
    protected override void Configure(DbParameter parameter) => parameter.DbType = DbType.DateTime2;

    protected override void SetValueCore(DbParameter parameter, DateTime value) => parameter.Value = value;

    /// <summary>In a table of somebody else, the column may be a <c>datetimeoffset</c>.</summary>
    protected override DateTime Parse(object? value) => value is DateTimeOffset time ? time.UtcDateTime : LedgerTime.Utc((DateTime)value!);
}

/// <summary>The ledger's primary key. Dapper would treat a plain array of bytes as a list of values.</summary>
/// <param name="Bytes">32 bytes.</param>
internal readonly record struct FileHash(byte[] Bytes);

/// <summary>The ledger's primary key as a parameter. It is never read.</summary>
internal sealed class FileHashValue : DbValueHandler<FileHash>
{
    protected override void Configure(DbParameter parameter) => (parameter.DbType, parameter.Size) = (DbType.Binary, 32);

    protected override void SetValueCore(DbParameter parameter, FileHash value) => parameter.Value = value.Bytes;

    protected override FileHash Parse(object? value) => new((byte[])value!);
}
