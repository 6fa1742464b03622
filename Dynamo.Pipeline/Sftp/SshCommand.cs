using System.Diagnostics;
using System.Globalization;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The command line of the ssh client. Nothing a user wrote can become an option: host, user and port are checked by
/// <see cref="SftpSourceOptions"/>, every value stands behind its option's letter, and <c>--</c> comes before the host.
/// </summary>
internal static class SshCommand
{
    /// <summary>Which client to run, and with what.</summary>
    /// <param name="options">Where to, and as whom.</param>
    /// <returns>A start info without a password in it.</returns>
    public static ProcessStartInfo For(SftpSourceOptions options)
    {
        var start = new ProcessStartInfo(options.SshProgram ?? Find())
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (string argument in Arguments(options)) start.ArgumentList.Add(argument);
        return start;
    }

    private static IEnumerable<string> Arguments(SftpSourceOptions options)
    {
        if (options.SshConfigFile is { } config) yield return $"-F{config}";
        foreach (string setting in Settings(options)) yield return $"-o{setting}";
        if (options.IdentityFile is { } key) yield return $"-i{key}";
        if (options.User is { } user) yield return $"-l{user}";
        if (options.Port is { } port) yield return $"-p{port.ToString(CultureInfo.InvariantCulture)}";
        yield return "-s";
        yield return "--";
        yield return options.Host;
        yield return "sftp";
    }

    private static IEnumerable<string> Settings(SftpSourceOptions options)
    {
        // Without a password nobody is there to be asked; with one the only questions that are answered are askpass's.
        yield return options.HasPassword ? "BatchMode=no" : "BatchMode=yes";
        if (options.HasPassword) yield return "NumberOfPasswordPrompts=1";
        yield return options.AcceptNewHostKeys ? "StrictHostKeyChecking=accept-new" : "StrictHostKeyChecking=yes";
        if (options.KnownHostsFile is { } known) yield return $"UserKnownHostsFile=\"{known}\"";
        yield return $"ConnectTimeout={Seconds(options.ConnectTimeout)}";
        yield return $"ServerAliveInterval={Seconds(options.KeepAlive)}";
        yield return "ServerAliveCountMax=3";
        // What an interactive client may do and this one must not.
        yield return "ForwardAgent=no";
        yield return "ForwardX11=no";
        yield return "ClearAllForwardings=yes";
        yield return "PermitLocalCommand=no";
        yield return "RemoteCommand=none";
        yield return "RequestTTY=no";
        yield return "ControlMaster=no";
        // What ssh says on "quiet" levels leaves out why a connection was lost.
        yield return "LogLevel=INFO";
    }

    private static string Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    /// <summary>Windows has the client in a folder of its own, which is not on every service's path.</summary>
    private static string Find()
    {
        if (!OperatingSystem.IsWindows()) return "ssh";
        string shipped = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.System), "OpenSSH", "ssh.exe");
        return File.Exists(shipped) ? shipped : "ssh.exe";
    }
}
