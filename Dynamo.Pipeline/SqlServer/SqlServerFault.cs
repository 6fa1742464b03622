using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>What an error of the server means for the batch.</summary>
internal enum SqlServerVerdict
{
    /// <summary>The same batch may succeed on a new connection: deadlock, time-out, throttling, fail-over, broken connection.</summary>
    Transient,

    /// <summary>A row is the reason: find it by bisection, leave it out, commit the rest.</summary>
    RowRefused,

    /// <summary>
    /// A trigger or a procedure raised it, or the whole transaction was undone. A row is the reason only if others pass; else it is the
    /// trigger or the procedure itself.
    /// </summary>
    Raised,

    /// <summary>Neither another attempt nor fewer rows can help: missing rights or objects, a full disk, a defect of ours.</summary>
    Permanent,
}

/// <summary>
/// Judges errors of SQL Server. The numbers come from the documentation: "Troubleshoot transient connection errors" of Azure SQL, and
/// "Database Engine events and errors". Pure, safe for concurrent use.
/// </summary>
internal static class SqlServerFault
{
    /// <summary>From this severity on, the server ends the connection.</summary>
    private const int Fatal = 20;

    /// <summary>SEC_E_UNTRUSTED_ROOT: the client does not trust the server's certificate.</summary>
    private const int UntrustedCertificate = -2146893019;

    public static SqlServerVerdict Judge(SqlException error)
    {
        // One exception has all errors of its batch, also those that follow from others ("the statement has been terminated"). The
        // worst one decides.
        SqlServerVerdict worst = SqlServerVerdict.RowRefused;
        bool judged = false;
        foreach (SqlError single in error.Errors)
        {
            if (Judge(single.Number, single.Class, single.Message) is not { } verdict) continue;
            if (verdict == SqlServerVerdict.Transient) return verdict;
            if (verdict > worst) worst = verdict;
            judged = true;
        }
        return judged ? worst : SqlServerVerdict.Permanent;
    }

    /// <summary>Whether fewer rows may help.</summary>
    public static bool MayBeOfRow(SqlException error) => Judge(error) is SqlServerVerdict.RowRefused or SqlServerVerdict.Raised;

    /// <param name="number">
    /// The error's number. Negative numbers, and numbers below 300 with a fatal class, come from the client and the network.
    /// </param>
    /// <param name="severity">The error's class.</param>
    /// <param name="message">The error's text, which only Babelfish needs.</param>
    /// <returns>The verdict, or null for a message that only follows another error.</returns>
    public static SqlServerVerdict? Judge(int number, int severity, string message = "") => number switch
    {
        Babelfish.NoNumber => Babelfish.Judge(message),
        // "The statement has been terminated." follows the error that matters.
        3621 => null,
        // Deadlock victim; lock request timed out; snapshot conflict; deadlock within a parallel plan; no memory for locks.
        1205 or 1222 or 3960 or 8651 or 1204 => SqlServerVerdict.Transient,
        // A time-out of the client, or a broken or refused connection, on Windows and on Linux.
        -2 or -1 or 2 or 20 or 53 or 64 or 121 or 233 or 258 or 997 or 1225 or 10053 or 10054 or 10060 or 10061 or 11001 =>
            SqlServerVerdict.Transient,
        // Azure SQL: throttled, busy, moved, being reconfigured, out of sessions or workers.
        4060 or 4221 or 10928 or 10929 or 10936 or 40143 or 40197 or 40501 or 40540 or 40613 or 42108 or 42109 or 49918 or 49919 or 49920 =>
            SqlServerVerdict.Transient,
        // Fail-over: no longer the primary, in recovery, shutting down, connections refused, logins disabled. Or no memory for a
        // query in time.
        596 or 601 or 617 or 669 or 921 or 978 or 983 or 988 or 3906 or 6005 or 8628 or 8645 or 17142 or 17197 or 18401
            or 41301 or 41302 or 41305 or 41325 or 41839 =>
            SqlServerVerdict.Transient,
        // Null, check or foreign key, unique index, unique key; truncated, out of range, not convertible; a length or value that
        // bulk copy does not take; NaN.
        515 or 547 or 2601 or 2627 or 2628 or 8152 or 220 or 232 or 241 or 242 or 245 or 295 or 296 or 8114 or 8115 or 8023
            or 4815 or 4816 or 4863 or 4864 or 4867 or 7339 =>
            SqlServerVerdict.RowRefused,
        // A trigger or a procedure throws, with a number of its own or without.
        >= 50000 when severity is > 10 and < Fatal => SqlServerVerdict.Raised,
        // A trigger rolled the transaction back, which ends the batch.
        3609 => SqlServerVerdict.Raised,
        _ when severity >= Fatal => SqlServerVerdict.Transient,
        _ => SqlServerVerdict.Permanent,
    };

