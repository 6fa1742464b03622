using System.Diagnostics;
using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A real sshd of our own: free loopback port, keys and configuration in a temporary folder, run as whoever runs the tests.
/// </summary>
internal sealed class Sshd : IDisposable
{
    /// <summary>For a login, which is several processes taking turns: a busy machine needs long for it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public const string SftpServer = "/usr/lib/openssh/sftp-server";
    private const string Program = "/usr/sbin/sshd", PamModule = "pam_exec.so";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);
    private static readonly EnumerationOptions s_everywhere = new() { RecurseSubdirectories = true, IgnoreInaccessible = true };

    private readonly string _settings;
    private readonly string _program = Program;
    private readonly string? _pamService;
    private Process? _process;

    /// <param name="folder">A temporary folder for its keys; the caller removes it.</param>
    /// <param name="settings">Further lines of sshd_config.</param>
    /// <param name="password">
    /// What whoever runs the tests answers to keyboard-interactive, which is then the only way to log in.
    /// </param>
    public Sshd(string folder, string settings = "", string? password = null)
    {
        Require();
        if (password is not null) RequirePam();
        Folder = Directory.CreateDirectory(Path.Combine(folder, "sshd")).FullName;
        _settings = settings;
        Port = LoopbackPort.Next();
        MakeKey(HostKey, "");
        MakeKey(UserKey, "");
        File.Copy(UserKey + ".pub", Path.Combine(Folder, "authorized_keys"), overwrite: true);
        Trust(Port);
        if (password is not null) (_program, _pamService) = AskFor(password);
        // Nothing of the machine's own ssh configuration may decide a test.
        File.WriteAllText(ConfigFile, "");
        Start();
    }

    public string Folder { get; }

    public int Port { get; }

    public string HostKey => Path.Combine(Folder, "host_key");

    public string UserKey => Path.Combine(Folder, "user_key");

    public string KnownHosts => Path.Combine(Folder, "known_hosts");

    public string ConfigFile => Path.Combine(Folder, "ssh_config");

    /// <summary>Skips the test where there is no sshd; in CI that is a failure.</summary>
    public static void Require()
    {
        if (!File.Exists(Program) || !File.Exists(SftpServer)) External.Missing("needs sshd and sftp-server (Debian: openssh-server)");
    }

    /// <summary>Skips the test where PAM cannot be told to ask for a password of ours; in CI that is a failure.</summary>
    public static void RequirePam()
    {
        Require();
        if (!Environment.IsPrivilegedProcess || !Directory.EnumerateFiles("/lib", PamModule, s_everywhere).Any())
            External.Missing($"keyboard-interactive needs root and {PamModule} (Debian: libpam-modules)");
    }

    /// <summary>Options that reach it.</summary>
    /// <param name="path">The folder to list.</param>
    /// <param name="port">Another port, such as a proxy's.</param>
    /// <param name="client">The client that is to reach it.</param>
    public SftpSourceOptions Options(string path, int? port = null, SshClientKind client = SshClientKind.OpenSsh) => new()
    {
        Client = client,
        Host = "127.0.0.1",
        Port = port ?? Port,
        User = Environment.UserName,
        Path = path,
        IdentityFile = UserKey,
        KnownHostsFile = KnownHosts,
        // The managed client reads none.
        SshConfigFile = client == SshClientKind.Managed ? null : ConfigFile,
        SettleTime = TimeSpan.Zero,
        ConnectTimeout = Patience,
    };

    /// <summary>Arguments that make <c>dynamo</c> import from it.</summary>
    /// <param name="path">The folder to list.</param>
    /// <param name="client">The client that is to reach it.</param>
    /// <param name="port">Another port, such as a proxy's.</param>
    public string[] Arguments(string path, SshClientKind client = SshClientKind.OpenSsh, int? port = null)
    {
        string config = Path.Combine(Folder, $"dynamo-{client}.json");
        string way = client == SshClientKind.Managed ? "\"client\": \"managed\"" : "\"sshConfigFile\": \"ssh_config\"";
        string settings = $$"""{ "identityFile": "user_key", "knownHostsFile": "known_hosts", "connectTimeout": "2min", {{way}} }""";
        if (!File.Exists(config)) File.WriteAllText(config, $$"""{ "sftp": {{settings}} }""");
        return ["--config", config, "--source",
            string.Create(CultureInfo.InvariantCulture, $"sftp://{Environment.UserName}@127.0.0.1:{port ?? Port}{path}")];
    }

    /// <summary>Makes the host key known for a port.</summary>
    public void Trust(int port)
    {
        string[] key = File.ReadAllText(HostKey + ".pub").Split(' ');
        File.AppendAllText(KnownHosts, string.Create(CultureInfo.InvariantCulture, $"[127.0.0.1]:{port} {key[0]} {key[1]}\n"));
    }

    public void Start()
    {
        if (Environment.UserName == "root") Directory.CreateDirectory("/run/sshd");
        string config = Path.Combine(Folder, "sshd_config");
        // Debian's bash reads the user's .bashrc for every session of sshd unless it believes to be inside another shell.
        File.WriteAllText(config, $"""
            SetEnv SHLVL=2
            ListenAddress 127.0.0.1:{Port}
            HostKey {HostKey}
            AuthorizedKeysFile {Path.Combine(Folder, "authorized_keys")}
            PidFile none
            StrictModes no
            UsePAM {(_pamService is null ? "no" : "yes")}
            PermitRootLogin yes
            PasswordAuthentication {(_pamService is null ? "yes" : "no")}
            KbdInteractiveAuthentication {(_pamService is null ? "no" : "yes")}
            PubkeyAuthentication {(_pamService is null ? "yes" : "no")}
            MaxStartups 100
            {_settings}
            {(_settings.Contains("Subsystem", StringComparison.Ordinal) ? "" : $"Subsystem sftp {SftpServer}")}

            """);
        var start = new ProcessStartInfo(_program) { RedirectStandardError = true };
        foreach (string argument in new[] { "-D", "-e", "-f", config }) start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        var listening = new TaskCompletionSource();
        var said = new List<string>();
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) listening.TrySetException(new InvalidOperationException("sshd ended: " + string.Join(" / ", said)));
            else said.Add(line.Data);
            if (line.Data?.Contains("listening on", StringComparison.Ordinal) == true) listening.TrySetResult();
        };
        _process.BeginErrorReadLine();
        listening.Task.WaitAsync(StartTimeout).GetAwaiter().GetResult();
    }

    /// <summary>Kills it with all its sessions.</summary>
    public void Kill()
    {
        if (_process is null) return;
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        Kill();
        if (_pamService is not null) File.Delete(_pamService);
    }

    /// <summary>
    /// sshd asks the PAM service of its own program's name. So it runs under a name that nothing else has, and no user of this machine and
    /// none of its services change: the service shows a greeting, asks for a password, and compares it with ours.
    /// </summary>
    private (string Program, string Service) AskFor(string password)
    {
        // PAM knows services by their names in lower case only.
        string name = $"dynamo-sshd-{Guid.NewGuid():N}";
        string program = Path.Combine(Folder, name), compare = Path.Combine(Folder, "compare"), expected = Path.Combine(Folder, "expected");
        File.CreateSymbolicLink(program, Program);
        File.WriteAllText(expected, password);
        // PAM ends the password with a NUL.
        File.WriteAllText(compare, $"tr -d '\\000' | cmp -s - '{expected}'\n");
        string service = Path.Combine("/etc/pam.d", name);
        File.WriteAllText(service, $"""
            auth optional pam_echo.so Welcome to the waterworks
            auth requisite {PamModule} quiet expose_authtok /bin/sh {compare}
            auth required pam_permit.so
            account required pam_permit.so
            session required pam_permit.so

            """);
        return (program, service);
    }

    /// <param name="path">The file.</param>
    /// <param name="passphrase">Its passphrase, or nothing.</param>
    /// <param name="more">Further arguments of ssh-keygen, such as another type.</param>
    public static void MakeKey(string path, string passphrase, params string[] more)
    {
        var start = new ProcessStartInfo("ssh-keygen") { RedirectStandardOutput = true };
        foreach (string argument in (string[])["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path, .. more])
            start.ArgumentList.Add(argument);
        using Process keygen = Process.Start(start)!;
        keygen.WaitForExit();
        Assert.That(keygen.ExitCode, Is.Zero, "ssh-keygen failed");
    }
}
