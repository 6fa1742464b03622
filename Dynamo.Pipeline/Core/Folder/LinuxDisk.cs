using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Reads a folder with direct system calls: four for a small file (open, read, statx, close). .NET's file classes also take
/// an advisory lock and make more calls, which takes nearly twice the time for files as small as a logger's.
/// </summary>
internal class LinuxDisk(string root) : FolderDisk
{
    private const int ShortPath = 1024;

    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(root.EndsWith('/') ? root : root + "/");

    /// <summary>Whether this system has the calls: 64-bit Linux, kernel 4.11 or later, and no sandbox that refuses <c>statx</c>.</summary>
    public static bool IsSupported { get; } = OperatingSystem.IsLinux() && Environment.Is64BitProcess && HasStat();

    public override unsafe FileStat Stat(string path)
    {
        LinuxStat stat;
        if (LinuxCalls.Stat(LinuxCalls.AtCurrentFolder, path, 0, LinuxCalls.WantedFields, &stat) == 0) return stat.ToStat();
        int error = Marshal.GetLastPInvokeError();
        return new FileStat(LinuxErrors.KindOf(error), 0, default);
    }

    public override unsafe FolderEntry Look(string path)
    {
        string full = Path.Join(root, path), name = FileNames.NameOf(path);
        LinuxStat stat;
        if (LinuxCalls.Stat(LinuxCalls.AtCurrentFolder, full, LinuxCalls.AtNoFollow, LinuxCalls.WantedFields, &stat) != 0)
            return new FolderEntry(name, true, false, new FileStat(LinuxErrors.KindOf(Marshal.GetLastPInvokeError()), 0, default));
        if (!stat.IsLink) return new FolderEntry(name, true, false, stat.ToStat());
        FileStat target = Stat(full);
        return new FolderEntry(name, true, true, target.Kind == FileKind.Missing ? target with { Kind = FileKind.BrokenLink } : target);
    }

    public override FolderReader OpenFolder(string path, FileSelection filter)
    {
        if (path.Length <= root.Length) return new LinuxFolderReader(path, filter);
        int descriptor = OpenBelow(path[(root.EndsWith('/') ? root.Length : root.Length + 1)..], LinuxCalls.FolderFlags);
        if (descriptor >= 0) return new LinuxFolderReader(descriptor, filter);
        // A link in the place of a folder that was listed: links to folders are not listed.
        throw descriptor == -LinuxCalls.TooManyLinks ? new DirectoryNotFoundException(path) : LinuxErrors.ForFolder(-descriptor);
    }

    public override FileContent Open(SourceFile file, long wholeUpTo)
    {
        int descriptor = OpenFile(file.Path);
        if (IsWhole(file, wholeUpTo)) return ReadWhole(descriptor, file);
        return OpenStream(descriptor, file);
    }

    private int OpenFile(string path)
    {
        // The folders above the source are the administrator's. Those below it are not: each may have become a link.
        int flags = LinuxCalls.OpenFlags | LinuxCalls.NoFollow;
        int descriptor = path.Contains('/') ? OpenBelow(path, flags) : OpenPath(path, flags);
        if (descriptor == -LinuxCalls.TooManyLinks && FollowsLinks) return OpenBehindLink(path);
        return descriptor >= 0 ? descriptor : throw LinuxErrors.ForFile(-descriptor);
    }

    /// <summary>Opens a path below the root and follows no link there. Returns the descriptor, or the negative error number.</summary>
    private unsafe int OpenBelow(string path, int flags)
    {
        int folder = OpenPath("", LinuxCalls.PathOnly);
        if (folder < 0) return folder;
        try
        {
            byte[] name = Encoding.UTF8.GetBytes(path + "\0");
            int descriptor;
            fixed (byte* start = name)
            {
                while ((descriptor = LinuxCalls.OpenBelow(folder, start, flags)) == -LinuxCalls.Interrupted) { }
            }
            return descriptor == -LinuxCalls.NoSuchCall ? OpenStepByStep(folder, path, flags) : descriptor;
        }
        finally
        {
            _ = LinuxCalls.Close(folder);
        }
    }

