using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>One name in a folder.</summary>
/// <param name="Name">The name; with replacement characters when it is not <paramref name="IsText"/>.</param>
/// <param name="IsText">Whether the name can be written as text, and so opened again.</param>
/// <param name="IsLink">Whether it is a symbolic link.</param>
/// <param name="Stat">What it leads to.</param>
internal readonly record struct FolderEntry(string Name, bool IsText, bool IsLink, FileStat Stat);

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

    public abstract FileStat Stat(string path);

    public abstract FolderReader OpenFolder(string path, FileSelection filter);

    /// <summary>Opens a listed file and checks that it is still the same.</summary>
    /// <exception cref="FileChangedException">It is not.</exception>
    public abstract FileContent Open(SourceFile file, long wholeUpTo);

    /// <summary>Whether a file is to be read whole.</summary>
    protected static bool IsWhole(SourceFile file, long wholeUpTo) => file.Size <= Math.Min(wholeUpTo, Array.MaxLength - 1);
}
