using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Entra's tokens to log in with, from a command that prints one or from a file that another program keeps up to date. The command runs
/// again when its token is about to expire; the file is read each time. Tokens are never shown. Safe for concurrent use.
/// </summary>
#pragma warning disable CA1001 // A semaphore that is only awaited has nothing to dispose.
internal sealed class AccessTokens(IReadOnlyList<string> command, string? file, TimeProvider time)
#pragma warning restore CA1001
{
    /// <summary>A token that expires sooner is replaced. The tools that hand out tokens keep the same margin.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _one = new(1);
    private SqlAuthenticationToken? _last;

    /// <summary>The tokens that the settings ask for, or <see langword="null"/>.</summary>
    /// <exception cref="SettingsException">The settings contradict each other.</exception>
    public static AccessTokens? Of(HostSettings settings)
    {
        (IReadOnlyList<string> command, string? file) = (settings.AccessTokenCommand, settings.AccessTokenFile);
        if (command.Count == 0 && file is null) return null;
        if (command.Count > 0 && file is not null)
            throw new SettingsException("sqlserver:accessTokenCommand", "there is sqlserver:accessTokenFile as well. Keep one of them.");
        if (settings.SqlServerPassword is not null)
            throw new SettingsException("sqlserver:password", "a token logs in without a password. Keep one of them.");
        return new AccessTokens(command, file, settings.SqlServer.TimeProvider);
    }

    /// <summary>The options of SQL Server, with the token that the settings ask for.</summary>
    /// <exception cref="SettingsException">The settings contradict each other.</exception>
    public static SqlServerSinkOptions Applied(HostSettings settings) => Of(settings) is { } tokens
        ? settings.SqlServer with { AccessTokenCallback = tokens.GetAsync }
        : settings.SqlServer;

    /// <summary>For <see cref="SqlServerSinkOptions.AccessTokenCallback"/>.</summary>
    /// <exception cref="IOException">There is no token now, but there may be one later.</exception>
    /// <exception cref="InvalidOperationException">There is no token.</exception>
    public async Task<SqlAuthenticationToken> GetAsync(SqlAuthenticationParameters asked, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            DateTimeOffset now = time.GetUtcNow();
            if (file is not null) return await ReadAsync(file, now, cancellationToken);
            if (_last is { } last && last.ExpiresOn - now > s_margin) return last;
            try
            {
                return _last = await RunAsync(now, cancellationToken);
            }
            catch (IOException) when (_last?.ExpiresOn > now)
            {
                return _last;
            }
        }
        finally
        {
            _one.Release();
        }
    }

    private static async Task<SqlAuthenticationToken> ReadAsync(string file, DateTimeOffset now, CancellationToken cancellationToken)
    {
        string text;
        try
        {
            text = await File.ReadAllTextAsync(file, cancellationToken);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{file} cannot be read: {error.Message}", error);
        }
        // The file may be half-written at this moment: another attempt may find a token.
        SqlAuthenticationToken token = AccessTokenText.Read(text, now)
            ?? throw new IOException($"{file} holds no token. {AccessTokenText.Expected}");
        if (token.ExpiresOn > now) return token;
        string expired = token.ExpiresOn.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        throw new IOException($"the token in {file} expired at {expired} UTC.");
    }

    private async Task<SqlAuthenticationToken> RunAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        (int exit, string output, string error) = await OutputAsync(cancellationToken);
        if (exit != 0)
        {
            string? last = error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
            throw Failed(FormattableString.Invariant($"'{command[0]}' ended with {exit}{(last is null ? "." : $": {last}")}"));
        }
        return AccessTokenText.Read(output, now) ?? throw Failed($"what '{command[0]}' printed is no token. {AccessTokenText.Expected}");
    }

    /// <summary>If the command has printed a token before, its failure may be temporary.</summary>
    private Exception Failed(string message) => _last is null ? new InvalidOperationException(message) : new IOException(message);

    private async Task<(int Exit, string Output, string Error)> OutputAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await OtherProgram.RunAsync(command, null, cancellationToken);
        }
        catch (Win32Exception error)
        {
            string remedy = "sqlserver:accessTokenCommand is a program and its arguments.";
            throw new InvalidOperationException($"'{command[0]}' cannot be started ({error.Message}). {remedy}", error);
        }
    }
}

/// <summary>
/// The text of a token: the token alone, or JSON as Entra, its endpoints for managed identities and the az tool write it. Pure.
/// </summary>
internal static class AccessTokenText
{
    public const string Expected = "Expected is the token alone, or JSON with access_token or accessToken.";

    /// <summary>How long a token is taken to be valid if it does not say. Entra's tokens are valid for an hour or more.</summary>
    private static readonly TimeSpan s_assumed = TimeSpan.FromMinutes(30);

    /// <summary>A limit against wrong numbers. Entra's tokens are valid for a day at most.</summary>
    private const long LongestSeconds = 7 * 24 * 3600;

    /// <param name="text">What was printed or written.</param>
    /// <param name="now">When it was read.</param>
    /// <returns>The token, or <see langword="null"/> if the text is no token.</returns>
    public static SqlAuthenticationToken? Read(string text, DateTimeOffset now)
    {
        string trimmed = text.Trim('\uFEFF', ' ', '\t', '\r', '\n');
        if (!trimmed.StartsWith('{')) return Token(trimmed, Expiry(trimmed), now);
        try
        {
            using JsonDocument json = JsonDocument.Parse(trimmed);
            JsonElement all = json.RootElement;
            string? token = Text(all, "access_token") ?? Text(all, "accessToken");
            return token is null ? null : Token(token, At(all, now) ?? Expiry(token), now);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SqlAuthenticationToken? Token(string token, DateTimeOffset? expires, DateTimeOffset now) =>
        token.Length == 0 || token.Any(c => c is <= ' ' or > '~') ? null : new SqlAuthenticationToken(token, expires ?? now + s_assumed);

    /// <summary>
    /// Seconds since 1970 or from now on, as a number or a text. A local time (<c>expiresOn</c> of az) is not used: its zone is not known.
    /// </summary>
    private static DateTimeOffset? At(JsonElement all, DateTimeOffset now) =>
        Seconds(all, "expires_on") is { } at ? DateTimeOffset.FromUnixTimeSeconds(at)
        : Seconds(all, "expires_in") is { } left ? now.AddSeconds(Math.Min(left, LongestSeconds)) : null;

    /// <summary>The <c>exp</c> of a JSON web token, as Entra's tokens are; <see langword="null"/>: it is another kind of token.</summary>
    private static DateTimeOffset? Expiry(string token)
    {
        string[] parts = token.Split('.');
        if (parts.Length != 3 || !Base64Url.IsValid(parts[1])) return null;
        try
        {
            using JsonDocument claims = JsonDocument.Parse(Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1])));
            return Seconds(claims.RootElement, "exp") is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement all, string name) =>
        all.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Seconds(JsonElement all, string name)
    {
        // The last second of the year 9999, where times end.
        const long most = 253_402_300_799;
        if (all.ValueKind != JsonValueKind.Object || !all.TryGetProperty(name, out JsonElement value)) return null;
        string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) && seconds <= most ? seconds : null;
    }
}