    /// <summary>The exception for the run, with the server's words and what to do.</summary>
    /// <param name="error">The first error, never an error of the roll-back after it.</param>
    /// <param name="sink">The sink's name, without secrets.</param>
    /// <param name="doing">What the sink was doing, such as "copying rows".</param>
    /// <param name="holder">Who holds the lock that was waited for, if the server tells.</param>
    /// <param name="wasOpen">Whether the database has been opened before: then one that is missing comes back.</param>
    public static SinkException Of(SqlException error, string sink, string doing, string? holder = null, bool wasOpen = true)
    {
        SqlServerVerdict verdict = error.Number == 4060 && !wasOpen ? SqlServerVerdict.Permanent : Judge(error);
        string message = Unreachable(error, sink) is { } unreachable
            ? $"{unreachable} (while {doing})"
            : $"{sink} failed while {doing}: {error.Message} (SQL Server {error.Number}). {Remedy(error, verdict, holder)}";
        return new SinkException(message, error) { IsTransient = verdict == SqlServerVerdict.Transient };
    }

    /// <summary>Whether a statement ended because it waited too long, most likely for a lock.</summary>
    public static bool IsLockWait(SqlException error) => error.Number == 1222 || IsSlowStatement(error)
        || (error.Number == Babelfish.NoNumber && Babelfish.IsLockWait(error.Message));

    /// <summary>SqlClient has one number for a statement and a login that take too long.</summary>
    private static bool IsSlowStatement(SqlException error) =>
        error.Number == -2 && error.Message.StartsWith("Execution Timeout", StringComparison.Ordinal);

    /// <summary>
    /// Why nobody answers, in words of our own. SqlClient's are the same for all of these: "error: 35 - An internal exception was caught".
    /// </summary>
    private static string? Unreachable(SqlException error, string sink)
    {
        string text = error.Message;
        bool isOfCertificate = error.Number == UntrustedCertificate || error.InnerException is AuthenticationException
            || text.Contains("certificate", StringComparison.Ordinal) || text.Contains("SSL", StringComparison.Ordinal);
        if (error.Class < Fatal || isOfCertificate) return null;
        if (text.Contains("error: 26", StringComparison.Ordinal))
            return $"No server tells where the instance of {sink} is. Check the instance's name in Server=…, and that SQL Server Browser "
                + "runs there and UDP 1434 is open; or write Server=host,port.";
        if (error.Number == 11001 || error.InnerException is SocketException { SocketErrorCode: SocketError.HostNotFound })
            return $"The host of {sink} is not known: check its name in Server=…, and that this machine resolves it.";
        if (error.Number == 10061 || (text.StartsWith("A network-related", StringComparison.Ordinal)
            && text.Contains("error: 35", StringComparison.Ordinal))
            || error.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            return $"Nothing takes connections at {sink}: check the port in Server=host,port, that SQL Server runs there and has TCP on.";
        if (text.Contains("pre-login handshake", StringComparison.Ordinal))
            return $"{sink} takes a connection, but does not answer as SQL Server does: it starts or shuts down, or the port is another's.";
        if (error.Number is 10053 or 10054 or 596 or 6005 || text.StartsWith("A transport-level error", StringComparison.Ordinal))
            return $"{sink} ended the connection: it was shut down or restarted, or the network broke. {FirstLine(text)}";
        return null;
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].TrimEnd();

    private static string Remedy(SqlException error, SqlServerVerdict verdict, string? holder) => error.Number switch
    {
        18456 or 18452 => "Check the user, the password and the database of the connection string.",
        4060 or 911 => "There is no such database, or this user may not open it: check Database=… in the connection string.",
        _ when IsLockWait(error) => "It waited for "
            + (holder is null ? "a lock that another session holds, or was too slow" : $"a lock that {holder} holds")
            + $" ({OptionName.Of(nameof(SqlServerSinkOptions.CommandTimeout))}); the same batch can be written again.",
        229 or 230 or 262 or 297 or 300 or 1088 => "Grant this user the right; the documentation of the sink lists all it needs.",
        208 or 2812 => "Check the table's name and schema, or let the sink create it.",
        207 => "Check the columns' names against the table.",
        1105 or 9002 =>
            "The database or its log is full: make room and run again; nothing of the last batch was written, and nothing is lost.",
        UntrustedCertificate or 20 => "The server's certificate is not trusted: install it, or its authority's, on this machine.",
        _ when verdict == SqlServerVerdict.Transient => "The server or the network was not available; the same batch can be written again.",
        Babelfish.NoNumber => Babelfish.Remedy(error.Message),
        _ => "Look the number up in the server's documentation.",
    };
}
