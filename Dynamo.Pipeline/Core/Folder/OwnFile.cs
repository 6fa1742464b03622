using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Files of our own at paths in folders that others may write to: a lock, measurements, a report, a trace. They are never opened through a
/// symbolic link that somebody put there, and never written into a file of somebody else.
/// </summary>
internal static class OwnFile
{
    /// <summary>For this user alone.</summary>
    public const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>For everybody whom the user's umask lets read it.</summary>
    public const UnixFileMode Shared = Private | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private const int LockExclusive = 2, DoNotWait = 4;

    /// <summary>Opens or makes a file to read and write, and keeps others from doing the same until it is closed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mode">The rights of a new file, less those that the umask takes.</param>
    /// <exception cref="IOException">
    /// There is a symbolic link or something else at the path, or a stranger's file, or another process has it open. In the last case its
    /// HResult is that of a lock that is taken.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    public static FileStream OpenOrCreate(string path, UnixFileMode mode)
    {
        if (LinuxDisk.IsSupported) return Locked(Open(path, mode, mayBeAnothers: false));
        RefuseLink(path);
        return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
    }

    /// <summary>
    /// Opens or makes a lock file beside another file, and locks it. Only those who may write that file may open the lock: whoever can open
    /// a file can lock it. Nothing is written to it.
    /// </summary>
    /// <exception cref="IOException">As <see cref="OpenOrCreate"/> says.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    public static FileStream Lock(string path, string beside)
    {
        if (!LinuxDisk.IsSupported || OperatingSystem.IsWindows()) return OpenOrCreate(path, Private);
        SafeFileHandle handle = Open(path, Private, mayBeAnothers: true);
        try
        {
            GiveRightsOf(beside, handle);
            return Locked(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Writes a file whole, in the place of what is at the path.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">What it holds then, as UTF-8.</param>
    /// <param name="mode">Its rights, less those that the umask takes.</param>
    /// <exception cref="IOException">There is a symbolic link or something else at the path, or the disk fails.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    public static void Write(string path, string text, UnixFileMode mode = Shared)
    {
        using var file = new NewFile(path, mode);
        file.Stream.Write(Encoding.UTF8.GetBytes(text));
        file.Complete();
    }

    /// <summary>Fails if there is something at the path that is no regular file.</summary>
    internal static void Refuse(HeldFolder folder, string name, string path)
    {
        switch (folder.Stat(name).Kind)
        {
            case FileKind.Missing or FileKind.Regular:
                return;
            case FileKind.Link:
                throw Linked(path);
            default:
                throw new IOException($"{path} is not a regular file");
        }
    }

    /// <summary>The folder of a path, opened. The path is the user's, links and all; the last name in it is not followed.</summary>
    internal static HeldFolder FolderOf(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;
        if (LinuxDisk.IsSupported) return LinuxHeldFolder.At(folder);
        return Directory.Exists(folder) ? new PortableHeldFolder(folder) : throw new DirectoryNotFoundException($"{folder} does not exist");
    }

    private static SafeFileHandle Open(string path, UnixFileMode mode, bool mayBeAnothers)
    {
        using HeldFolder folder = FolderOf(path);
        string name = Path.GetFileName(path);
        for (int tries = 0; ; tries++)
        {
            Refuse(folder, name, path);
            try
            {
                return folder.Stat(name).Kind == FileKind.Missing
                    ? folder.CreateFile(name, mode) : Checked(((LinuxHeldFolder)folder).OpenToWrite(name), path, mayBeAnothers);
            }
            catch (FileChangedException)
            {
                throw Linked(path);
            }
            catch (IOException error) when (tries < 10 && (error is FileNotFoundException || error.HResult == LinuxCalls.Exists))
            {
                // Another process made or removed it in this moment.
            }
        }
    }

    private static SafeFileHandle Checked(SafeFileHandle handle, string path, bool mayBeAnothers)
    {
        LinuxStat stat = LinuxDisk.StatOf(handle);
        string? problem = stat.ToStat().Kind != FileKind.Regular ? "is not a regular file"
            : stat.Links != 1 ? "has another name somewhere else (a hard link)"
            : !mayBeAnothers && stat.Owner != 0 && stat.Owner != LinuxCalls.GetEffectiveUser()
                ? string.Create(CultureInfo.InvariantCulture, $"belongs to user {stat.Owner}")
            : null;
        if (problem is null) return handle;
        handle.Dispose();
        throw new UnauthorizedAccessException($"{path} {problem}, so it is not written; remove it, or name another file");
    }

    private static LockedFile Locked(SafeFileHandle handle)
    {
        if (LinuxCalls.Lock((int)handle.DangerousGetHandle(), LockExclusive | DoNotWait) == 0)
            return new LockedFile(handle);
        int error = Marshal.GetLastPInvokeError();
        handle.Dispose();
        throw new IOException("Another process has it open", error);
    }

    /// <summary>Those who may write the other file may open this one, and nobody else. Only its owner can say so.</summary>
    private static void GiveRightsOf(string other, SafeFileHandle handle)
    {
        if (OperatingSystem.IsWindows() || LinuxDisk.StatOf(handle).Owner is var owner && owner != LinuxCalls.GetEffectiveUser()) return;
        UnixFileMode mode = Private;
        if (File.Exists(other))
        {
            using HeldFolder folder = FolderOf(other);
            LinuxStat database = ((LinuxHeldFolder)folder).StatWhole(Path.GetFileName(other));
            var allowed = (UnixFileMode)(database.Mode & 0x1FF);
            if ((allowed & UnixFileMode.GroupWrite) != 0) mode |= UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
            if ((allowed & UnixFileMode.OtherWrite) != 0) mode |= UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
            // The administrator's run must not lock out the user whose database it is. Only the administrator can give a file away.
            if (LinuxDisk.StatOf(handle) is var own && (own.Owner != database.Owner || own.Group != database.Group))
                _ = LinuxCalls.ChangeOwner((int)handle.DangerousGetHandle(), database.Owner, database.Group);
        }
        if (File.GetUnixFileMode(handle) != mode) File.SetUnixFileMode(handle, mode);
    }

    private static void RefuseLink(string path)
    {
        if (new FileInfo(path).LinkTarget is not null) throw Linked(path);
    }

    private static IOException Linked(string path) =>
        new($"{path} is a symbolic link, and nothing is written through it; remove it, or name the file");
}

/// <summary>
/// A file that is locked until it is disposed. The lock is given back before the file is closed: a process that is just being started has
/// the file open too, until it runs its program.
/// </summary>
internal sealed class LockedFile(SafeFileHandle handle) : FileStream(handle, FileAccess.ReadWrite, 1)
{
    private readonly SafeFileHandle _handle = handle;

    protected override void Dispose(bool disposing)
    {
        const int Unlocked = 8;
        // Nothing waits to be written: the stream has no buffer.
        if (!_handle.IsClosed) _ = LinuxCalls.Lock((int)_handle.DangerousGetHandle(), Unlocked);
        base.Dispose(disposing);
    }
}

/// <summary>
/// A new file that takes the place of what is at its path when it is complete. Until then it has a name that nobody can guess.
/// If it is disposed before, nothing of it is left.
/// </summary>
internal sealed class NewFile : IDisposable
{
    private readonly HeldFolder _folder;
    private readonly string _path, _name, _temporary;
    private bool _isComplete;

    /// <summary>Makes the file.</summary>
    /// <exception cref="IOException">There is a symbolic link or something else at the path, or the disk fails.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    public NewFile(string path, UnixFileMode mode = OwnFile.Shared)
    {
        (_path, _name, _temporary) = (path, Path.GetFileName(path), FileNames.NewTemporary());
        if (_name.Length == 0) throw new IOException($"{path} names no file");
        _folder = OwnFile.FolderOf(path);
        try
        {
            OwnFile.Refuse(_folder, _name, path);
            Stream = new FileStream(_folder.CreateFile(_temporary, mode), FileAccess.ReadWrite);
        }
        catch
        {
            _folder.Dispose();
            throw;
        }
    }

    /// <summary>What is written to it.</summary>
    public FileStream Stream { get; }

    /// <summary>Puts it in place.</summary>
    public void Complete()
    {
        Stream.Dispose();
        OwnFile.Refuse(_folder, _name, _path);
        _folder.Replace(_temporary, _name);
        _isComplete = true;
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (!_isComplete) _folder.Delete(_temporary);
        _folder.Dispose();
    }
}
