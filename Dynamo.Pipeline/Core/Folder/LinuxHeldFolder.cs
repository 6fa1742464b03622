using System.Globalization;
using System.Runtime.InteropServices;
using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>A folder by its descriptor: the system resolves no path again after it was opened.</summary>
internal sealed class LinuxHeldFolder : HeldFolder
{
    private readonly SafeFileHandle _handle;
    private readonly int _folder;

    private LinuxHeldFolder(string path, int descriptor) : base(path) =>
        (_handle, _folder) = (new SafeFileHandle(descriptor, ownsHandle: true), descriptor);

    /// <summary>Opens a folder by its path, links and all: the path is the administrator's.</summary>
    public static LinuxHeldFolder At(string path)
    {
        int descriptor = LinuxCalls.OpenAt(LinuxCalls.AtCurrentFolder, path, LinuxCalls.FolderFlags, 0);
        return descriptor >= 0 ? new LinuxHeldFolder(path, descriptor) : throw LinuxErrors.ForFolder(Marshal.GetLastPInvokeError());
    }

    public override string? Stranger
    {
        get
        {
            LinuxStat stat = StatOpened();
            if (stat.Owner == 0 || stat.Owner == LinuxCalls.GetEffectiveUser() || IsOursHere(stat.Owner)) return null;
            return string.Create(CultureInfo.InvariantCulture, $"user {stat.Owner}");
        }
    }

    public override HeldFolder? Open(string name)
    {
        int descriptor = LinuxCalls.OpenAt(_folder, name, LinuxCalls.FolderFlags | LinuxCalls.NoFollow, 0);
        if (descriptor >= 0) return new LinuxHeldFolder(Full(name), descriptor);
        int error = Marshal.GetLastPInvokeError();
        if (error == LinuxCalls.NoEntry) return null;
        if (error is not (LinuxCalls.NotAFolder or LinuxCalls.TooManyLinks)) throw LinuxErrors.ForFolder(error);
        throw new FolderReplacedException(Full(name), Stat(name).Kind == FileKind.Link);
    }

    public override bool TryMakeFolder(string name, HeldFolder? like)
    {
        const int Owner = 0x1C0, OtherWrite = 0x2, Everyone = 0x1FF;
        int mode = like is LinuxHeldFolder folder ? (folder.StatOpened().Mode & Everyone | Owner) & ~OtherWrite : Owner;
        if (LinuxCalls.MakeFolderAt(_folder, name, mode) == 0) return true;
        int error = Marshal.GetLastPInvokeError();
        return error == LinuxCalls.Exists ? false : throw LinuxErrors.ForFolder(error);
    }

    public override bool TryRemoveFolder(string name) =>
        LinuxCalls.UnlinkAt(_folder, name, LinuxCalls.AtRemoveFolder) == 0 || Marshal.GetLastPInvokeError() == LinuxCalls.NoEntry;

    public override unsafe FileStat Stat(string name)
    {
        LinuxStat stat;
        if (LinuxCalls.Stat(_folder, name, LinuxCalls.AtNoFollow, LinuxCalls.WantedFields, &stat) != 0)
            return new FileStat(LinuxErrors.KindOf(Marshal.GetLastPInvokeError()), 0, default);
        return stat.IsLink ? stat.ToStat() with { Kind = FileKind.Link } : stat.ToStat();
    }

    public override unsafe string? LinkTarget(string name)
    {
        byte* target = stackalloc byte[LinuxCalls.LongestPath];
        nint length = LinuxCalls.ReadLinkAt(_folder, name, target, LinuxCalls.LongestPath);
        return length < 0 ? null : Marshal.PtrToStringUTF8((nint)target, (int)length);
    }

    public override SafeFileHandle OpenFile(string name)
    {
        int descriptor = LinuxCalls.OpenAt(_folder, name, LinuxCalls.OpenFlags | LinuxCalls.NoFollow, 0);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
    }

