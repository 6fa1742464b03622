using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A thread of its own whose file accesses, when the tests run as root, whom no permission stops, are those of another user.
/// <c>setfsuid</c> concerns only the thread that calls it.
/// </summary>
internal static partial class FileUser
{
    public static Task RunAsync(int user, Func<Task> action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                if (GetEffectiveUser() == 0) _ = SetFileUser(user);
                action().GetAwaiter().GetResult();
                done.SetResult();
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
