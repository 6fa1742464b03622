namespace Dynamo.Pipeline.Sftp;

/// <summary>Turns an ssh client's last words into an error with its remedy. Pure: what it knows is what it is given.</summary>
internal static class SshDiagnosis
{
    private const string Hidden = "***";

    /// <summary>What an error says if another key or password may help.</summary>
    public const string Denied = "the server denied the login";

    private static readonly (string Words, string Meaning, string Remedy, bool MayRecover)[] Known =
    [
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "the server's host key has changed",
            "Ask its administrator whether the key was replaced; only then remove the old one with 'ssh-keygen -R HOST' and add the new "
            + "one with 'dynamo hostkey HOST'", false),
        ("Host key verification failed", "the server's host key is not known",
            "Check its fingerprint with the server's administrator and add it with 'dynamo hostkey HOST'", false),
        ("Permission denied", Denied,
            "Check the user, the key or agent, and the password; 'ssh -v' with the same user and host shows what was tried", false),
        ("Too many authentication failures", Denied,
            $"The agent offers too many keys: name one with {OptionName.Of(nameof(SftpSourceOptions.IdentityFile))}", false),
        ("UNPROTECTED PRIVATE KEY FILE", "the private key can be read by others", "Take the rights of others from the key file", false),
        ("Bad owner or permissions", "ssh refuses its configuration", "Take the rights of others from the file that ssh names", false),
        ("Bad configuration option", "ssh refuses its configuration", "Correct the line that ssh names, or update the client", false),
        ("subsystem request failed", "the server offers no SFTP", "Enable the sftp subsystem on the server, or use another account", false),
        ("Could not resolve hostname", "the server's name is not known", "Check the host's name and the network", true),
        ("Connection refused", "the server does not accept connections", "Check host and port, and that the SSH server runs", true),
        ("Connection timed out", "the server does not answer", "Check host, port and firewall", true),
        ("Operation timed out", "the server does not answer", "Check host, port and firewall", true),
        ("No route to host", "the server cannot be reached", "Check the network", true),
        ("Network is unreachable", "the server cannot be reached", "Check the network", true),
        ("not responding", "the server stopped answering", "Check the server and the network", true),
        ("no matching", "client and server have no algorithm in common", "Update the older one of the two", false),
    ];

    /// <summary>The error of the ssh client.</summary>
    /// <param name="words">What ssh wrote to its standard error.</param>
    /// <param name="exitCode">Its exit code, or <see langword="null"/> when it did not end by itself.</param>
    /// <param name="password">Taken out of the words if it is in there.</param>
    /// <returns>An exception to give to everybody who waited.</returns>
    public static SftpConnectionException Explain(string words, int? exitCode, string? password)
    {
        string said = Quote("ssh", words, password);
        foreach (var (known, meaning, remedy, mayRecover) in Known)
            if (words.Contains(known, StringComparison.OrdinalIgnoreCase))
                return new SftpConnectionException($"{meaning}{said}. {remedy}", mayRecover);
        string how = exitCode is { } code ? $"ssh ended with code {code}" : "the connection ended";
        return new SftpConnectionException(how + said, mayRecover: true);
    }

    /// <summary>The error that ssh would explain with these words, for another client that knows what happened.</summary>
    /// <param name="likeSsh">The words by which the case is known here.</param>
    /// <param name="details">What is known more exactly, such as a fingerprint; it follows the meaning.</param>
    /// <param name="cause">The original error, if there is one.</param>
    /// <param name="remedy">Another remedy than for ssh, or <see langword="null"/>.</param>
    public static SftpConnectionException As(string likeSsh, string details, Exception? cause = null, string? remedy = null)
    {
        var (_, meaning, usual, mayRecover) = Known.First(known => known.Words == likeSsh);
        return new SftpConnectionException($"{meaning}{details}. {remedy ?? usual}", mayRecover, cause);
    }

    /// <summary>The client could not even be started.</summary>
    public static SftpConnectionException Missing(string program, Exception cause) => new(
        $"the ssh client '{program}' cannot be started ({cause.Message}). Install OpenSSH: Windows has it under Settings, Optional "
        + "features, OpenSSH Client; Debian and Ubuntu as openssh-client, Fedora as openssh-clients. "
        + $"Or set {OptionName.Of(nameof(SftpSourceOptions.Client))} to 'managed', which needs none",
        mayRecover: false, cause);

    /// <summary>A client's own words, fit for a terminal and without the password.</summary>
    public static string Quote(string client, string words, string? password)
    {
        // The banner of at-signs says nothing that the last lines do not say.
        string[] lines = [.. words.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('@'))];
        if (lines.Length == 0) return "";
        string text = string.Concat(string.Join(" / ", lines.TakeLast(6)).Select(c => char.IsControl(c) ? '?' : c));
        if (!string.IsNullOrEmpty(password)) text = text.Replace(password, Hidden, StringComparison.Ordinal);
        return $": {client} says \"{text}\"";
    }
}
