using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Dynamo.Pipeline.Sftp;

/// <summary>An SFTP transport over the ssh client: its standard input and output are the line, its standard error says why when it ends.</summary>
internal sealed class SshProcess : SftpTransport
{
    private const int MostWords = 16 * 1024;
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string? _password;
    private readonly StringBuilder _words = new();
    private readonly Task _listening;
    private int _isAborted;

    private SshProcess(Process process, string? password)
    {
        _process = process;
        _password = password;
        Input = process.StandardOutput.BaseStream;
        Output = process.StandardInput.BaseStream;
        _listening = Task.Run(ListenAsync);
    }

    public override Stream Input { get; }

    public override Stream Output { get; }

    /// <summary>Starts the client.</summary>
    /// <param name="options">Where to, and as whom.</param>
    /// <param name="askPass">Answers for the password; needed when the options have one.</param>
    /// <returns>The running process.</returns>
    /// <exception cref="SftpConnectionException">There is no client.</exception>
    public static SshProcess Start(SftpSourceOptions options, SshAskPass? askPass)
    {
        ProcessStartInfo start = SshCommand.For(options);
        if (options.Password is { } password) askPass?.Prepare(start, password);
        try
        {
            return new SshProcess(Process.Start(start)!, options.Password);
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            throw SshDiagnosis.Missing(start.FileName, e);
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
    }

    /// <summary>Linux says at once (proc_pid_task_children(5); the client has one thread). To look through all processes of the machine for them takes long, as the end of a run goes.</summary>
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
