using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Ledger;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>The reason files in a folder of the quarantine.</summary>
internal static class FolderReasons
{
    private const long LongestRead = ReasonFile.LongestRead;

    /// <summary>
    /// Reads the reason for a quarantined file. Returns <see langword="null"/> if it is missing or damaged. Anybody may have put a large
    /// file or a FIFO there; ours are small, and nothing waits for a FIFO.
    /// </summary>
    public static ReasonFile? TryRead(FolderDisk disk, HeldFolder folder, string quarantined) =>
        TryReadFile(disk, folder, ReasonFile.For(quarantined));

    /// <summary>Reads a reason file by its own name.</summary>
    public static ReasonFile? TryReadFile(FolderDisk disk, HeldFolder folder, string name)
    {
        try
        {
            using SafeFileHandle file = folder.OpenFile(name);
            if (disk.Stat(file) is not { Kind: FileKind.Regular, Size: > 0 and <= LongestRead and var size }) return null;
            var text = new byte[(int)size];
            int total = 0;
            for (int read; total < text.Length && (read = RandomAccess.Read(file, text.AsSpan(total), total)) > 0;) total += read;
            return ReasonFile.TryParse(text.AsMemory(0, total));
        }
        catch (Exception error) when (FolderFaults.IsDisk(error) || error is FileChangedException)
        {
            return null;
        }
    }

    /// <summary>Writes the reason beside a quarantined file. The reason file is either complete or missing.</summary>
    /// <param name="folder">The folder in the quarantine.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="like">The bad file: who cannot read it does not learn what is in it. Without it, only this user does.</param>
    public static void Write(HeldFolder folder, ReasonFile reason, SafeFileHandle? like)
    {
        (string temporary, SafeFileHandle file) = folder.CreateTemporary();
        try
        {
            using (file)
            {
                RandomAccess.Write(file, reason.ToBytes(), 0);
                if (like is not null) FileRights.CopyToText(like, file);
            }
            folder.Replace(temporary, ReasonFile.For(reason.FileName));
        }
        catch
        {
            folder.Delete(temporary);
            throw;
        }
    }
}
