using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// One native heap for all threads. glibc gives each thread a heap of its own that grows page by page with a system call each; SQLite's pages, made by
/// whichever thread writes, cost a twentieth of all processor time so. Managed threads ask little of the native heap, so they do not wait for each other.
/// </summary>
internal static class NativeHeap
{
    private const int MostArenas = -8;

    /// <summary>To be called before there are threads. Does nothing where there is no glibc.</summary>
    public static void Share()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetOption(MostArenas, 1);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has one heap anyway.
        }
    }

    /// <summary>mallopt(3).</summary>
    [DllImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetOption(int option, int value);
}
