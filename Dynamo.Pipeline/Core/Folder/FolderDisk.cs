using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>One name in a folder.</summary>
/// <param name="Name">The name. It has replacement characters if <paramref name="IsText"/> is <see langword="false"/>.</param>
/// <param name="IsText">Whether the name is valid text. Only then can the file be opened by its name.</param>
/// <param name="IsLink">Whether it is a symbolic link.</param>
/// <param name="Stat">Kind, size and time of the file, or of the file that the link leads to.</param>
internal readonly record struct FolderEntry(string Name, bool IsText, bool IsLink, FileStat Stat);

/// <summary>Reads the names of one folder. Used by one thread at a time.</summary>
internal abstract class FolderReader : IDisposable
{
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

    public abstract FileStat Stat(string path);

    public abstract FolderReader OpenFolder(string path, FileSelection filter);

    /// <summary>Opens a listed file and checks that it is still the same.</summary>
    /// <exception cref="FileChangedException">The file has changed.</exception>
    public abstract FileContent Open(SourceFile file, long wholeUpTo);

    /// <summary>Whether to read the file into memory as a whole. Otherwise it is streamed.</summary>
    protected static bool IsWhole(SourceFile file, long wholeUpTo) => file.Size <= Math.Min(wholeUpTo, Array.MaxLength - 1);
}
