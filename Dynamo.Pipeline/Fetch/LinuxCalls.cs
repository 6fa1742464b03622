using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// The system calls behind <see cref="LinuxDisk"/>. Only functions and structures that are the same in glibc and musl and on every 64-bit
/// architecture .NET runs on: <c>statx</c> (see its manual page) rather than <c>stat</c>, whose structure differs.
/// </summary>
internal static unsafe partial class LinuxCalls
{
    public const int AtCurrentFolder = -100;
    public const int AtNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;

    /// <summary>Type, modification time and size.</summary>
    public const uint WantedFields = 0x1 | 0x40 | 0x200;

    /// <summary>Close on exec; never wait for a FIFO's writer; never make a terminal ours.</summary>
    public const int OpenFlags = 0x80000 | 0x800 | 0x100;

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

    [LibraryImport("libc", EntryPoint = "dirfd")]
    public static partial int FolderDescriptor(nint folder);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    public static partial LinuxName* ReadFolder(nint folder);

    [LibraryImport("libc", EntryPoint = "closedir")]
    public static partial int CloseFolder(nint folder);
}

/// <summary><c>struct statx</c>, the fields in use.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct LinuxStat
{
    private const int TypeBits = 0xF000, FolderBits = 0x4000, RegularBits = 0x8000, LinkBits = 0xA000;
    private static readonly long LatestSecond = (DateTime.MaxValue.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond;
    private static readonly long EarliestSecond = -DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerSecond;

    [FieldOffset(28)] private readonly ushort _mode;
    [FieldOffset(40)] private readonly long _size;
    [FieldOffset(112)] private readonly long _modifiedSeconds;
    [FieldOffset(120)] private readonly uint _modifiedNanoseconds;

    public readonly bool IsLink => (_mode & TypeBits) == LinkBits;

    public readonly DiskStat ToStat() => new(Kind, _size, Modified);

    private readonly DiskKind Kind => (_mode & TypeBits) switch
    {
        RegularBits => DiskKind.Regular,
        FolderBits => DiskKind.Folder,
        _ => DiskKind.Special,
    };

    /// <summary>To 100 ns, as .NET's own file times are; a time beyond what a <see cref="DateTime"/> holds becomes the nearest it does.</summary>
    private readonly DateTime Modified
    {
        get
        {
            long seconds = Math.Clamp(_modifiedSeconds, EarliestSecond, LatestSecond - 1);
            return new DateTime(DateTime.UnixEpoch.Ticks + seconds * TimeSpan.TicksPerSecond + _modifiedNanoseconds / 100, DateTimeKind.Utc);
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
