using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// One native heap for all threads. By default, glibc gives each thread its own heap, which grows page by page with a system call for each
/// page. SQLite allocates its pages on whatever thread writes; this cost 5 % of all processor time.
/// Managed threads rarely use the native heap, so they do not wait for each other.
/// </summary>
internal static class NativeHeap
{
    private const int MostArenas = -8;

    /// <summary>Must be called before threads are started. Does nothing without glibc.</summary>
    public static void Share()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetOption(MostArenas, 1);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has a single heap anyway.
        }
    }

    /// <summary>mallopt(3).</summary>
    [DllImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetOption(int option, int value);
}