    public override SafeFileHandle CreateFile(string name, UnixFileMode mode)
    {
        int flags = LinuxCalls.CloseOnExec | LinuxCalls.NoFollow | LinuxCalls.CreateNew | LinuxCalls.ReadWrite;
        int descriptor = LinuxCalls.OpenAt(_folder, name, flags, (int)mode);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw LinuxErrors.ForMove(Marshal.GetLastPInvokeError());
    }

    /// <summary>Opens a file to read and write it. It is not a link, and opening it does not wait.</summary>
    public SafeFileHandle OpenToWrite(string name)
    {
        int descriptor = LinuxCalls.OpenAt(_folder, name, LinuxCalls.OpenFlags | LinuxCalls.NoFollow | LinuxCalls.ReadWrite, 0);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
    }

    /// <summary>Everything about a name, of a link itself.</summary>
    public unsafe LinuxStat StatWhole(string name)
    {
        LinuxStat stat;
        if (LinuxCalls.Stat(_folder, name, LinuxCalls.AtNoFollow, LinuxCalls.WantedFields, &stat) == 0) return stat;
        throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
    }

    public override Moved TryMove(string name, HeldFolder to, string newName)
    {
        int target = ((LinuxHeldFolder)to)._folder;
        return LinuxCalls.RenameNew(_folder, name, target, newName) switch
        {
            0 => Moved.Done,
            LinuxCalls.NoEntry => Moved.Missing,
            LinuxCalls.Exists => Moved.Taken,
            LinuxCalls.CrossDevice => Moved.OtherFileSystem,
            // Old kernels and some network file systems cannot say "do not replace" in a rename.
            LinuxCalls.Invalid or LinuxCalls.NoSuchCall or LinuxCalls.NotSupported => TryLinkAndUnlink(name, to, newName),
            int error => throw LinuxErrors.ForMove(error),
        };
    }

    public override void Replace(string name, string newName)
    {
        if (LinuxCalls.RenameAt(_folder, name, _folder, newName) != 0) throw LinuxErrors.ForMove(Marshal.GetLastPInvokeError());
    }

    public override void Delete(string name)
    {
        if (LinuxCalls.UnlinkAt(_folder, name, 0) == 0) return;
        int error = Marshal.GetLastPInvokeError();
        if (error != LinuxCalls.NoEntry) throw LinuxErrors.ForMove(error);
    }

    public override void Flush()
    {
        // Some file systems cannot do it for folders (EINVAL); then there is nothing to wait for.
        if (LinuxCalls.Flush(_folder) != 0 && Marshal.GetLastPInvokeError() is var error and not LinuxCalls.Invalid)
            throw LinuxErrors.ForMove(error);
    }

    public override IEnumerable<string> Names() =>
        Directory.EnumerateFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_folder}"))
            .Select(entry => System.IO.Path.GetFileName(entry));

    public override void Dispose() => _handle.Dispose();

    /// <summary>
    /// A file may have two names for a moment, but never none, and nothing is replaced. Between the two steps somebody may put another file
    /// at the old name, which would be removed. So a file is taken out of a folder of others in one step, into a private one.
    /// </summary>
    private Moved TryLinkAndUnlink(string name, HeldFolder to, string newName)
    {
        if (!to.IsPrivate && LinuxCalls.LinkAt(_folder, name, ((LinuxHeldFolder)to)._folder, newName, 0) == 0)
        {
            Delete(name);
            return Moved.Done;
        }
        int error = Marshal.GetLastPInvokeError();
        if (to.IsPrivate || error is LinuxCalls.NotPermitted or LinuxCalls.NotSupported or LinuxCalls.NoSuchCall)
        {
            // For a file system without hard links, such as FAT, looking first is all that is left.
            if (to.Stat(newName).Kind != FileKind.Missing) return Moved.Taken;
            if (LinuxCalls.RenameAt(_folder, name, ((LinuxHeldFolder)to)._folder, newName) == 0) return Moved.Done;
            error = Marshal.GetLastPInvokeError();
        }
        return error switch
        {
            LinuxCalls.NoEntry => Moved.Missing,
            LinuxCalls.Exists => Moved.Taken,
            LinuxCalls.CrossDevice => Moved.OtherFileSystem,
            _ => throw LinuxErrors.ForMove(error),
        };
    }

    /// <summary>
    /// Whether a new file here gets this owner. A network share may give what this user makes to somebody else, as it does for root.
    /// </summary>
    private bool IsOursHere(uint owner)
    {
        try
        {
            (string name, SafeFileHandle file) = CreateTemporary();
            using (file)
            {
                Delete(name);
                return LinuxDisk.StatOf(file).Owner == owner;
            }
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            return false;
        }
    }

    private LinuxStat StatOpened() => LinuxDisk.StatOf(_handle);

    private string Full(string name) => System.IO.Path.Join(Path, name);
}

