using System.Net.Sockets;
using System.Net;
using System.Text.RegularExpressions;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Where an <see cref="SftpSource"/> finds its server, which files it takes and what it does with them after the commit. Immutable. With
/// the ssh client, whatever <c>~/.ssh/config</c> says about the host (aliases, keys, certificates, ProxyJump) is in force, and what is set
/// here goes before it. The managed client (<see cref="Client"/>) reads none of it.
/// </summary>
public sealed partial record SftpSourceOptions : FileSourceOptions
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>Everything but the host at its default.</summary>
    public SftpSourceOptions() : base(settleTime: TimeSpan.FromSeconds(5)) { }

    /// <summary>The server: a name, an alias of <c>~/.ssh/config</c>, or an IP address. Required.</summary>
    /// <exception cref="ArgumentException">It is none of these; a name that begins with <c>-</c> is refused, because ssh would take it for
    /// an option.</exception>
    public required string Host { get; init => field = CheckHost(value, nameof(Host)); }

    /// <summary>
    /// The user on the server. Default <see langword="null"/>: ssh's configuration, or else the name of the user who runs this.
    /// </summary>
    /// <exception cref="ArgumentException">No name of a user.</exception>
    public string? User { get; init => field = CheckUser(value, nameof(User)); }

    /// <summary>The TCP port, 1 to 65535. Default <see langword="null"/>: ssh's configuration, or else 22.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No port.</exception>
    public int? Port { get; init => field = CheckPort(value, nameof(Port)); }

    /// <summary>The folder on the server. Default <c>.</c>, the folder the server begins in; a relative path starts there.</summary>
    /// <exception cref="ArgumentException">The path is empty or contains a NUL.</exception>
    public string Path { get; init => field = CheckFolder(value, nameof(Path)); } = ".";

    /// <summary>
    /// Which ssh client reaches the server. Default <see cref="SshClientKind.OpenSsh"/>: the system's, which is by far the faster one and
    /// knows every way to log in. <see cref="SshClientKind.Managed"/> needs no program beside this one; what it cannot do is an error that
    /// names it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public SshClientKind Client { get; init => field = CheckClient(value, nameof(Client)); } = SshClientKind.OpenSsh;

    /// <summary>
    /// Where a lost connection is told, in the category <c>Dynamo.Pipeline</c>. Default <see langword="null"/>: nowhere.
    /// </summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>
    /// The password, or the passphrase of the key. Default <see langword="null"/>: keys, agent and certificates only. It reaches ssh
    /// through the askpass mechanism, which answers that one process only; the managed client hands it to the server itself. It is in no
    /// command line, environment, message or text form of these options. Take it from an environment variable or a secret store, not from a
    /// file beside the program.
    /// </summary>
    public string? Password { internal get; init; }

    /// <summary>
    /// A private key file. Default <see langword="null"/>: ssh's own choice; for the managed client <c>id_ed25519</c>, <c>id_ecdsa</c> and
    /// <c>id_rsa</c> in <c>~/.ssh</c>. A certificate beside it, in a file of its name and <c>-cert.pub</c>, is used.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a quote or control characters.</exception>
    public string? IdentityFile { get; init => field = CheckFile(value, nameof(IdentityFile)); }

    /// <summary>The file of known host keys. Default <see langword="null"/>: ssh's own.</summary>
    /// <exception cref="ArgumentException">The path is empty or contains a quote or control characters.</exception>
    public string? KnownHostsFile { get; init => field = CheckFile(value, nameof(KnownHostsFile)); }

    /// <summary>
    /// An ssh configuration to use in place of the user's and the system's. Default <see langword="null"/>: those. Not for the managed
    /// client, which reads none.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a quote or control characters.</exception>
    public string? SshConfigFile { get; init => field = CheckFile(value, nameof(SshConfigFile)); }

    /// <summary>
    /// The ssh client to run. Default <see langword="null"/>: the one on the path, on Windows the one that comes with it.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a quote or control characters.</exception>
    public string? SshProgram { get; init => field = CheckFile(value, nameof(SshProgram)); }

    /// <summary>
    /// Whether a host that was never met is trusted and remembered. Default <see langword="false"/>: an unknown host is an error, as a
    /// changed key always is.
    /// </summary>
    public bool AcceptNewHostKeys { get; init; }

    /// <summary>
    /// How far the server's clock may be off, up to a day. Default 1 minute. A file's age is told by two clocks, so that only one older
    /// than <see cref="FileSourceOptions.SettleTime"/> and this together is offered at the first look.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or above a day.</exception>
    public TimeSpan ClockSkew { get; init => field = Within(value, TimeSpan.Zero, nameof(ClockSkew)); } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Connections, 1 to 16. Default 1, which keeps a line full: more help only against a server that allows few open files on each, and a
    /// server may refuse many at once (OpenSSH: <c>MaxStartups</c>).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1 or above 16.</exception>
    public int Connections { get; init => field = Within(value, 1, 16, nameof(Connections)); } = 1;

    /// <summary>
    /// Files each reader asks for at once, 1 to 1,000. Default 256. How many of them are really under way is decided by the distance to the
    /// server (64 nearby, 1,500 on each connection at 20 ms, 2,000 at most) and by how many it allows. Fewer use less memory and leave a
    /// long line empty.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1 or above 1,000.</exception>
    public int OpensInFlight { get; init => field = Within(value, 1, 1000, nameof(OpensInFlight)); } = 256;

    /// <summary>
    /// How long a connection may take until the server is ready, up to a day. Default 30 seconds; then it counts as unreachable.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is zero, negative or above a day.</exception>
    public TimeSpan ConnectTimeout { get; init => field = Positive(value, nameof(ConnectTimeout)); } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the server may take for the answer that is due next, up to a day. Default 30 seconds; then the connection counts as dead
    /// and is replaced.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is zero, negative or above a day.</exception>
    public TimeSpan Deadline { get; init => field = Positive(value, nameof(Deadline)); } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Idle time after which the server is asked for a sign of life, up to a day. Default 15 seconds; servers drop sessions that idle for
    /// long.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is zero, negative or above a day.</exception>
    public TimeSpan KeepAlive { get; init => field = Positive(value, nameof(KeepAlive)); } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How often a lost connection is replaced without a single file having got through in between, 0 to 100. Default 5, after 0.5, 1, 2, 4
    /// and 8 seconds; then the run ends with a <see cref="SourceException"/>. The first connection of all is tried twice at most.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0 or above 100.</exception>
    public int Reconnects { get; init => field = Within(value, 0, 100, nameof(Reconnects)); } = 5;

    /// <summary>How the server writes names. Default UTF-8; names that are none are deferred. Latin-1 takes any byte as it is.</summary>
    /// <exception cref="ArgumentNullException">There is none.</exception>
    public Encoding NameEncoding { get; init => field = value ?? throw new ArgumentNullException(nameof(NameEncoding)); } = Encoding.UTF8;

    internal bool HasPassword => !string.IsNullOrEmpty(Password);

    /// <summary>Names in one listing before it counts as endless.</summary>
    internal int MostNames { get; init; } = 10_000_000;

    /// <summary>
    /// Reads <c>sftp://[user@]host[:port][/path]</c>. The path is absolute; <c>/~/path</c> starts in the user's home. <c>%20</c> and the
    /// like are decoded.
    /// </summary>
    /// <param name="url">The address, without a password.</param>
    /// <returns>Options with the address in them, everything else at its default.</returns>
    /// <exception cref="ArgumentException">It is no such address, or it holds a password.</exception>
    public static SftpSourceOptions Parse(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        Match match = Url().Match(url);
        string userInfo = match.Groups["user"].Value;
        // Before anything quotes the address: a password must not come back in a message.
        if (userInfo.Contains(':'))
            throw new ArgumentException("The sftp:// address holds a password. Leave it out, "
                + $"and set {OptionName.Of(nameof(SftpSourceOptions.Password))} from the environment or a secret store.", nameof(url));
        if (!match.Success)
            throw new ArgumentException(
                $"This is no SFTP address: expected sftp://user@host:port/path, found '{WithoutUser(url)}'.", nameof(url));
        Group port = match.Groups["port"];
        return new SftpSourceOptions
        {
            User = userInfo.Length > 0 ? Uri.UnescapeDataString(userInfo) : null,
            Host = match.Groups["host"].Value.Trim('[', ']'),
            Port = port.Success ? int.TryParse(port.Value, out int number) ? number : -1 : null,
            Path = FolderOf(Uri.UnescapeDataString(match.Groups["path"].Value)),
        };
    }

    /// <summary>The address: no password, and nothing else that is nobody's business.</summary>
    /// <returns><c>sftp://user@host:port/path</c>.</returns>
    public override string ToString()
    {
        string user = User is null ? "" : $"{User}@";
        string host = Host.Contains(':') ? $"[{Host}]" : Host;
        string port = Port is { } number ? $":{number}" : "";
        return $"sftp://{user}{host}{port}{(Path.StartsWith('/') ? Path : Path == "." ? "/~" : $"/~/{Path}")}";
    }

    private static string FolderOf(string path)
    {
        if (path is "/~" or "/~/") return ".";
        if (path.StartsWith("/~/", StringComparison.Ordinal)) path = path[3..];
        string trimmed = path.TrimEnd('/');
        if (trimmed.Length > 0) return trimmed;
        return path.Length > 0 ? "/" : ".";
    }

    private static string WithoutUser(string url) => url.LastIndexOf('@') is var at and > 0 ? "…" + url[at..] : url;

    [GeneratedRegex(@"^sftp://(?:(?<user>[^/]*)@)?(?<host>\[[^\]/]*\]|[^:/@]*)(?::(?<port>[^/]*))?(?<path>/.*)?$",
        RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Url();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._@\\+$-]{0,254}\z", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    private static string CheckHost(string value, string name)
    {
        bool isAddress = IPAddress.TryParse(value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6
            && !value.Contains('[');
        if (isAddress || HostName().IsMatch(value ?? "")) return value!;
        throw new ArgumentException(
            $"Host is '{value}'; expected a name of letters, digits, '.', '-' and '_' that does not begin with '-', or an IP address",
            name);
    }

    private static string? CheckUser(string? value, string name) => value is null || UserName().IsMatch(value)
        ? value
        : throw new ArgumentException("User is no user's name: expected letters, digits and . _ - @ \\ + $, not beginning with '-'", name);

    private static int? CheckPort(int? value, string name) => value is null or (>= 1 and <= 65535)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, "Port must be between 1 and 65535");

    private static SshClientKind CheckClient(SshClientKind value, string name) => Enum.IsDefined(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, "Client must be OpenSsh, Managed or Auto");

    private static string CheckFolder(string value, string name) => !string.IsNullOrEmpty(value) && !value.Contains('\0')
        ? value
        : throw new ArgumentException($"{name} is empty or contains a NUL; expected a folder on the server", name);

    private static string? CheckFile(string? value, string name) =>
        value is null || (value.Length > 0 && !value.Contains('"') && !value.Any(char.IsControl))
        ? value
        : throw new ArgumentException($"{name} is '{value}'; expected a path without quotes and control characters", name);

    private static int Within(int value, int least, int most, string name) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and {most}");

    private static TimeSpan Within(TimeSpan value, TimeSpan least, string name) => value >= least && value <= Longest
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and one day");

    private static TimeSpan Positive(TimeSpan value, string name) => Within(value, TimeSpan.FromMilliseconds(1), name);
}

/// <summary>The ssh client that reaches a server.</summary>
public enum SshClientKind
{
    /// <summary>The system's OpenSSH client, one process for each connection.</summary>
    OpenSsh,

    /// <summary>
    /// SSH.NET, inside this process: for machines without an ssh client. It logs in with private keys, passwords and keyboard-interactive,
    /// and checks host keys as strictly; it knows no agent, no <c>~/.ssh/config</c>, no ProxyJump, no host certificates and no hardware
    /// keys, and takes many times as long.
    /// </summary>
    Managed,

    /// <summary><see cref="OpenSsh"/> where an ssh client is found, and <see cref="Managed"/> where there is none.</summary>
    Auto,
}
