using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Sftp;

/// <summary>A duplex byte stream to an SFTP server: an ssh process, or in tests a pipe to anything that answers.</summary>
internal abstract class SftpTransport : IDisposable
{
    /// <summary>What the server sends. Read synchronously by one thread; must end when <see cref="Abort"/> was called.</summary>
    public abstract Stream Input { get; }

    /// <summary>
    /// What the server is sent. Written synchronously by one thread; a write must fail when <see cref="Abort"/> was called.
    /// </summary>
    public abstract Stream Output { get; }

    /// <summary>Ends the transport at once, from any thread. Idempotent.</summary>
    public abstract void Abort();

    /// <summary>
    /// After the input ended: why, in the transport's own words, or <see langword="null"/> when it has none. May take a moment.
    /// </summary>
    public abstract SftpConnectionException? Explain();

    public abstract void Dispose();
}

/// <summary>
/// An SFTP transport over the ssh client: its standard input and output are the line, its standard error says why when it ends.
/// </summary>
internal sealed class SshProcess : SftpTransport
{
    private const int MostWords = 16 * 1024;
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string? _password;
    private readonly SshAskPass? _askPass;
    private readonly StringBuilder _words = new();
    private readonly Task _listening;
    private int _isAborted;

    private SshProcess(Process process, string? password, SshAskPass? askPass)
    {
        _process = process;
        _password = password;
        _askPass = askPass;
        Input = process.StandardOutput.BaseStream;
        Output = process.StandardInput.BaseStream;
        _listening = Task.Run(ListenAsync);
    }

    public override Stream Input { get; }

    public override Stream Output { get; }

    /// <summary>Starts the client.</summary>
    /// <param name="options">Where to, and as whom.</param>
    /// <returns>The running process.</returns>
    /// <exception cref="SftpConnectionException">There is no client.</exception>
    public static SshProcess Start(SftpSourceOptions options)
    {
        ProcessStartInfo start = SshCommand.For(options);
        SshAskPass? askPass = options.Password is { } password ? new SshAskPass(password) : null;
        try
        {
            askPass?.Prepare(start);
            Process process = Process.Start(start)!;
            askPass?.AnswerOnly(process.Id);
            return new SshProcess(process, options.Password, askPass);
        }
        catch (Exception e)
        {
            askPass?.Dispose();
            if (e is Win32Exception or FileNotFoundException) throw SshDiagnosis.Missing(start.FileName, e);
            throw;
        }
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _isAborted, 1) != 0) return;
        try
        {
            // With its children: a ProxyJump's ssh would hold the pipes open.
            _process.Kill(entireProcessTree: MayHaveChildren());
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or NotSupportedException)
        {
            // It ended by itself.
        }
    }

    public override SftpConnectionException? Explain()
    {
        if (Volatile.Read(ref _isAborted) != 0) return null;
        bool hasEnded = _process.WaitForExit(LastWords) && Task.WaitAny([_listening], LastWords) == 0;
        lock (_words) return SshDiagnosis.Explain(_words.ToString(), hasEnded ? _process.ExitCode : null, _password);
    }

    public override void Dispose()
    {
        Abort();
        _process.Dispose();
        _askPass?.Dispose();
    }

    /// <summary>
    /// Linux says at once (proc_pid_task_children(5); the client has one thread). To look through all processes of the machine for them
    /// takes long, as the end of a run goes.
    /// </summary>
    private bool MayHaveChildren()
    {
        try
        {
            return !OperatingSystem.IsLinux() || File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children").Length > 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>Reads to the end, so that a talkative client never blocks, and keeps the last words.</summary>
    private async Task ListenAsync()
    {
        var buffer = new char[1024];
        try
        {
            for (int read; (read = await _process.StandardError.ReadAsync(buffer.AsMemory()).ConfigureAwait(false)) > 0;)
                lock (_words)
                {
                    _words.Append(buffer, 0, read);
                    if (_words.Length > MostWords) _words.Remove(0, _words.Length - MostWords);
                }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The process is gone, and its words with it.
        }
    }
}

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
        var start = new ProcessStartInfo(ProgramOf(options))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (string argument in Arguments(options)) start.ArgumentList.Add(argument);
        SshEnvironment.Reduce(start);
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

    private static string Seconds(TimeSpan time) =>
        Math.Max(1, (int)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    /// <summary>The client that is taken: the one that is set, or for <see cref="SshClientKind.Auto"/> what there is.</summary>
    public static SshClientKind ClientOf(SftpSourceOptions options) =>
        options.Client != SshClientKind.Auto ? options.Client : IsFound(options) ? SshClientKind.OpenSsh : SshClientKind.Managed;

    /// <summary>The program to run, a name or a path.</summary>
    public static string ProgramOf(SftpSourceOptions options) => options.SshProgram ?? Find();

    /// <summary>Whether there is a client to run.</summary>
    public static bool IsFound(SftpSourceOptions options)
    {
        string program = ProgramOf(options);
        if (program.AsSpan().IndexOfAny(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar) >= 0) return File.Exists(program);
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, program)));
    }

    /// <summary>Windows has the client in a folder of its own, which is not on every service's path.</summary>
    private static string Find()
    {
        if (!OperatingSystem.IsWindows()) return "ssh";
        string shipped = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.System), "OpenSSH", "ssh.exe");
        return File.Exists(shipped) ? shipped : "ssh.exe";
    }
}

