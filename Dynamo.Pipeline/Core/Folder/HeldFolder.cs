using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>What became of an attempt to move a file.</summary>
internal enum Moved
{
    Done,

    /// <summary>There is no such file.</summary>
    Missing,

    /// <summary>The new name is taken. Nothing is ever replaced.</summary>
    Taken,

    /// <summary>The folders are on two file systems, so the file must be copied.</summary>
    OtherFileSystem,
}

/// <summary>
/// A folder that was opened and looked at. Whoever may write to its parent can put another folder or a link at its path; what is done
/// here is done in the folder that was opened. No link is followed, and no file is replaced, except by <see cref="Replace"/>.
/// Used by one thread at a time. Errors are those of .NET's file classes.
/// </summary>
internal abstract class HeldFolder(string path) : IDisposable
{
    /// <summary>The path it was opened by, for messages.</summary>
    public string Path => path;

    /// <summary>Whether nobody else can put anything into it.</summary>
    public bool IsPrivate { get; set; }

    /// <summary>Whether a folder was made in it that a power cut may take away.</summary>
    public bool HasNewFolders { get; private set; }

    /// <summary>Who owns it, if that is neither this user nor the administrator; otherwise <see langword="null"/>.</summary>
    public abstract string? Stranger { get; }

    /// <summary>Opens a folder in it. Returns <see langword="null"/> if there is none.</summary>
    /// <exception cref="FolderReplacedException">There is a link or a file instead.</exception>
    public abstract HeldFolder? Open(string name);

    /// <summary>Makes a folder in it that others enter and write at most as far as they may in <paramref name="like"/>.</summary>
    /// <returns>Whether it was made. Otherwise there is something of that name.</returns>
    public abstract bool TryMakeFolder(string name, HeldFolder? like);

    /// <summary>Removes an empty folder. Returns whether it is gone.</summary>
    public abstract bool TryRemoveFolder(string name);

    /// <summary>Looks at a name. A link is a <see cref="FileKind.Link"/>, wherever it leads.</summary>
    public abstract FileStat Stat(string name);

    /// <summary>Where a link leads, as it says; <see langword="null"/> if it is not one.</summary>
    public abstract string? LinkTarget(string name);

    /// <summary>Opens a file to read it. It is not a link, and opening it does not wait; it may be no regular file.</summary>
    public abstract SafeFileHandle OpenFile(string name);

    /// <summary>Makes a new file under this name, with these rights less those that the umask takes.</summary>
    /// <exception cref="IOException">There is something of that name.</exception>
    public abstract SafeFileHandle CreateFile(string name, UnixFileMode mode);

    /// <summary>Moves a file, or a link itself. Never replaces anything.</summary>
    public abstract Moved TryMove(string name, HeldFolder to, string newName);

    /// <summary>Gives a file in it another name, in the place of what has that name.</summary>
    public abstract void Replace(string name, string newName);

    /// <summary>Deletes a file, or a link itself. Does nothing if there is none.</summary>
    public abstract void Delete(string name);

    /// <summary>Makes the names in it survive a power cut.</summary>
    public abstract void Flush();

    /// <summary>The names in it, in no order.</summary>
    public abstract IEnumerable<string> Names();

    public abstract void Dispose();

    /// <summary>Opens or makes a folder in it.</summary>
    /// <exception cref="FolderReplacedException">There is a link or a file instead.</exception>
    public HeldFolder Make(string name, HeldFolder? like)
    {
        for (int tries = 0; ; tries++)
        {
            if (Open(name) is { } there) return there;
            if (TryMakeFolder(name, like)) HasNewFolders = true;
            else if (tries > 10) throw new IOException($"{System.IO.Path.Join(path, name)} comes and goes");
        }
    }

    /// <summary>Makes a new file for this user alone, under a name that nobody can guess.</summary>
    public (string Name, SafeFileHandle Handle) CreateTemporary()
    {
        string name = FileNames.NewTemporary();
        return (name, CreateFile(name, OwnFile.Private));
    }

