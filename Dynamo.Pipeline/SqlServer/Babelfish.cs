using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Babelfish, which is PostgreSQL: everything that the sink does there and not on SQL Server. Tried on Babelfish 4.2. Safe for
/// concurrent use.
/// </summary>
internal sealed class Babelfish : TdsDialect
{
    /// <summary>The number of all errors for which it has none of SQL Server's. A missing table is one of them.</summary>
    public const int NoNumber = 33557097;

    /// <summary>How many parameters a statement may have in SQL Server, less some that SqlClient adds.</summary>
    private const int MostParameters = 2000;

    /// <summary>What PostgreSQL says of errors that pass: a deadlock, a server that starts, stops or has no place for one more.</summary>
    private static readonly string[] s_passing =
    [
        "deadlock detected", "terminating connection", "the database system is", "too many clients", "connection slots",
        "could not serialize", "out of shared memory",
    ];

    private Babelfish()
    {
    }

    public static Babelfish Instance { get; } = new();

    /// <summary>
    /// Babelfish cannot find equal times by their hash. It would join by the other columns of a key, and compare every time of a
    /// logger with every other. Whole numbers it finds, so the join has the hour as well. Minutes would not fit into an <c>int</c>:
    /// a <c>datetime2</c> has too many years.
    /// </summary>
    public override string AlsoEqual(string type, string one, string other) => type == "datetime2"
        ? $" AND DATEDIFF(hour, '20000101', {one}) = DATEDIFF(hour, '20000101', {other})"
        : "";

    /// <summary>
    /// Since version 7, <c>SqlBulkCopy</c> asks for a table's columns with a statement that Babelfish answers with the last one only, and
    /// of a temporary table it never told any. So rows go in by INSERT, as many in a statement as it may have parameters.
    /// </summary>
    public override void Send(
        SqlBulkCopy copy, DbDataReader rows, SqlConnection connection, SqlTransaction? transaction, Action progressed)
    {
        SqlBulkCopyColumnMapping[] columns = [.. copy.ColumnMappings.Cast<SqlBulkCopyColumnMapping>()];
        int[] from = [.. columns.Select(column => rows.GetOrdinal(column.SourceColumn))];
        string into = string.Join(", ", columns.Select(column => SqlServerText.Quote(column.DestinationColumn)));
        int most = MostParameters / columns.Length;
        for (bool more = rows.Read(); more;)
        {
            using SqlCommand insert = connection.CreateCommand();
            (insert.Transaction, insert.CommandTimeout) = (transaction, copy.BulkCopyTimeout);
            var values = new StringBuilder($"INSERT INTO {copy.DestinationTableName} ({into}) VALUES ");
            for (int row = 0; more && row < most; more = rows.Read(), row++)
            {
                for (int i = 0; i < from.Length; i++)
                {
                    string name = string.Create(CultureInfo.InvariantCulture, $"@v{insert.Parameters.Count}");
                    values.Append(i > 0 ? "," : row > 0 ? ",(" : "(").Append(name);
                    insert.Parameters.Add(name, TypeOf(rows.GetFieldType(from[i]))).Value = Copied(rows.GetValue(from[i]));
                }
                values.Append(')');
            }
            insert.CommandText = values.ToString();
            insert.ExecuteNonQuery();
            progressed();
        }
    }

    private static SqlDbType TypeOf(Type type) =>
        type == typeof(string) ? SqlDbType.NVarChar
        : type == typeof(long) ? SqlDbType.BigInt
        : type == typeof(int) ? SqlDbType.Int
        : type == typeof(double) ? SqlDbType.Float
        : type == typeof(bool) ? SqlDbType.Bit
        : type == typeof(decimal) ? SqlDbType.Decimal
        : type == typeof(Guid) ? SqlDbType.UniqueIdentifier
        : type == typeof(byte[]) ? SqlDbType.Binary
        : SqlDbType.DateTime2;

    /// <summary>The reader uses one box for all values of a column, and a statement has many of them.</summary>
    private static object Copied(object value) => value switch
    {
        long number => number,
        int number => number,
        double number => number,
        bool truth => truth,
        decimal number => number,
        Guid id => id,
        DateTime time => time,
        _ => value,
    };

    /// <summary>It has dropped the transaction without telling the client, and takes no other one on that connection.</summary>
    public override bool SurvivesRefusal => false;

    /// <summary>
    /// An error without a number of SQL Server's: mostly a missing right, object or column, of which no row is the reason. Only its text,
    /// which is PostgreSQL's, tells what may pass.
    /// </summary>
    public static SqlServerVerdict Judge(string message) =>
        IsLockWait(message) || s_passing.Any(text => message.Contains(text, StringComparison.Ordinal))
            ? SqlServerVerdict.Transient
            : SqlServerVerdict.Permanent;

    public static bool IsLockWait(string message) => message.Contains("lock timeout", StringComparison.Ordinal);

    public static string Remedy(string message) => message.Contains("permission denied", StringComparison.Ordinal)
        ? "Grant this user the right; the documentation of the sink lists all it needs."
        : "The error has no number of SQL Server's; the words are PostgreSQL's.";

    /// <summary>PostgreSQL quotes names with double quotes.</summary>
    public override bool Names(string message, string column) =>
        base.Names(message, column) || message.Contains($"\"{column}\"", StringComparison.OrdinalIgnoreCase);
}
