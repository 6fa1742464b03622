using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>One name in a folder.</summary>
/// <param name="name">The name. It has replacement characters if <paramref name="isText"/> is <see langword="false"/>.</param>
/// <param name="isText">Whether the name is valid text. Only then can the file be opened by its name.</param>
/// <param name="isLink">Whether it is a symbolic link.</param>
/// <param name="stat">Kind, size and time of the file, or of the file that the link leads to.</param>
internal readonly struct FolderEntry(string name, bool isText, bool isLink, FileStat stat)
{
    public string Name => name;

    public bool IsText => isText;

    public bool IsLink => isLink;

    public FileStat Stat => stat;
}

/// <summary>Reads the names of one folder. Used by one thread at a time.</summary>
internal abstract class FolderReader : IDisposable
{
    /// <summary>The folders found so far in which a run sets files aside, its own or one that was killed.</summary>
    public List<string> Claims { get; } = [];

    /// <summary>Reads the next name that the selection wants. Returns <see langword="false"/> at the end.</summary>
    public abstract bool TryRead(out FolderEntry entry);

    public abstract void Dispose();
}

/// <summary>
/// The few file calls that a <see cref="FolderSource"/> needs, in the fastest way that the system offers.
/// Errors are .NET's own exceptions: file or folder not found, unauthorized, or <see cref="IOException"/>. Thread-safe.
/// </summary>
internal abstract class FolderDisk
{
    /// <summary>The disk for this system: direct system calls on 64-bit Linux, .NET's file classes elsewhere.</summary>
    public static FolderDisk For(string root) => LinuxDisk.IsSupported ? new LinuxDisk(root) : new PortableDisk(root);

    /// <summary>Whether to read what a symbolic link leads to, if that is below the source's folder.</summary>
    public bool FollowsLinks { get; set; }

    /// <summary>Looks at what a path leads to.</summary>
    public abstract FileStat Stat(string path);

    /// <summary>Looks at a path below the source, which may be a link.</summary>
    public abstract FolderEntry Look(string path);

    /// <summary>Looks at an opened file.</summary>
    public abstract FileStat Stat(SafeFileHandle file);

    /// <summary>Opens a folder by its path, to work in it. The path may go through links.</summary>
    public abstract HeldFolder Hold(string path);

    /// <summary>Opens what a link below the source leads to.</summary>
    /// <exception cref="FileChangedException">It leads out of the source.</exception>
    public abstract SafeFileHandle OpenLinked(string path);

    /// <summary>Whether a link below the source leads to something there.</summary>
    public abstract bool LeadsBelow(string path);

    public abstract FolderReader OpenFolder(string path, FileSelection filter);

    /// <summary>Opens a listed file and checks that it is still the same.</summary>
    /// <exception cref="FileChangedException">The file has changed.</exception>
    public abstract FileContent Open(SourceFile file, long wholeUpTo);

    /// <summary>Whether to read the file into memory as a whole. Otherwise it is streamed.</summary>
    protected static bool IsWhole(SourceFile file, long wholeUpTo) => file.Size <= Math.Min(wholeUpTo, Array.MaxLength - 1);
}