/// <summary>The system calls behind <see cref="LinuxHeldFolder"/>. All take a folder's descriptor and a name in it.</summary>
internal static unsafe partial class LinuxCalls
{
    public const int LongestPath = 4096;
    public const int AtRemoveFolder = 0x200;
    public const int CloseOnExec = 0x80000;
    public const int ReadWrite = 0x2;

    /// <summary>O_CREAT and O_EXCL, which also follows no link.</summary>
    public const int CreateNew = 0x40 | 0x80;

    public const int Exists = 17, CrossDevice = 18, Invalid = 22, NoSuchCall = 38, NotSupported = 95;

    private const uint NoReplace = 1;
    private const int OpenBelowCall = 437;
    private static bool s_hasNoRename, s_hasNoOpenBelow;

    /// <summary>O_NOFOLLOW and O_DIRECTORY have two values each: ARM and POWER swapped them with others.</summary>
    public static int NoFollow { get; } = IsSwapped ? 0x8000 : 0x20000;

    /// <summary>Opens a folder for reading, and nothing else.</summary>
    public static int FolderFlags { get; } = CloseOnExec | (IsSwapped ? 0x4000 : 0x10000);

    private static bool IsSwapped => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Ppc64le;

    /// <summary>Renames and replaces nothing. Returns 0 or the error number.</summary>
    public static int RenameNew(int from, string name, int to, string newName)
    {
        if (s_hasNoRename) return NoSuchCall;
        try
        {
            return RenameAt2(from, name, to, newName, NoReplace) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        catch (EntryPointNotFoundException)
        {
            // An old musl.
            s_hasNoRename = true;
            return NoSuchCall;
        }
    }

    /// <summary>
    /// Opens a path below a folder without following a link anywhere in it (openat2(2)). Returns the descriptor, or the negative error
    /// number; that of a missing call on kernels before 5.6.
    /// </summary>
    public static int OpenBelow(int folder, byte* path, int flags)
    {
        const ulong NoMagicLinks = 0x2, NoLinks = 0x4, Beneath = 0x8;
        if (s_hasNoOpenBelow) return -NoSuchCall;
        ulong* how = stackalloc ulong[3] { (ulong)flags, 0, NoMagicLinks | NoLinks | Beneath };
        nint opened = Call(OpenBelowCall, folder, path, how, 24);
        if (opened >= 0) return (int)opened;
        int error = Marshal.GetLastPInvokeError();
        s_hasNoOpenBelow = error == NoSuchCall;
        return -error;
    }

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenAt(int folder, string name, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFolderAt(int folder, string name, int mode);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int UnlinkAt(int folder, string name, int flags);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int LinkAt(int from, string name, int to, string newName, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int RenameAt(int from, string name, int to, string newName);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ReadLinkAt(int folder, string name, byte* target, nint length);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Flush(int file);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    public static partial int ChangeOwner(int file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(int file, int operation);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint GetEffectiveUser();

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int from, string name, int to, string newName, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint folder, byte* path, ulong* how, nint size);
}