    /// <summary>For kernels before 5.6.</summary>
    private static int OpenStepByStep(int root, string path, int flags)
    {
        int folder = root;
        string[] parts = path.Split('/');
        for (int i = 0; i < parts.Length; i++)
        {
            bool isLast = i == parts.Length - 1;
            int step = isLast ? flags | LinuxCalls.NoFollow : LinuxCalls.FolderFlags | LinuxCalls.PathOnly | LinuxCalls.NoFollow;
            int next = LinuxCalls.OpenAt(folder, parts[i], step, 0), error = Marshal.GetLastPInvokeError();
            if (folder != root) _ = LinuxCalls.Close(folder);
            if (next < 0) return error == LinuxCalls.NotAFolder && !isLast ? -LinuxCalls.TooManyLinks : -error;
            folder = next;
        }
        return folder;
    }

    /// <summary>
    /// Opens what a link leads to, if that is below the root. The link is followed once, without opening anything; where it led is asked of
    /// what was found.
    /// </summary>
    private int OpenBehindLink(string path)
    {
        int found = OpenPath(path, LinuxCalls.PathOnly), folder = OpenPath("", LinuxCalls.PathOnly);
        try
        {
            if (found < 0) throw LinuxErrors.ForFile(-found);
            if (folder < 0) throw LinuxErrors.ForFile(-folder);
            string real = PathOf(found), realRoot = PathOf(folder);
            if (!real.StartsWith(realRoot.EndsWith('/') ? realRoot : realRoot + "/", StringComparison.Ordinal))
                throw new FileChangedException("is a symbolic link that leads out of the source");
            string opened = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{found}");
            int descriptor = LinuxCalls.OpenAt(LinuxCalls.AtCurrentFolder, opened, LinuxCalls.OpenFlags, 0);
            return descriptor >= 0 ? descriptor : throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
        }
        finally
        {
            if (found >= 0) _ = LinuxCalls.Close(found);
            if (folder >= 0) _ = LinuxCalls.Close(folder);
        }
    }

