using System.Diagnostics;
using System.Reflection;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A part of a test in a process of its own: what counts the memory of a whole process must not count what other fixtures have left.
/// </summary>
internal static class Alone
{
    private const string Word = "alone";

    /// <summary>Runs a static method there, with these arguments, and gives what it gave.</summary>
    public static async Task<string> RunAsync(
        Func<string[], Task<string>> work, CancellationToken cancellationToken, params string[] arguments)
    {
        ProcessStartInfo start = DynamoWorker.Start();
        foreach (string argument in (string[])[Word, work.Method.DeclaringType!.FullName!, work.Method.Name, .. arguments])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
        Assert.That(process.ExitCode, Is.Zero, await error);
        return (await output).Trim();
    }

    /// <summary>Does what <see cref="RunAsync"/> asked for, if these are its arguments.</summary>
    public static async Task<bool> DoAsync(string[] arguments)
    {
        if (arguments is not [Word, var type, var method, .. var rest]) return false;
        MethodInfo work = typeof(Alone).Assembly.GetType(type)!.GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!;
        Console.WriteLine(await (Task<string>)work.Invoke(null, [rest])!);
        return true;
    }
}
