using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// What an ssh process gets of this process's environment. It hands it on to whatever it starts: the ssh of a jump host, a ProxyCommand.
/// So there is only what ssh needs to find its files, its agent and its language, and nothing of ours.
/// </summary>
internal static class SshEnvironment
{
    private static readonly HashSet<string> s_needed = new(StringComparer.OrdinalIgnoreCase)
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR",
        "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "KRB5CCNAME", "KRB5_CONFIG",
        // Windows programs do not start without these.
        "SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "TEMP", "TMP", "ProgramData", "ProgramFiles", "ALLUSERSPROFILE",
        "USERPROFILE", "USERNAME", "USERDOMAIN", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "COMPUTERNAME",
    };

    /// <summary>Takes everything else out of a process that is to be started.</summary>
    public static void Reduce(ProcessStartInfo start)
    {
        foreach (string name in start.Environment.Keys.ToArray())
            if (!s_needed.Contains(name) && !name.StartsWith("LC_", StringComparison.Ordinal)) start.Environment.Remove(name);
    }
}

/// <summary>
/// Hands a password to one ssh process through its askpass mechanism. The program that ssh runs is a script without a secret in it, in a
/// folder that only this user can enter. It answers the ssh process that it is for, and no other: an ssh that this one starts for a jump
/// host asks by the same script, and gets nothing. It answers one login and one key. The password comes through a FIFO that is gone as soon
/// as it was opened: it is in no file, no environment and on no command line.
/// </summary>
/// <remarks>
/// On Windows, the script has the password from the environment of ssh, and a ProxyCommand there would inherit it.
/// </remarks>
internal sealed class SshAskPass : IDisposable
{
    private const string Client = "client", Login = "login", Key = "key";
    private const uint OwnerOnly = 0x180;

    // What touches the password is built into the shell: no other process sees it. PPID is the process that asks.
    private const string UnixScript = $$"""
        #!/bin/sh
        here=${0%/*}
        tries=0
        until [ -e "$here/{{Client}}" ] || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
        IFS= read -r client < "$here/{{Client}}" && [ "$PPID" = "$client" ] || exit 1
        case $1 in
          *"'s old password: " | *"'s new password: " | *"(yes/no"* | "Enter PIN"* | "Confirm"*) exit 1 ;;
          "Enter passphrase"*) question={{Key}} ;;
          *) question={{Login}} ;;
        esac
        [ -p "$here/$question" ] && IFS= read -r answer < "$here/$question" || exit 1
        printf '%s\n' "$answer"

        """;

    private const string WindowsVariable = "DYNAMO_SSH_ANSWER";

    // Delayed expansion is not parsed again, so that & | < > % ! in a password stay what they are.
    private const string WindowsScript = $"@echo off\r\nsetlocal EnableDelayedExpansion\r\necho(!{WindowsVariable}!\r\n";

    private readonly string _password;
    private readonly string _folder;
    private readonly string _script;
    private volatile bool _isOver;

    /// <summary>Makes the script.</summary>
    /// <param name="password">The password, or the passphrase of the key.</param>
    public SshAskPass(string password)
    {
        _password = password;
        _folder = Directory.CreateTempSubdirectory("dynamo-askpass-").FullName;
        _script = In(OperatingSystem.IsWindows() ? "answer.cmd" : "answer");
        File.WriteAllText(_script, OperatingSystem.IsWindows() ? WindowsScript : UnixScript);
        if (OperatingSystem.IsWindows()) return;
        File.SetUnixFileMode(_script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        foreach (string question in (string[])[Login, Key])
        {
            if (LinuxCalls.MakeFifo(In(question), OwnerOnly) != 0)
                throw new IOException($"{In(question)} cannot be made: {Marshal.GetLastPInvokeErrorMessage()}");
            new Thread(() => AnswerOnce(In(question))) { IsBackground = true, Name = "ssh askpass" }.Start();
        }
    }

    /// <summary>Prepares a process that will be asked for the password.</summary>
    public void Prepare(ProcessStartInfo start)
    {
        start.Environment["SSH_ASKPASS"] = _script;
        start.Environment["SSH_ASKPASS_REQUIRE"] = "force";
        // Clients before OpenSSH 8.4 do not know "force" and want a display; nothing is ever shown on it.
        start.Environment["DISPLAY"] = ":0";
        if (OperatingSystem.IsWindows()) start.Environment[WindowsVariable] = _password;
    }

    /// <summary>Says which process may ask. Until then, the script waits.</summary>
    public void AnswerOnly(int process)
    {
        File.WriteAllText(In("new"), process.ToString(CultureInfo.InvariantCulture) + "\n");
        File.Move(In("new"), In(Client));
    }

    public void Dispose()
    {
        _isOver = true;
        foreach (string question in (string[])[Login, Key])
            LetGo(In(question));
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A script without a secret is left behind in the temporary folder: nothing to end a run for.
        }
    }

    private string In(string name) => Path.Combine(_folder, name);

    /// <summary>Waits until the script opens the FIFO, and removes it before it answers: whoever asks next finds none.</summary>
    private void AnswerOnce(string fifo)
    {
        try
        {
            using var answer = new FileStream(fifo, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0);
            File.Delete(fifo);
            if (!_isOver) answer.Write(Encoding.UTF8.GetBytes(_password + "\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The script or this whole object is gone. Then ssh gets no answer, and says so.
        }
    }

    /// <summary>Ends the waiting for a question that never came.</summary>
    private static void LetGo(string fifo)
    {
        try
        {
            // Opened for both, a FIFO waits for nobody.
            if (!File.Exists(fifo)) return;
            new FileStream(fifo, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 0).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It was answered in this moment.
        }
    }
}
