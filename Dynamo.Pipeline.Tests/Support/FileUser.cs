using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A thread of its own whose file accesses, when the tests run as root, whom no permission stops, are those of another user.
/// <c>setfsuid</c> concerns only the thread that calls it.
/// </summary>
internal static partial class FileUser
{
    /// <summary>Of Debian and most others: nobody, whom no file belongs to.</summary>
    public const int Nobody = 65534;

    public static Task RunAsync(int user, Func<Task> action) => RunAsync(user, () =>
    {
        action().GetAwaiter().GetResult();
        return true;
    });

    /// <summary>As a stranger who may write these folders, which are made so.</summary>
    [SupportedOSPlatform("linux")]
    public static Task<T> AsNobodyAsync<T>(Func<T> action, params string[] folders)
    {
        foreach (string folder in folders) File.SetUnixFileMode(folder, (UnixFileMode)0x1FF);
        return RunAsync(Nobody, action);
    }

    private static Task<T> RunAsync<T>(int user, Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                if (GetEffectiveUser() == 0) _ = SetFileUser(user);
                done.SetResult(action());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        thread.IsBackground = true;
        thread.Start();
        return done.Task;
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileUser(int user);
}
