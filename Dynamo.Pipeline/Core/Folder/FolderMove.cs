using System.Runtime.InteropServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Moves and copies single files, also between file systems. If the process is killed at any instant, the target is either
/// complete or missing.
/// </summary>
internal static partial class FolderMove
{
    private const int CrossDevice = 18;

    /// <summary>Moves a file and replaces whatever is at the target. Creates the target's folder and keeps the file's time.</summary>
    public static void Move(string path, string target, DateTime modifiedUtc)
    {
        if (TryRename(path, target)) return;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (TryRename(path, target)) return;
        Copy(path, target, modifiedUtc);
        // If somebody wrote to the file while it was copied, the file has new content and stays for the next run.
        bool isSame = File.Exists(path)
            && Content(path) is var original
            && original.Length == new FileInfo(target).Length
            && original.LastWriteTimeUtc == modifiedUtc;
        File.Delete(isSame ? path : target);
    }

    /// <summary>The file that a link leads to. Its size and time count, as they did in the listing.</summary>
    private static FileInfo Content(string path) =>
        (FileInfo?)File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);

    /// <summary>
    /// Copies a file with its time and flushes it to the disk. The target has either the whole content or does not exist.
    /// </summary>
    public static void Copy(string path, string target, DateTime modifiedUtc)
    {
        string temporary = FileNames.Temporary(target);
        try
        {
            using (var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            using (var to = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                from.CopyTo(to);
                to.Flush(flushToDisk: true);
            }
            File.SetLastWriteTimeUtc(temporary, modifiedUtc);
            File.Move(temporary, target, overwrite: true);
        }
        catch (IOException)
        {
            // On a full disk, the part that was written must not keep the disk full.
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>
    /// Moves the file with one rename. Returns <see langword="false"/> if the target's folder is missing or on another file system.
    /// </summary>
    private static bool TryRename(string path, string target)
    {
        if (!OperatingSystem.IsWindows()) return TryRenameByCall(path, target);
        if (!Directory.Exists(Path.GetDirectoryName(target)) || Path.GetPathRoot(path) != Path.GetPathRoot(target)) return false;
        File.Move(path, target, overwrite: true);
        return true;
    }

    /// <summary>
    /// Uses the system call, because between file systems .NET's move becomes a copy, which a kill would leave incomplete.
    /// </summary>
    private static bool TryRenameByCall(string path, string target)
    {
        if (Rename(path, target) == 0) return true;
        int error = Marshal.GetLastPInvokeError();
        if (error == CrossDevice || (error == LinuxCalls.NoEntry && !Directory.Exists(Path.GetDirectoryName(target)))) return false;
        throw LinuxErrors.ForMove(error);
    }

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string path, string target);
}
