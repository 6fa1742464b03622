using System.Diagnostics;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Hands a password to ssh through its askpass mechanism. The program that ssh runs is a script of two lines without a secret in it, in a folder
/// only this user can enter; the password reaches it in the environment of that one ssh process, never on a command line and never in a file.
/// </summary>
internal sealed class SshAskPass : IDisposable
{
    private const string Variable = "DYNAMO_SSH_ANSWER";

    // printf is a shell builtin: no process sees the password among its arguments.
    private const string UnixScript = $"#!/bin/sh\nprintf '%s\\n' \"${Variable}\"\n";

    // Delayed expansion is not parsed again, so that & | < > % ! in a password stay what they are.
    private const string WindowsScript = $"@echo off\r\nsetlocal EnableDelayedExpansion\r\necho(!{Variable}!\r\n";

    private readonly string _folder;
    private readonly string _script;

    public SshAskPass()
    {
        _folder = Directory.CreateTempSubdirectory("dynamo-askpass-").FullName;
        _script = Path.Combine(_folder, OperatingSystem.IsWindows() ? "answer.cmd" : "answer");
        File.WriteAllText(_script, OperatingSystem.IsWindows() ? WindowsScript : UnixScript);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    /// <summary>Prepares a process that will be asked for the password.</summary>
    public void Prepare(ProcessStartInfo start, string password)
    {
        start.Environment["SSH_ASKPASS"] = _script;
        start.Environment["SSH_ASKPASS_REQUIRE"] = "force";
        // Clients before OpenSSH 8.4 do not know "force" and want a display; nothing is ever shown on it.
        start.Environment.TryAdd("DISPLAY", ":0");
        start.Environment[Variable] = password;
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A script without a secret is left behind in the temporary folder: nothing to end a run for.
        }
    }
}
