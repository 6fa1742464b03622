using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Renci.SshNet;
using Renci.SshNet.Common;
using Renci.SshNet.Messages.Transport;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// How the managed client gets to a server and logs in: which algorithms, keys and passwords SSH.NET is given, whether the server's key is
/// trusted, and what an error means. One for each connection. What it cannot do is said by name.
/// </summary>
internal sealed class SshNetLogin
{
    private const string OtherClient = "the ssh client can ('openssh')";

    /// <summary>A server that cannot be reached may be an alias of ssh's configuration, or behind a jump that it describes.</summary>
    private const string Elsewhere = "Check host and port, the network, and that an SSH server runs there. The managed client reads no "
        + $"~/.ssh/config, neither aliases nor ProxyJump; {OtherClient}";

    /// <summary>What OpenSSH's client does not offer by itself any more, because it is broken or about to be.</summary>
    private static readonly string[] s_weak =
    [
        "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "ssh-rsa",
        "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
    ];

    private readonly SftpSourceOptions _options;
    private readonly string[] _knownHostsFiles;
    private SftpConnectionException? _refusal;
    private bool _hasAnswered;

    private SshNetLogin(SftpSourceOptions options)
    {
        _options = options;
        _knownHostsFiles = [.. KnownHostsFilesOf(options)];
    }

    private string Host => _options.Host;

    private int Port => _options.Port ?? KnownHosts.DefaultPort;

    /// <summary>A login with these options, not yet begun.</summary>
    internal static SshNetLogin For(SftpSourceOptions options) => new(options);

    /// <summary>The options that are set and that the managed client cannot follow, each with the reason.</summary>
    public static IEnumerable<(string Option, string Why)> Unable(SftpSourceOptions options)
    {
        if (options.SshConfigFile is not null)
            yield return (nameof(options.SshConfigFile), "the managed client reads no ssh configuration");
        // What to look for may be said also where it is not found.
        if (options.SshProgram is not null && options.Client == SshClientKind.Managed)
            yield return (nameof(options.SshProgram), "the managed client runs no program");
    }

    /// <summary>The same as a sentence with the remedy; <see langword="null"/> when the managed client can do all of it.</summary>
    public static string? Refusal(SftpSourceOptions options)
    {
        string[] asked = [.. Unable(options).Select(asked => $"{asked.Option} is set, and {asked.Why}")];
        return asked.Length == 0 ? null : 
            $"{string.Join("; ", asked)}. Leave out what is set, or set {OptionName.Of(nameof(SftpSourceOptions.Client))} to OpenSsh";
    }

