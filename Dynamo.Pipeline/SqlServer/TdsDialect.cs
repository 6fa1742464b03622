using System.Data.Common;
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

    /// <summary>A further condition of a join on two equal values of this type, which helps the server to find them; or nothing.</summary>
    public virtual string AlsoEqual(string type, string one, string other) => "";

    /// <summary>Sends all rows of a reader into a table, and blocks until the server has them.</summary>
    /// <param name="copy">The bulk copy, with the table and the mapped columns.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="connection">The connection of the bulk copy.</param>
    /// <param name="transaction">Its transaction, or null.</param>
    /// <param name="progressed">Called when the server has taken rows, unless the bulk copy itself tells.</param>
    public virtual void Send(
        SqlBulkCopy copy, DbDataReader rows, SqlConnection connection, SqlTransaction? transaction, Action progressed) =>
        copy.WriteToServer(rows);

    /// <summary>After the server refused a bulk copy: whether the connection still takes transactions and other bulk copies.</summary>
    public virtual bool SurvivesRefusal => true;

    /// <summary>Whether an error's message names this column.</summary>
    public virtual bool Names(string message, string column) => message.Contains($"'{column}'", StringComparison.OrdinalIgnoreCase);
}
