using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// What servers that speak TDS do differently. This class is SQL Server and Azure SQL: it asks the server nothing and adds nothing to
/// a statement. A server that needs more has a subclass, such as <see cref="Babelfish"/>. It is chosen once, when a session looks at
/// its tables. Immutable, safe for concurrent use.
/// </summary>
internal class TdsDialect
{
    /// <summary>What to select in a statement that is sent anyway, for <see cref="Of"/>.</summary>
    public const string Question = "CAST(SERVERPROPERTY('Babelfish') AS int)";

    /// <summary>SQL Server's error for a table that is missing.</summary>
    private const int InvalidObject = 208;

    protected TdsDialect()
    {
    }

    public static TdsDialect SqlServer { get; } = new();

    /// <param name="answer">What the server answered to <see cref="Question"/>: null, unless it is Babelfish.</param>
    public static TdsDialect Of(int? answer) => answer == 1 ? Babelfish.Instance : SqlServer;

    /// <summary>
    /// Whether an error of any dialect may mean that a table is missing, so that asking for it is worth a statement.
    /// </summary>
    public static bool MayMissTable(int number) => number is InvalidObject or Babelfish.NoNumber;

    /// <summary>
    /// The table with its columns spelled as a query names them, because <c>SqlBulkCopy</c> knows a column by no other spelling.
    /// SQL Server's catalogue keeps the spelling.
    /// </summary>
    /// <param name="db">The database.</param>
    /// <param name="connection">An open connection.</param>
    /// <param name="name">The table's quoted name with its schema.</param>
    /// <param name="table">What the catalogue says about it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public virtual Task<SqlServerTable> SpelledAsync(
        SqlServerDb db, SqlConnection connection, string name, SqlServerTable table, CancellationToken cancellationToken) =>
        Task.FromResult(table);

    /// <summary>A further condition of a join on two equal values of this type, which helps the server to find them; or nothing.</summary>
    public virtual string AlsoEqual(string type, string one, string other) => "";

    /// <summary>Copies the batch's rows into the staging table, which is there.</summary>
    /// <returns>The parts of the keys that the rows touch.</returns>
    public virtual Task<int> StageAsync<TRow>(
        SqlServerDb db, SqlServerMergeSql<TRow> sql, SqlServerCopy<TRow> copy, SqlServerWriting<TRow> writing) =>
        copy.StageAsync(writing);

    /// <summary>After the server refused a bulk copy: whether the connection still takes transactions and other bulk copies.</summary>
    public virtual bool SurvivesRefusal => true;

    /// <summary>Whether an error's message names this column.</summary>
    public virtual bool Names(string message, string column) => message.Contains($"'{column}'", StringComparison.OrdinalIgnoreCase);
}
