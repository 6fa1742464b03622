using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>A Debian sshd of our own on the loopback, with its own keys, and what its clients need to reach it.</summary>
internal sealed class SftpServer : IDisposable
{
    private readonly string _folder;
    private readonly Process _process;

    public SftpServer(string folder)
    {
        _folder = folder;
        Port = FreePort();
        Keygen("host_key", "ed25519");
        // Of RSA keys curl's libssh2 makes signatures that sshd refuses.
        Keygen("user_key", "ed25519");
        File.Copy(Path.Combine(folder, "user_key.pub"), Path.Combine(folder, "authorized_keys"));
        File.WriteAllText(Path.Combine(folder, "ssh_config"), "");
        Trust(Port);
        Directory.CreateDirectory("/run/sshd");
        string config = Path.Combine(folder, "sshd_config");
        // Debian's bash reads the user's .bashrc for every session of sshd unless it believes to be inside another shell.
        File.WriteAllText(config, $"""
            SetEnv SHLVL=2
            ListenAddress 127.0.0.1:{Port}
            HostKey {folder}/host_key
            AuthorizedKeysFile {folder}/authorized_keys
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            MaxStartups 100
            Subsystem sftp /usr/lib/openssh/sftp-server

            """);
        _process = Process.Start("/usr/sbin/sshd", ["-D", "-q", "-f", config]);
        while (!Listens()) Thread.Sleep(50);
    }

    public int Port { get; }

    /// <summary>What every OpenSSH client is told, ours apart from the port, which it takes from the address.</summary>
    public string SshArguments =>
        $"-F {_folder}/ssh_config -i {_folder}/user_key -o UserKnownHostsFile={_folder}/known_hosts -o BatchMode=yes -a -x";

    public string Key => Path.Combine(_folder, "user_key");

    /// <summary>The host's configuration with all but the source.</summary>
    public string WriteConfiguration()
    {
        string path = Path.Combine(_folder, "dynamo.json");
        File.WriteAllText(path,
            """{ "sftp": { "identityFile": "user_key", "knownHostsFile": "known_hosts", "sshConfigFile": "ssh_config" } }""");
        return path;
    }

    /// <summary>The same for the managed client, which reads no configuration of ssh.</summary>
    public string WriteManagedConfiguration()
    {
        string path = Path.Combine(_folder, "dynamo-managed.json");
        File.WriteAllText(path, """{ "sftp": { "client": "managed", "identityFile": "user_key", "knownHostsFile": "known_hosts" } }""");
        return path;
    }

    public void Trust(int port) => File.AppendAllText(Path.Combine(_folder, "known_hosts"),
        string.Create(
            CultureInfo.InvariantCulture,
            $"[127.0.0.1]:{port} {string.Join(' ', File.ReadAllText(Path.Combine(_folder, "host_key.pub")).Split(' ')[..2])}\n"));

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private void Keygen(string name, string type)
    {
        using Process keygen = Process.Start("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", Path.Combine(_folder, name)]);
        keygen.WaitForExit();
    }

    private bool Listens()
    {
        try
        {
            using var client = new TcpClient();
            client.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
