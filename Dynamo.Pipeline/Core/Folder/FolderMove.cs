using System.Buffers;
using System.Runtime.InteropServices;
using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Copies files from one folder to another, which may be on another file system. If the process is killed or the power fails at any
/// instant, the copy is either complete or missing.
/// </summary>
internal static partial class FolderMove
{
    private const int BufferSize = 128 * 1024;

    /// <summary>
    /// Copies an opened file with its time and at most its rights. When it returns <see cref="Moved.Done"/>, the copy survives a power cut.
    /// </summary>
    /// <returns>Done or taken.</returns>
    /// <exception cref="FileChangedException">The file is not the one that was listed, or changed while it was copied.</exception>
    public static Moved TryCopy(FolderDisk disk, SafeFileHandle from, SourceFile file, HeldFolder to, string name)
    {
        FileChange.Check(file, disk.Stat(from), file.Size);
        (string temporary, SafeFileHandle copy) = to.CreateTemporary();
        try
        {
            using (copy)
            {
                long copied = CopyBytes(from, copy, file.Size);
                FileChange.Check(file, disk.Stat(from), copied);
                FileRights.Copy(from, copy);
                File.SetLastWriteTimeUtc(copy, file.ModifiedUtc);
                RandomAccess.FlushToDisk(copy);
            }
            Moved moved = to.TryMove(temporary, to, name);
            if (moved == Moved.Done) to.Flush();
            else to.Delete(temporary);
            return moved;
        }
        catch
        {
            // On a full disk, the part that was written must not keep the disk full.
            to.Delete(temporary);
            throw;
        }
    }

    /// <summary>Moves a file, also to another file system. Returns false if it is gone or the new name is taken.</summary>
    public static bool TryMove(FolderDisk disk, HeldFolder from, string name, FileStat stat, HeldFolder to, string newName)
    {
        Moved moved = from.TryMove(name, to, newName);
        if (moved == Moved.OtherFileSystem)
        {
            using SafeFileHandle content = from.OpenFile(name);
            moved = TryCopy(disk, content, new SourceFile(newName, stat.Size, stat.ModifiedUtc), to, newName);
            if (moved == Moved.Done) from.Delete(name);
        }
        return moved == Moved.Done;
    }

    /// <summary>Whether two opened files have the same bytes.</summary>
    public static bool AreSame(SafeFileHandle one, SafeFileHandle other)
    {
        byte[] a = ArrayPool<byte>.Shared.Rent(BufferSize), b = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (long at = 0; ;)
            {
                int read = ReadFully(one, a.AsSpan(0, BufferSize), at);
                if (read != ReadFully(other, b.AsSpan(0, BufferSize), at)) return false;
                if (!a.AsSpan(0, read).SequenceEqual(b.AsSpan(0, read))) return false;
                if (read == 0) return true;
                at += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(a);
            ArrayPool<byte>.Shared.Return(b);
        }
    }

    /// <summary>
    /// The system's rename, because between file systems .NET's move becomes a copy, which a kill would leave incomplete.
    /// </summary>
    public static Moved Rename(string path, string target)
    {
        if (RenamePath(path, target) == 0) return Moved.Done;
        int error = Marshal.GetLastPInvokeError();
        return error == LinuxCalls.CrossDevice ? Moved.OtherFileSystem : throw LinuxErrors.ForMove(error);
    }

    /// <summary>
    /// Copies to the end, but stops one byte after the listed size. Where the file has a hole, which takes no room on a disk, the copy has
    /// one too: a broken file can be of a size that no disk has.
    /// </summary>
    private static long CopyBytes(SafeFileHandle from, SafeFileHandle to, long listed)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long at = 0, written = 0;
            for (int read; (at = AfterHole(from, at)) <= listed && (read = RandomAccess.Read(from, buffer, at)) > 0; written = at += read)
                RandomAccess.Write(to, buffer.AsSpan(0, read), at);
            if (at > written) RandomAccess.SetLength(to, at);
            return at;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Where the next bytes of a file are, which is the end of it if only a hole follows. No hole is seen where nobody tells.
    /// </summary>
    private static long AfterHole(SafeFileHandle file, long from)
    {
        const int NextData = 3, FromEnd = 2;
        if (!LinuxDisk.IsSupported) return from;
        long data = Seek(file, from, NextData);
        if (data >= 0) return data;
        return Marshal.GetLastPInvokeError() == LinuxCalls.NoDevice ? Math.Max(from, Seek(file, 0, FromEnd)) : from;
    }

    private static int ReadFully(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        int total = 0;
        for (int read; total < buffer.Length && (read = RandomAccess.Read(file, buffer[total..], offset + total)) > 0;) total += read;
        return total;
    }

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenamePath(string path, string target);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int from);
}

/// <summary>Sees to it that nobody may read a copy who could not read the original.</summary>
internal static class FileRights
{
    private const uint Unchanged = uint.MaxValue;
    private const UnixFileMode GroupBits = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;
    private const UnixFileMode ExecuteBits = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode Permissions = (UnixFileMode)0x1FF;

    /// <summary>Gives a new file of this user the rights and the group of another one, or fewer rights.</summary>
    public static void Copy(SafeFileHandle from, SafeFileHandle to)
    {
        if (!OperatingSystem.IsWindows()) Give(to, Of(from, to));
    }

    /// <summary>The same for a file that tells what is in another one: nobody executes it.</summary>
    public static void CopyToText(SafeFileHandle from, SafeFileHandle to)
    {
        if (!OperatingSystem.IsWindows()) Give(to, Of(from, to) & ~ExecuteBits);
    }

    private static UnixFileMode Of(SafeFileHandle from, SafeFileHandle to)
    {
        if (OperatingSystem.IsWindows()) return UnixFileMode.None;
        UnixFileMode mode = File.GetUnixFileMode(from) & Permissions;
        if (!LinuxDisk.IsSupported) return mode & ~GroupBits;
        uint group = LinuxDisk.StatOf(from).Group;
        // What the original's group may do is not for another group to do.
        bool hasGroup = LinuxDisk.StatOf(to).Group == group || LinuxCalls.ChangeOwner((int)to.DangerousGetHandle(), Unchanged, group) == 0;
        return hasGroup ? mode : mode & ~GroupBits;
    }

    private static void Give(SafeFileHandle file, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, mode);
    }
}
