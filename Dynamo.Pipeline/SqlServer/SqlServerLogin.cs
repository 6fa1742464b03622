using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Logins with a token: makes the <see cref="SqlServerSinkOptions.AccessTokenCallback"/> fit for SqlClient, and says what its errors
/// mean. Safe for concurrent use.
/// </summary>
internal static class SqlServerLogin
{
    private const string MayPass = "DYNAMO_TRANSIENT";

    /// <summary>How long a callback may take to notice its cancellation, and to stop what it began.</summary>
    private static readonly TimeSpan s_hearing = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The same callback with two differences. It is given up if it does not notice its cancellation, because SqlClient would wait for
    /// ever. And its exceptions have the one type whose message SqlClient passes on.
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
                throw new NoTokenException(
                    $"{OptionName.Of(nameof(SqlServerSinkOptions.AccessTokenCallback))} took longer than Connect Timeout.", MayPass, error);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                bool mayPass = error is TimeoutException or IOException or HttpRequestException or OperationCanceledException;
                throw new NoTokenException(error.Message, mayPass ? MayPass : "", error);
            }
        };

    /// <summary>The exception for a login without a token; null for any other error.</summary>
    /// <param name="error">The exception from opening a connection.</param>
    /// <param name="sink">The sink's name, without secrets.</param>
    public static SinkException? Fault(Exception error, string sink) => error switch
    {
        // SqlClient has no provider for this kind of authentication, and says so before it sends anything.
        ArgumentException => new SinkException(
            $"Nobody gets a token to log in to {sink} with: {FirstLine(error.Message)} Take Authentication out of the connection string "
            + $"and set {OptionName.Of(nameof(SqlServerSinkOptions.AccessTokenCallback))}, "
            + "or register a provider with SqlAuthenticationProvider.SetProvider.", error),
        SqlException sql when IsOfToken(sql) => new SinkException(
            $"There is no token to log in to {sink} with: {FirstLine(sql.Errors[^1].Message)} Check that this machine has the identity or "
            + "the secret that the token is for, and that Entra can be reached from here.", error)
        {
            IsTransient = sql.Errors.Cast<SqlError>().Any(e => e.Message.Contains(MayPass, StringComparison.Ordinal)),
        },
        _ => null,
    };

    /// <summary>Such an error has the authentication method in the place of a procedure's name.</summary>
    private static bool IsOfToken(SqlException error) =>
        error.Errors[0].Number == 0 && Enum.TryParse(error.Errors[0].Procedure, out SqlAuthenticationMethod _);

    /// <summary>Programs that get tokens write pages of text.</summary>
    private static string FirstLine(string text)
    {
        string line = text.Split('\n', 2)[0].TrimEnd();
        return line.EndsWith('.') ? line : line + ".";
    }

    private sealed class NoTokenException(string message, string code, Exception cause)
        : SqlAuthenticationProviderException(default, code, shouldRetry: false, retryPeriod: 0, message, cause);
}
