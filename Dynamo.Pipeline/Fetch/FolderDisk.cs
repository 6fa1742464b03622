namespace Dynamo.Pipeline;

/// <summary>What a path leads to, links followed.</summary>
internal enum DiskKind
{
    Missing,
    Regular,
    Folder,

    /// <summary>A FIFO, socket or device: opening it may block or do things.</summary>
    Special,
    BrokenLink,
    LinkLoop,

    /// <summary>It is there, and more is not to be known: no permission.</summary>
    Unknown,
}

/// <summary>What a path leads to; size and time of a regular file are half of its identity.</summary>
internal readonly record struct DiskStat(DiskKind Kind, long Size, DateTime ModifiedUtc)
{
    /// <summary>Whether it is the file that was listed.</summary>
    public bool Is(SourceFile file) => Kind == DiskKind.Regular && Size == file.Size && ModifiedUtc == file.ModifiedUtc;
}

/// <summary>One name in a folder.</summary>
/// <param name="Name">The name; with replacement characters when it is not <paramref name="IsText"/>.</param>
/// <param name="IsText">Whether the name can be written as text, and so opened again.</param>
/// <param name="IsLink">Whether it is a symbolic link.</param>
/// <param name="Stat">What it leads to.</param>
internal readonly record struct FolderEntry(string Name, bool IsText, bool IsLink, DiskStat Stat);

/// <summary>Reads the names of one folder. Used by one thread at a time.</summary>
internal abstract class FolderReader : IDisposable
{
    /// <summary>The next wanted name, or <see langword="false"/> at the end.</summary>
    public abstract bool TryRead(out FolderEntry entry);

    public abstract void Dispose();
}

/// <summary>
/// The few calls a <see cref="FolderSource"/> makes, by the fastest way the system has. Failures are .NET's own: not found, unauthorized, or
/// <see cref="IOException"/>. Thread-safe.
/// </summary>
internal abstract class FolderDisk
{
    /// <summary>The disk for this system: bare system calls on 64-bit Linux, .NET's files elsewhere.</summary>
    public static FolderDisk For(string root) => LinuxDisk.IsSupported ? new LinuxDisk(root) : new PortableDisk(root);

    public abstract DiskStat Stat(string path);

    public abstract FolderReader OpenFolder(string path, FolderFilter filter);

    /// <summary>Opens a listed file and checks that it is still the same.</summary>
    /// <exception cref="FileChangedException">It is not.</exception>
    public abstract FileContent Open(SourceFile file, long wholeUpTo);

    /// <summary>Whether a file is to be read whole.</summary>
    protected static bool IsWhole(SourceFile file, long wholeUpTo) => file.Size <= Math.Min(wholeUpTo, Array.MaxLength - 1);
}