    /// <summary>Removes what a killed run was writing here more than a day ago.</summary>
    public void Tidy(TimeProvider time)
    {
        foreach (string name in Names().Where(FileNames.IsTemporary))
        {
            if (Stat(name) is { Kind: FileKind.Regular } stat && time.GetUtcNow().UtcDateTime - stat.ModifiedUtc > TimeSpan.FromDays(1))
                Delete(name);
        }
    }
}

/// <summary>Where a folder was, or should be, there is a symbolic link or a file.</summary>
internal sealed class FolderReplacedException(string path, bool isLink)
    : Exception(isLink ? $"{path} is a symbolic link" : $"{path} is not a folder")
{
    public bool IsLink => isLink;
}

/// <summary>
/// A folder by its path, with .NET's file classes, for systems other than 64-bit Linux. Links are looked for before each step, so somebody
/// who is fast enough may put one in between.
/// </summary>
internal sealed class PortableHeldFolder(string path) : HeldFolder(path)
{
    public override string? Stranger => null;

    public override HeldFolder? Open(string name)
    {
        string full = Full(name);
        return Stat(name).Kind switch
        {
            FileKind.Missing => null,
            FileKind.Folder => new PortableHeldFolder(full),
            FileKind.Link => throw new FolderReplacedException(full, isLink: true),
            _ => throw new FolderReplacedException(full, isLink: false),
        };
    }

    public override bool TryMakeFolder(string name, HeldFolder? like)
    {
        string full = Full(name);
        if (Stat(name).Kind != FileKind.Missing) return false;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(full);
            return true;
        }
        UnixFileMode wanted = like is null ? OwnFolder : (File.GetUnixFileMode(like.Path) & (UnixFileMode)0x1FF) | OwnFolder;
        Directory.CreateDirectory(full, wanted & ~UnixFileMode.OtherWrite);
        return true;
    }

    public override bool TryRemoveFolder(string name)
    {
        try
        {
            Directory.Delete(Full(name));
            return true;
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            return !Directory.Exists(Full(name));
        }
    }

    public override FileStat Stat(string name)
    {
        var info = new FileInfo(Full(name));
        return info.LinkTarget is null ? PortableDisk.Stat(info) : new FileStat(FileKind.Link, 0, info.LastWriteTimeUtc);
    }

    public override string? LinkTarget(string name) => new FileInfo(Full(name)).LinkTarget;

    public override SafeFileHandle OpenFile(string name) => Stat(name).Kind switch
    {
        FileKind.Regular => File.OpenHandle(Full(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete),
        FileKind.Missing => throw new FileNotFoundException(Full(name)),
        _ => throw new FileChangedException("is no longer a regular file"),
    };

    public override SafeFileHandle CreateFile(string name, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
        using var file = new FileStream(Full(name), options);
        // The stream closes what it opened, so the handle is opened once more.
        return File.OpenHandle(Full(name), FileMode.Open, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
    }

    public override Moved TryMove(string name, HeldFolder to, string newName)
    {
        string from = Full(name), target = System.IO.Path.Join(to.Path, newName);
        if (Stat(name).Kind == FileKind.Missing) return Moved.Missing;
        if (to.Stat(newName).Kind != FileKind.Missing) return Moved.Taken;
        if (OperatingSystem.IsWindows() && System.IO.Path.GetPathRoot(from) != System.IO.Path.GetPathRoot(target))
            return Moved.OtherFileSystem;
        if (!OperatingSystem.IsWindows()) return FolderMove.Rename(from, target);
        File.Move(from, target, overwrite: false);
        return Moved.Done;
    }

    public override void Replace(string name, string newName) => File.Move(Full(name), Full(newName), overwrite: true);

    public override void Delete(string name) => File.Delete(Full(name));

    public override void Flush()
    {
        // .NET flushes files only.
    }

    public override IEnumerable<string> Names() =>
        Directory.EnumerateFileSystemEntries(Path).Select(entry => System.IO.Path.GetFileName(entry));

    public override void Dispose() { }

    private const UnixFileMode OwnFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private string Full(string name) => System.IO.Path.Join(Path, name);
}
