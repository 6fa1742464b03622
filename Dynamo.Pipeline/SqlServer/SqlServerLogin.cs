using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Logins with a token: <see cref="SqlServerSinkOptions.AccessTokenCallback"/> as SqlClient needs it, and what its errors
/// mean. Safe for concurrent use.
/// </summary>
internal static class SqlServerLogin
{
    private const string MayPass = "DYNAMO_TRANSIENT";

    /// <summary>How long a callback may take to hear its cancellation, and to stop what it has begun.</summary>
    private static readonly TimeSpan s_hearing = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The same callback, given up when it does not hear its cancellation, since SqlClient would wait for ever; and with an exception whose
    /// words SqlClient hands on: it drops exceptions of every other type.
    /// </summary>
    public static Func<SqlAuthenticationParameters, CancellationToken, Task<SqlAuthenticationToken>> Bounded(
        Func<SqlAuthenticationParameters, CancellationToken, Task<SqlAuthenticationToken>> callback) => async (asked, cancellation) =>
        {
            Task<SqlAuthenticationToken> token = Task.Run(() => callback(asked, cancellation), CancellationToken.None);
            try
            {
                return await token.WaitAsync(cancellation).ConfigureAwait(false)
                    ?? throw new InvalidOperationException("The AccessTokenCallback yielded null.");
            }
            catch (OperationCanceledException error) when (cancellation.IsCancellationRequested)
            {
                await Task.WhenAny(token, Task.Delay(s_hearing, CancellationToken.None)).ConfigureAwait(false);
                throw new NoTokenException("The AccessTokenCallback took longer than Connect Timeout.", MayPass, error);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                bool mayPass = error is TimeoutException or IOException or HttpRequestException or OperationCanceledException;
                throw new NoTokenException(error.Message, mayPass ? MayPass : "", error);
            }
        };

    /// <summary>What it means that nobody got a token; null for any other error.</summary>
    /// <param name="error">What opening a connection ended with.</param>
    /// <param name="sink">The sink's name, free of secrets.</param>
    public static SinkException? Fault(Exception error, string sink) => error switch
    {
        // SqlClient knows no provider for this kind of authentication. It says so before anything is sent.
        ArgumentException => new SinkException(
            $"Nobody gets a token to log in to {sink} with: {FirstLine(error.Message)} Take Authentication out of the connection string "
            + "and set AccessTokenCallback, or register a provider with SqlAuthenticationProvider.SetProvider.", error),
        SqlException sql when IsOfToken(sql) => new SinkException(
            $"There is no token to log in to {sink} with: {FirstLine(sql.Errors[^1].Message)} Check that this machine has the identity or "
            + "the secret that the token is for, and that Entra can be reached from here.", error)
        {
            IsTransient = sql.Errors.Cast<SqlError>().Any(e => e.Message.Contains(MayPass, StringComparison.Ordinal)),
        },
        _ => null,
    };

    /// <summary>SqlClient writes the way of logging in where a server's error has its procedure.</summary>
    private static bool IsOfToken(SqlException error) =>
        error.Errors[0].Number == 0 && Enum.TryParse(error.Errors[0].Procedure, out SqlAuthenticationMethod _);

    /// <summary>Whoever gets tokens writes pages of text.</summary>
    private static string FirstLine(string text)
    {
        string line = text.Split('\n', 2)[0].TrimEnd();
        return line.EndsWith('.') ? line : line + ".";
    }

    private sealed class NoTokenException(string message, string code, Exception cause)
        : SqlAuthenticationProviderException(default, code, shouldRetry: false, retryPeriod: 0, message, cause);
}