    private static unsafe string PathOf(int descriptor)
    {
        byte* target = stackalloc byte[LinuxCalls.LongestPath];
        string opened = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}");
        nint length = LinuxCalls.ReadLinkAt(LinuxCalls.AtCurrentFolder, opened, target, LinuxCalls.LongestPath);
        return length < 0 ? throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError()) : Encoding.UTF8.GetString(target, (int)length);
    }

    /// <summary>Opens a path below the root by one call. Returns the descriptor, or the negative error number.</summary>
    [SkipLocalsInit]
    private unsafe int OpenPath(string path, int flags)
    {
        int longest = _prefix.Length + path.Length * 3 + 1;
        byte[]? rented = longest > ShortPath ? ArrayPool<byte>.Shared.Rent(longest) : null;
        Span<byte> bytes = rented is not null ? rented : stackalloc byte[ShortPath];
        _prefix.CopyTo(bytes);
        bytes[_prefix.Length + Encoding.UTF8.GetBytes(path, bytes[_prefix.Length..])] = 0;
        int descriptor, error = 0;
        fixed (byte* start = bytes)
        {
            while ((descriptor = LinuxCalls.Open(start, flags)) < 0
                && (error = Marshal.GetLastPInvokeError()) == LinuxCalls.Interrupted) { }
        }
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return descriptor >= 0 ? descriptor : -error;
    }

    private static FileContent ReadWhole(int descriptor, SourceFile file)
    {
        // Room for one byte more than the listed size: it shows that the file grew, without a second read.
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)file.Size + 1);
        try
        {
            int error = ReadAll(descriptor, buffer.AsSpan(0, (int)file.Size + 1), file.Size, out int read);
            // Reading also fails if a folder or FIFO is there now. Then the error says what it is, not why reading failed.
            FileStat now = StatOpened(descriptor);
            if (error == 0 || now.Kind != FileKind.Regular) FileChange.Check(file, now, read);
            if (error != 0) throw LinuxErrors.ForFile(error);
            return FileContent.Rented(buffer, read);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
        finally
        {
            _ = LinuxCalls.Close(descriptor);
        }
    }

    /// <summary>
    /// Reads to the end of the file, but at most one byte more than the listed size. Returns the error number, or 0.
    /// </summary>
    private static unsafe int ReadAll(int descriptor, Span<byte> buffer, long listed, out int read)
    {
        read = 0;
        fixed (byte* start = buffer)
        {
            do
            {
                nint count = LinuxCalls.Read(descriptor, start + read, buffer.Length - read);
                if (count == 0) return 0;
                if (count > 0) read += (int)count;
                else if (Marshal.GetLastPInvokeError() is var error and not LinuxCalls.Interrupted) return error;
            }
            while (read < listed);
        }
        return 0;
    }

    private static FolderFileStream OpenChecked(SafeFileHandle handle, SourceFile file)
    {
        FileStat now = StatOpened((int)handle.DangerousGetHandle());
        FileChange.Check(file, now, file.Size);
        return new FolderFileStream(handle, file, opened => StatOpened((int)opened.DangerousGetHandle()));
    }

    private static FileContent OpenStream(int descriptor, SourceFile file)
    {
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            return new FileContent(OpenChecked(handle, file));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public override FileStat Stat(SafeFileHandle file) => StatOf(file).ToStat();

    public override HeldFolder Hold(string path) => LinuxHeldFolder.At(path);

    public override SafeFileHandle OpenLinked(string path) => new(OpenBehindLink(path), ownsHandle: true);

    public override bool LeadsBelow(string path)
    {
        try
        {
            OpenLinked(path).Dispose();
            return true;
        }
        catch (FileChangedException)
        {
            return false;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            // It leads to something below that cannot be read, which reading says in better words.
            return true;
        }
    }

    /// <summary>Owner, rights, kind, size and time of an opened file or folder.</summary>
    internal static LinuxStat StatOf(SafeFileHandle file) => StatOf((int)file.DangerousGetHandle());

    private static FileStat StatOpened(int descriptor) => StatOf(descriptor).ToStat();

    private static unsafe LinuxStat StatOf(int descriptor)
    {
        LinuxStat stat;
        byte nothing = 0;
        if (LinuxCalls.Stat(descriptor, &nothing, LinuxCalls.AtEmptyPath, LinuxCalls.WantedFields, &stat) == 0) return stat;
        throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
    }

    private static unsafe bool HasStat()
    {
        try
        {
            LinuxStat stat;
            return LinuxCalls.Stat(LinuxCalls.AtCurrentFolder, "/", 0, LinuxCalls.WantedFields, &stat) == 0;
        }
        catch (Exception missing) when (missing is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }
}

/// <summary>
/// The system calls behind <see cref="LinuxDisk"/>. It uses only functions and structures that are the same in glibc and musl
/// and on every 64-bit architecture that .NET supports: <c>statx</c> (see its manual page) instead of <c>stat</c>,
/// whose structure differs.
/// </summary>
internal static unsafe partial class LinuxCalls
{
    public const int AtCurrentFolder = -100;
    public const int AtNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;

    /// <summary>The type, the permissions, the number of names, owner, group, the time of the last change and the size.</summary>
    public const uint WantedFields = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x40 | 0x200;

    /// <summary>Close on exec, do not wait for a FIFO's writer, do not become the controlling process of a terminal.</summary>
    public const int OpenFlags = 0x80000 | 0x800 | 0x100;

    /// <summary>O_PATH: nothing is opened, but what was found is held.</summary>
    public const int PathOnly = 0x200000 | 0x80000;

    public const int NotPermitted = 1, NoEntry = 2, Interrupted = 4, NoDevice = 6, TryAgain = 11, AccessDenied = 13, Busy = 16,
        NotAFolder = 20, IsAFolder = 21, TooManyOpenInSystem = 23, TooManyOpen = 24, TextBusy = 26, NameTooLong = 36, TooManyLinks = 40;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    public static partial int Open(byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int file, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    public static partial int Stat(int folder, byte* path, int flags, uint fields, LinuxStat* stat);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Stat(int folder, string path, int flags, uint fields, LinuxStat* stat);

    [LibraryImport("libc", EntryPoint = "opendir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint OpenFolder(string path);

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    public static partial nint OpenFolder(int descriptor);

    [LibraryImport("libc", EntryPoint = "dirfd")]
    public static partial int FolderDescriptor(nint folder);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    public static partial LinuxName* ReadFolder(nint folder);

    [LibraryImport("libc", EntryPoint = "closedir")]
    public static partial int CloseFolder(nint folder);
}

/// <summary>The used fields of <c>struct statx</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct LinuxStat
{
    private const int TypeBits = 0xF000, FolderBits = 0x4000, RegularBits = 0x8000, LinkBits = 0xA000;
    private static readonly long LatestSecond = (DateTime.MaxValue.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond;
    private static readonly long EarliestSecond = -DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerSecond;

    /// <summary>How many names the file has.</summary>
    [FieldOffset(16)] public readonly uint Links;

    /// <summary>The user who owns the file.</summary>
    [FieldOffset(20)] public readonly uint Owner;

    /// <summary>The group whose rights the file has.</summary>
    [FieldOffset(24)] public readonly uint Group;

    [FieldOffset(28)] private readonly ushort _mode;
    [FieldOffset(40)] private readonly long _size;
    [FieldOffset(112)] private readonly long _modifiedSeconds;
    [FieldOffset(120)] private readonly uint _modifiedNanoseconds;

    public readonly bool IsLink => (_mode & TypeBits) == LinkBits;

    /// <summary>Type and permission bits.</summary>
    public readonly int Mode => _mode;

    public readonly FileStat ToStat() => new(Kind, _size, Modified);

    private readonly FileKind Kind => (_mode & TypeBits) switch
    {
        RegularBits => FileKind.Regular,
        FolderBits => FileKind.Folder,
        _ => FileKind.Special,
    };

    /// <summary>
    /// The time of the last change, in steps of 100 ns like .NET's file times. A time outside the range of
    /// <see cref="DateTime"/> becomes the nearest one inside.
    /// </summary>
    private readonly DateTime Modified
    {
        get
        {
            long seconds = Math.Clamp(_modifiedSeconds, EarliestSecond, LatestSecond - 1);
            long ticks = DateTime.UnixEpoch.Ticks + seconds * TimeSpan.TicksPerSecond + _modifiedNanoseconds / 100;
            return new DateTime(ticks, DateTimeKind.Utc);
        }
    }
}

/// <summary><c>struct dirent</c> on 64-bit Linux: the name starts in <see cref="FirstByte"/> and ends with a NUL.</summary>
[StructLayout(LayoutKind.Explicit)]
internal struct LinuxName
{
    public const byte UnknownType = 0, FolderType = 4, RegularType = 8, LinkType = 10;

    [FieldOffset(18)] public readonly byte Type;
    [FieldOffset(19)] public readonly byte FirstByte;
}

/// <summary>
/// Turns error numbers into the exceptions that .NET's file classes throw, so that <see cref="FolderFaults"/> can judge both.
/// </summary>
internal static class LinuxErrors
{
    public static Exception ForFile(int error) => error switch
    {
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder => new FileNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        LinuxCalls.TooManyLinks => new FileChangedException("is now a symbolic link, or lies behind one"),
        LinuxCalls.NameTooLong => new FileChangedException("has a path longer than the system opens"),
        LinuxCalls.IsAFolder => new FileChangedException("is now a folder"),
        LinuxCalls.NoDevice => new FileChangedException("is no longer a regular file"),
        LinuxCalls.Busy or LinuxCalls.TextBusy or LinuxCalls.TryAgain => new FileChangedException("is in use by another program"),
        _ => new IOException(Text(error), error),
    };

    public static Exception ForFolder(int error) => error switch
    {
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder => new DirectoryNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        LinuxCalls.NameTooLong or LinuxCalls.TooManyLinks => new PathTooLongException(Text(error)),
        _ => new IOException(Text(error), error),
    };

    public static Exception ForMove(int error) => error switch
    {
        LinuxCalls.NoEntry => new FileNotFoundException(Text(error)),
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => new UnauthorizedAccessException(Text(error)),
        _ => new IOException(Text(error), error),
    };

    public static FileKind KindOf(int error) => error switch
    {
        // A file with a name that long cannot exist.
        LinuxCalls.NoEntry or LinuxCalls.NotAFolder or LinuxCalls.NameTooLong => FileKind.Missing,
        LinuxCalls.TooManyLinks => FileKind.LinkLoop,
        LinuxCalls.AccessDenied or LinuxCalls.NotPermitted => FileKind.Unknown,
        _ => throw new IOException(Text(error), error),
    };

    private static string Text(int error) => Marshal.GetPInvokeErrorMessage(error);
}
