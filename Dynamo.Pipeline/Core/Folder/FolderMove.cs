using System.Runtime.InteropServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>Moves and copies of single files that a kill at any instant leaves either done or undone, also between file systems.</summary>
internal static partial class FolderMove
{
    private const int CrossDevice = 18;

    /// <summary>Moves a file over whatever is at the target, creating the target's folder. The time of the file is kept.</summary>
    public static void Move(string path, string target, DateTime modifiedUtc)
    {
        if (TryRename(path, target)) return;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (TryRename(path, target)) return;
        Copy(path, target, modifiedUtc);
        // Copying takes time: what was written to the file meanwhile is new content and stays for the next run.
        bool isSame = File.Exists(path) && Content(path) is var original && original.Length == new FileInfo(target).Length && original.LastWriteTimeUtc == modifiedUtc;
        File.Delete(isSame ? path : target);
    }

    /// <summary>The file that a link leads to: its size and time count, as they did in the listing.</summary>
    private static FileInfo Content(string path) => (FileInfo?)File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);

    /// <summary>Copies a file, its time included, onto the disk itself; the target has either all of it or nothing.</summary>
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
            // A full disk must not stay full of the half that fitted.
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Whether one rename did it; <see langword="false"/> when the target's folder is missing or on another file system.</summary>
    private static bool TryRename(string path, string target)
    {
        if (!OperatingSystem.IsWindows()) return TryRenameByCall(path, target);
        if (!Directory.Exists(Path.GetDirectoryName(target)) || Path.GetPathRoot(path) != Path.GetPathRoot(target)) return false;
        File.Move(path, target, overwrite: true);
        return true;
    }

    /// <summary>The bare call, since .NET's move turns itself into a copy, which a kill would leave half done, between file systems.</summary>
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