    /// <summary>Where keys of servers are known: the user's files, or the one that was named, and the machine's.</summary>
    public static IEnumerable<string> KnownHostsFilesOf(SftpSourceOptions options)
    {
        yield return KnownHostsFileOf(options);
        if (options.KnownHostsFile is null) yield return Home("~/.ssh/known_hosts2");
        string machine = OperatingSystem.IsWindows()
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "ssh")
            : "/etc/ssh";
        yield return Path.Combine(machine, "ssh_known_hosts");
        yield return Path.Combine(machine, "ssh_known_hosts2");
    }

    /// <summary>Where a key is added.</summary>
    public static string KnownHostsFileOf(SftpSourceOptions options) => Home(options.KnownHostsFile ?? "~/.ssh/known_hosts");

    /// <summary>A connected client.</summary>
    /// <exception cref="SftpConnectionException">There is none to be had.</exception>
    public static async Task<SftpClient> ConnectAsync(SftpSourceOptions options, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (Refusal(options) is { } unable) throw new SftpConnectionException(unable, mayRecover: false);
        var login = new SshNetLogin(options);
        var client = new SftpClient(login.Connection());
        client.HostKeyReceived += login.Judge;
        try
        {
            await login.ConnectAsync(client, cancellationToken).ConfigureAwait(false);
            client.OperationTimeout = patience;
            return client;
        }
        catch (Exception e)
        {
            _ = Abandon(client);
            if (e is OperationCanceledException && cancellationToken.IsCancellationRequested) throw;
            throw login.Explain(e, Elsewhere);
        }
    }

    /// <summary>Lets go of a client, which may hang while it says good-bye to a server that is silent.</summary>
    /// <returns>Its end, which never fails.</returns>
    public static Task Abandon(SftpClient client) => Task.Run(() =>
    {
        try
        {
            client.Dispose();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever it met on its way out is nobody's affair any more.
        }
    });

    /// <summary>
    /// Asks a server for its keys, one of each type, in ssh's own order of preference. Nobody logs in, and nothing is trusted: this shows
    /// what somebody is to confirm. So it also takes the old algorithms that a login does without.
    /// </summary>
    /// <exception cref="SftpConnectionException">It cannot be asked.</exception>
    public static async Task<IReadOnlyList<KnownHostKey>> ScanAsync(SftpSourceOptions options, CancellationToken cancellationToken)
    {
        List<KnownHostKey> keys = [];
        foreach (string[] type in (string[][])
        [
            ["ssh-ed25519"], ["ecdsa-sha2-nistp256"], ["ecdsa-sha2-nistp384"], ["ecdsa-sha2-nistp521"],
            ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
        ])
            if (await new SshNetLogin(options).AskAsync(type, cancellationToken).ConfigureAwait(false) is { } key) keys.Add(key);
        return keys;
    }

    /// <summary>The server's key of one type; <see langword="null"/> when it has none.</summary>
    private async Task<KnownHostKey?> AskAsync(string[] type, CancellationToken cancellationToken)
    {
        string user = _options.User ?? Environment.UserName;
        var connection = new ConnectionInfo(Host, Port, user, new NoneAuthenticationMethod(user)) { Timeout = _options.ConnectTimeout };
        foreach (string other in connection.HostKeyAlgorithms.Keys.Except(type).ToArray()) connection.HostKeyAlgorithms.Remove(other);
        var client = new SftpClient(connection);
        KnownHostKey? shown = null;
        client.HostKeyReceived += (_, key) =>
        {
            key.CanTrust = false;
            shown = KnownHostKey.From(key.HostKey);
        };
        try
        {
            await ConnectAsync(client, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (shown is not null)
        {
            // The key was refused, as it should be.
        }
        catch (SshConnectionException e) when (e.DisconnectReason == DisconnectReason.KeyExchangeFailed)
        {
            // No key of this type.
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Explain(e, elsewhere: null);
        }
        finally
        {
            _ = Abandon(client);
        }
        return shown;
    }

    /// <summary>SSH.NET waits on its own threads, and now and then without an end.</summary>
    private Task ConnectAsync(SftpClient client, CancellationToken cancellationToken) =>
        Task.Run(() => client.ConnectAsync(cancellationToken), cancellationToken)
            .WaitAsync(_options.ConnectTimeout, _options.TimeProvider, cancellationToken);

    private ConnectionInfo Connection()
    {
        string user = _options.User ?? Environment.UserName;
        List<AuthenticationMethod> methods = [];
        if (Keys() is { Length: > 0 } keys) methods.Add(new PrivateKeyAuthenticationMethod(user, keys));
        if (_options.HasPassword)
        {
            var interactive = new KeyboardInteractiveAuthenticationMethod(user);
            interactive.AuthenticationPrompt += Answer;
            methods.Add(interactive);
            var password = new PasswordAuthenticationMethod(user, _options.Password!);
            password.PasswordExpired += static (_, _) =>
                throw new SshAuthenticationException("Permission denied: the password has expired.");
            methods.Add(password);
        }
        if (methods.Count == 0)
            throw new SftpConnectionException("there is nothing to log in with: no private key is named by "
                + $"{OptionName.Of(nameof(SftpSourceOptions.IdentityFile))} or found in ~/.ssh, and no password is set. "
                + $"The managed client asks no agent and reads no ~/.ssh/config; {OtherClient}",
                mayRecover: false);
        return Strict(new ConnectionInfo(Host, Port, user, [.. methods]));
    }

    /// <summary>
    /// As OpenSSH's client has it: nothing weak, what the processor does fastest first, and first of all the types of keys that are known.
    /// </summary>
    private ConnectionInfo Strict(ConnectionInfo connection)
    {
        connection.Timeout = _options.ConnectTimeout;
        // Bytes, one to one: SSH.NET would replace what is no text in an encoding, and so name another file.
        connection.Encoding = Encoding.Latin1;
        foreach (string weak in s_weak)
        {
            connection.KeyExchangeAlgorithms.Remove(weak);
            connection.Encryptions.Remove(weak);
            connection.HostKeyAlgorithms.Remove(weak);
        }
        foreach (string name in connection.HostKeyAlgorithms.Keys.ToArray())
            if (name.Contains("-cert-", StringComparison.Ordinal)) connection.HostKeyAlgorithms.Remove(name);
        foreach (string cipher in (string[])["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"])
        {
            if (!AesGcm.IsSupported) connection.Encryptions.Remove(cipher);
            else if (connection.Encryptions.ContainsKey(cipher)) connection.Encryptions.SetPosition(cipher, 0);
        }
        foreach (KnownHostKey known in Known().KeysOf(Host, Port))
            foreach (string algorithm in known.Type == "ssh-rsa" ? (string[])["rsa-sha2-256", "rsa-sha2-512"] : [known.Type])
                if (connection.HostKeyAlgorithms.ContainsKey(algorithm)) connection.HostKeyAlgorithms.SetPosition(algorithm, 0);
        return connection;
    }

    private IPrivateKeySource[] Keys()
    {
        if (_options.IdentityFile is { } named) return [Key(Home(named))];
        List<IPrivateKeySource> keys = [];
        foreach (string file in ((string[])["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"]).Select(Home).Where(File.Exists))
        {
            try
            {
                keys.Add(Key(file));
            }
            catch (SftpConnectionException) when (_options.HasPassword)
            {
                // Nobody named this key, and the password may be the server's.
            }
        }
        return [.. keys];
    }

    private PrivateKeyFile Key(string file)
    {
        string certificate = file + "-cert.pub";
        try
        {
            return new PrivateKeyFile(file, _options.HasPassword ? _options.Password : null, File.Exists(certificate) ? certificate : null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SftpConnectionException($"the private key {file} does not exist. "
                + $"Correct {OptionName.Of(nameof(SftpSourceOptions.IdentityFile))}", mayRecover: false, e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new SftpConnectionException($"the private key {file} cannot be read: {e.Message}", mayRecover: false, e);
        }
        catch (SshPassPhraseNullOrEmptyException e)
        {
            throw new SftpConnectionException(
                $"the private key {file} is encrypted. Set {OptionName.Of(nameof(SftpSourceOptions.Password))} to its passphrase",
                mayRecover: false, e);
        }
        catch (Exception e) when (e is not OutOfMemoryException && Path.GetExtension(file) == ".pub")
        {
            throw new SftpConnectionException(
                $"{file} is a public key: an agent would have its private key, and the managed client asks none; {OtherClient}",
                mayRecover: false, e);
        }
        catch (Exception e) when (e.Message.Contains("'sk-", StringComparison.Ordinal))
        {
            string why = $"the private key {file} lives in a hardware key, which the managed client cannot use; {OtherClient}";
            throw new SftpConnectionException(why, mayRecover: false, e);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            string why = _options.HasPassword
                ? $"it is damaged, or the passphrase ({OptionName.Of(nameof(SftpSourceOptions.Password))}) is wrong"
                : "it is damaged, or no private key";
            throw new SftpConnectionException($"the private key {file} cannot be read: {why}{Said(e)}", mayRecover: false, e);
        }
    }

    /// <summary>
    /// Answers the one question for the password. A second one is about something else (a code, a new password), and the password must not
    /// be the answer.
    /// </summary>
    internal void Answer(object? sender, AuthenticationPromptEventArgs asked)
    {
        if (asked.Prompts.Count == 0) return;
        if (_hasAnswered || asked.Prompts.Count > 1)
            throw new SshAuthenticationException("Permission denied (keyboard-interactive): the server asks for more than a password.");
        _hasAnswered = true;
        asked.Prompts[0].Response = _options.Password!;
    }

    private KnownHosts Known()
    {
        try
        {
            return KnownHosts.Read(_knownHostsFiles);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SftpConnectionException($"the file of known hosts cannot be read: {e.Message}", mayRecover: false, e);
        }
    }

    /// <summary>
    /// On SSH.NET's own thread, at the first and at every later exchange of keys. Without an answer the server is not trusted.
    /// </summary>
    private void Judge(object? sender, HostKeyEventArgs shown)
    {
        shown.CanTrust = false;
        try
        {
            _refusal = Refuse(KnownHostKey.From(shown.HostKey));
        }
        catch (Exception e)
        {
            _refusal = e as SftpConnectionException
                ?? new SftpConnectionException($"the server's host key cannot be checked: {e.Message}", mayRecover: false, e);
        }
        shown.CanTrust = _refusal is null;
    }

    private SftpConnectionException? Refuse(KnownHostKey? shown)
    {
        if (shown is null) return new SftpConnectionException("the server shows a host key that is none", mayRecover: false);
        KnownHosts known = Known();
        string key = $"{shown.Type} {shown.Fingerprint}", file = KnownHostsFileOf(_options);
        HostKeyVerdict verdict = known.Judge(Host, Port, shown);
        switch (verdict.Standing)
        {
            case HostKeyStanding.Known:
                return null;
            case HostKeyStanding.Revoked:
                return new SftpConnectionException($"the server's host key is revoked: it shows {key}, which is marked @revoked in "
                    + $"{verdict.Place}. Do not log in there; ask its administrator", mayRecover: false);
            case HostKeyStanding.Changed:
                return SshDiagnosis.As("REMOTE HOST IDENTIFICATION HAS CHANGED",
                    $": it shows {key}, and {verdict.Place} has {verdict.Key!.Fingerprint}");
            case HostKeyStanding.OtherTypes:
                string types = string.Join(", ", known.KeysOf(Host, Port).Select(other => other.Type).Distinct());
                return SshDiagnosis.As(
                    "Host key verification failed", $": it shows {key}, and only {types} is known of it ({verdict.Place})");
            case HostKeyStanding.Unknown when _options.AcceptNewHostKeys:
                KnownHosts.Add(file, Host, Port, shown);
                return null;
            default:
                string authority = known.TrustsAuthority(Host, Port)
                    ? $" (it is trusted by a certificate authority, which the managed client cannot check; {OtherClient})" : "";
                return SshDiagnosis.As("Host key verification failed", $": it shows {key}, which is not in {file}{authority}");
        }
    }

    /// <param name="error">What SSH.NET met.</param>
    /// <param name="elsewhere">What to do where a server cannot be reached, when there is more to say than usual.</param>
    private SftpConnectionException Explain(Exception error, string? elsewhere) => error switch
    {
        _ when _refusal is { } refusal => refusal,
        SftpConnectionException known => known,
        TimeoutException or SshOperationTimeoutException or OperationCanceledException => new SftpConnectionException(
            $"no server answered within {_options.ConnectTimeout.TotalSeconds:0.###} s{(elsewhere is null ? "" : ". " + elsewhere)}",
            mayRecover: true, error),
        SshAuthenticationException => SshDiagnosis.As("Permission denied", Said(error), error,
            $"Check the user, the private key ({OptionName.Of(nameof(SftpSourceOptions.IdentityFile))}) and the password. "
            + "The managed client asks no agent, reads no ~/.ssh/config "
            + $"and uses no hardware key; {OtherClient}"),
        SocketException socket => Explain(socket, elsewhere),
        SshException when error.Message.Contains("Subsystem", StringComparison.Ordinal) =>
            SshDiagnosis.As("subsystem request failed", Said(error), error),
        SshException when error.Message.StartsWith("No matching", StringComparison.Ordinal) =>
            SshDiagnosis.As("no matching", Said(error), error),
        _ => new SftpConnectionException($"the connection ended{Said(error)}", mayRecover: true, error),
    };

    private SftpConnectionException Explain(SocketException error, string? elsewhere) => error.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery =>
            SshDiagnosis.As("Could not resolve hostname", Said(error), error, elsewhere),
        SocketError.ConnectionRefused => SshDiagnosis.As("Connection refused", Said(error), error, elsewhere),
        SocketError.TimedOut => SshDiagnosis.As("Connection timed out", Said(error), error, elsewhere),
        SocketError.HostUnreachable or SocketError.HostDown => SshDiagnosis.As("No route to host", Said(error), error, elsewhere),
        SocketError.NetworkUnreachable or SocketError.NetworkDown =>
            SshDiagnosis.As("Network is unreachable", Said(error), error, elsewhere),
        _ => new SftpConnectionException($"the connection ended{Said(error)}", mayRecover: true, error),
    };

    private string Said(Exception error) => SshDiagnosis.Quote("SSH.NET", error.Message, _options.Password).TrimEnd('.');

    /// <summary>A path, with the user's home for a leading <c>~</c>.</summary>
    public static string Home(string path) => path.StartsWith("~/", StringComparison.Ordinal) || path == "~"
        ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path.Length > 2 ? path[2..] : "")
        : path;
}
