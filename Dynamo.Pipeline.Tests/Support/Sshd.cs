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
    private const string Program = "/usr/sbin/sshd";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);

    private readonly string _settings;
    private Process? _process;

    /// <param name="folder">A temporary folder for its keys; the caller removes it.</param>
    /// <param name="settings">Further lines of sshd_config.</param>
    public Sshd(string folder, string settings = "")
    {
        Require();
        Folder = Directory.CreateDirectory(Path.Combine(folder, "sshd")).FullName;
        _settings = settings;
        Port = LoopbackPort.Next();
        MakeKey(HostKey, "");
        MakeKey(UserKey, "");
        File.Copy(UserKey + ".pub", Path.Combine(Folder, "authorized_keys"), overwrite: true);
        Trust(Port);
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
    public string[] Arguments(string path, SshClientKind client = SshClientKind.OpenSsh)
    {
        string config = Path.Combine(Folder, $"dynamo-{client}.json");
        string way = client == SshClientKind.Managed ? "\"client\": \"managed\"" : "\"sshConfigFile\": \"ssh_config\"";
        string settings = $$"""{ "identityFile": "user_key", "knownHostsFile": "known_hosts", "connectTimeout": "2min", {{way}} }""";
        if (!File.Exists(config)) File.WriteAllText(config, $$"""{ "sftp": {{settings}} }""");
        return ["--config", config, "--source",
            string.Create(CultureInfo.InvariantCulture, $"sftp://{Environment.UserName}@127.0.0.1:{Port}{path}")];
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
            UsePAM no
            PermitRootLogin yes
            PasswordAuthentication yes
            KbdInteractiveAuthentication no
            MaxStartups 100
            {_settings}
            {(_settings.Contains("Subsystem", StringComparison.Ordinal) ? "" : $"Subsystem sftp {SftpServer}")}

            """);
        var start = new ProcessStartInfo(Program) { RedirectStandardError = true };
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

    public void Dispose() => Kill();

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
