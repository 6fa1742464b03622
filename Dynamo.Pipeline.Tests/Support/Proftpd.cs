using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A real proftpd with mod_sftp, the second implementation: free loopback port, its own host key, and one virtual user with a password,
/// who is no user of this machine and logs in to nothing else.
/// </summary>
internal sealed class Proftpd : IDisposable
{
    public const string User = "logger", Password = "p@ss \"w0rd$ %x%!";
    private const string Program = "/usr/sbin/proftpd", Module = "/usr/lib/proftpd/mod_sftp.so";
    private static readonly TimeSpan s_startTimeout = TimeSpan.FromMinutes(2);

    private readonly Process _process;

    /// <param name="folder">A temporary folder for its keys; the caller removes it.</param>
    public Proftpd(string folder)
    {
        Require();
        Folder = Directory.CreateDirectory(Path.Combine(folder, "proftpd")).FullName;
        Port = LoopbackPort.Next();
        Sshd.MakeKey(Path.Combine(Folder, "host_key"), "");
        string[] key = File.ReadAllText(Path.Combine(Folder, "host_key.pub")).Split(' ');
        File.WriteAllText(KnownHosts, string.Create(CultureInfo.InvariantCulture, $"[127.0.0.1]:{Port} {key[0]} {key[1]}\n"));
        File.WriteAllText(ConfigFile, "PubkeyAuthentication no\n");
        string users = Path.Combine(Folder, "users");
        File.WriteAllText(users, $"{User}:{Hash(Password)}:0:0::/:/bin/sh\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(users, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _process = Start(users);
    }

    public string Folder { get; }

    public int Port { get; }

    public string KnownHosts => Path.Combine(Folder, "known_hosts");

    public string ConfigFile => Path.Combine(Folder, "ssh_config");

    /// <summary>Skips the test where there is none; in CI that is a failure.</summary>
    public static void Require()
    {
        if (!File.Exists(Program) || !File.Exists(Module)) External.Missing("needs proftpd with mod_sftp (Debian: proftpd-mod-crypto)");
        // Only then it may act as the owner of the test's files.
        if (!Environment.IsPrivilegedProcess) External.Missing("proftpd needs root");
    }

    /// <summary>Options that reach it, with the password.</summary>
    public SftpSourceOptions Options(string path, SshClientKind client = SshClientKind.OpenSsh) => new()
    {
        Client = client,
        Host = "127.0.0.1",
        Port = Port,
        User = User,
        Password = Password,
        Path = path,
        KnownHostsFile = KnownHosts,
        SshConfigFile = client == SshClientKind.Managed ? null : ConfigFile,
        SettleTime = TimeSpan.Zero,
        ConnectTimeout = Sshd.Patience,
    };

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    private Process Start(string users)
    {
        string config = Path.Combine(Folder, "proftpd.conf");
        File.WriteAllText(config, $"""
            ModulePath {Path.GetDirectoryName(Module)}
            LoadModule mod_sftp.c
            ServerType standalone
            ServerName test
            DefaultAddress 127.0.0.1
            SocketBindTight on
            UseIPv6 off
            Port {Port}
            User root
            Group root
            RootLogin on
            PidFile {Folder}/pid
            ScoreboardFile {Folder}/scoreboard
            DelayEngine off
            WtmpLog off
            TransferLog none
            SystemLog none
            AuthOrder mod_auth_file.c
            AuthUserFile {users}
            RequireValidShell off
            UseFtpUsers off
            AllowOverwrite on
            SFTPEngine on
            SFTPHostKey {Folder}/host_key
            SFTPAuthMethods password
            <Limit ALL>
            AllowAll
            </Limit>

            """);
        Process process = Process.Start(new ProcessStartInfo(Program, ["-n", "-q", "-c", config])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        long started = Stopwatch.GetTimestamp();
        while (!IsListening())
        {
            if (process.HasExited) Assert.Fail($"proftpd ended with {process.ExitCode}");
            if (Stopwatch.GetElapsedTime(started) > s_startTimeout) Assert.Fail("proftpd does not listen");
        }
        return process;
    }

    private bool IsListening()
    {
        try
        {
            using var client = new TcpClient();
            return client.ConnectAsync(IPAddress.Loopback, Port).Wait(TimeSpan.FromSeconds(1));
        }
        catch (AggregateException)
        {
            return false;
        }
    }

    private static string Hash(string password)
    {
        using Process openssl = Process.Start(new ProcessStartInfo("openssl", ["passwd", "-6", "-stdin"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        openssl.StandardInput.WriteLine(password);
        openssl.StandardInput.Close();
        return openssl.StandardOutput.ReadToEnd().Trim();
    }
}
