using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Tests;

/// <summary>The real <c>dynamo</c>, as built beside the tests, or the published one that DYNAMO_TEST_PROGRAM names.</summary>
internal static partial class DynamoProcess
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    /// <summary>Commands that start themselves again, and what is asked of the program itself.</summary>
    private static readonly string[] s_processes = ["headroom", "--version"];

    private static string? Published => Environment.GetEnvironmentVariable("DYNAMO_TEST_PROGRAM");

    /// <summary>
    /// Starts it and goes on. What it prints is read, so that it never waits for a reader, and thrown away if nobody wants it.
    /// </summary>
    public static Process Start(
        IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null,
        Action<string>? said = null)
    {
        Process process = Begin(arguments, folder, environment);
        if (said is not null)
        {
            process.OutputDataReceived += (_, line) => Say(line.Data);
            process.ErrorDataReceived += (_, line) => Say(line.Data);
        }
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        void Say(string? line)
        {
            if (line is not null) said(line);
        }
    }

    /// <summary>
    /// Runs it to its end. Killed when it takes longer than a minute and a half, or when the test is cancelled. A run
    /// that only the program's own variables concern may share its process with others (see <see cref="DynamoWorker"/>).
    /// </summary>
    public static async Task<DynamoResult> RunAsync(
        IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null,
        CancellationToken cancellationToken = default)
    {
        environment ??= new Dictionary<string, string?>();
        string[] command = [.. arguments];
        if (Published is null && environment.Keys.All(IsOwn) && !command.Any(s_processes.Contains))
            return await DynamoWorker.RunAsync(command, folder ?? Path.GetTempPath(), environment, s_patience, cancellationToken);
        using Process process = Begin(command, folder, environment);
        return await EndAsync(process, cancellationToken);
    }

    /// <summary>Runs it by a shell's script, in which <c>$0</c> is the program and <c>$@</c> its arguments.</summary>
    public static Task<DynamoResult> RunAsync(
        string script, IEnumerable<string> arguments, string folder, CancellationToken cancellationToken) =>
        RunAsync(script, arguments, _ => Task.CompletedTask, folder, cancellationToken);

    /// <summary>Starts it, calls <paramref name="meanwhile"/>, and waits for its end.</summary>
    public static Task<DynamoResult> RunAsync(
        IEnumerable<string> arguments, Func<Process, Task> meanwhile, string? folder = null,
        CancellationToken cancellationToken = default) =>
        RunAsync(null, arguments, meanwhile, folder, cancellationToken);

    public static async Task<DynamoResult> RunAsync(
        string? script, IEnumerable<string> arguments, Func<Process, Task> meanwhile, string? folder, CancellationToken cancellationToken)
    {
        using Process process = Begin(arguments, folder, null, script);
        Task<DynamoResult> ended = EndAsync(process, cancellationToken);
        try
        {
            await meanwhile(process);
        }
        catch
        {
            process.Kill();
            throw;
        }
        return await ended;
    }

    /// <summary>Asks it to stop, as a service manager does.</summary>
    public static void Terminate(Process process)
    {
        const int SigTerm = 15;
        Assert.That(Kill(process.Id, SigTerm), Is.Zero, "SIGTERM was not delivered");
    }

    /// <summary>Says that its terminal is gone.</summary>
    public static void HangUp(Process process)
    {
        const int SigHup = 1;
        Assert.That(Kill(process.Id, SigHup), Is.Zero, "SIGHUP was not delivered");
    }

    private static async Task<DynamoResult> EndAsync(Process process, CancellationToken cancellationToken)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None),
            error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(s_patience, cancellationToken);
        }
        catch (Exception)
        {
            process.Kill();
            throw;
        }
        return new DynamoResult(process.ExitCode, await output, await error);
    }

    private static Process Begin(
        IEnumerable<string> arguments, string? folder, IReadOnlyDictionary<string, string?>? environment, string? script = null)
    {
        string[] program = Published is { } published
            ? [published]
            : [Dotnet(), Path.Combine(AppContext.BaseDirectory, "dynamo.dll")];
        string[] command = script is null ? [.. program, .. arguments] : ["sh", "-c", script, .. program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        RemoveOwnVariables(start);
        AddToPath(start);
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static void RemoveOwnVariables(ProcessStartInfo start)
    {
        foreach (string own in start.Environment.Keys.Where(IsOwn).ToArray()) start.Environment.Remove(own);
    }

    /// <summary>A folder in which <c>dynamo</c> is found, as where it is installed.</summary>
    public static string PathFolder => s_pathFolder.Value;

    private static readonly Lazy<string> s_pathFolder = new(() =>
    {
        string folder = Path.Join(AppContext.BaseDirectory, "installed");
        Directory.CreateDirectory(folder);
        string program = Path.Join(folder, "dynamo");
        if (OperatingSystem.IsWindows())
        {
            File.WriteAllText(program + ".exe", "");
            return folder;
        }
        string call = Published is { } published ? $"'{published}'" : $"'{Dotnet()}' '{Path.Join(AppContext.BaseDirectory, "dynamo.dll")}'";
        File.WriteAllText(program, $"#!/bin/sh\nexec {call} \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    });

    public static void AddToPath(ProcessStartInfo start) =>
        start.Environment["PATH"] = PathFolder + Path.PathSeparator + start.Environment["PATH"];

    /// <summary>Runs a line as somebody who pastes it into a shell.</summary>
    public static async Task<DynamoResult> PasteAsync(string line, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("sh", ["-c", line])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        };
        RemoveOwnVariables(start);
        AddToPath(start);
        using Process process = Process.Start(start)!;
        return await EndAsync(process, cancellationToken);
    }

    private static bool IsOwn(string variable) => variable.StartsWith("DYNAMO_", StringComparison.OrdinalIgnoreCase);

    public static string Dotnet() => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")
        ?? (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet");

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

/// <summary>How a <c>dynamo</c> ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="StandardOutput">All it wrote to stdout.</param>
/// <param name="StandardError">All it wrote to stderr.</param>
internal sealed record DynamoResult(int ExitCode, string StandardOutput, string StandardError);
