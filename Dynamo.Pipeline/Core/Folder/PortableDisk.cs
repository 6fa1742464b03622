using System.Buffers;
using System.IO.Enumeration;
using Dynamo.Pipeline.Files;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline.Folder;

/// <summary>Reads a folder with .NET's file classes, for systems other than 64-bit Linux.</summary>
internal sealed class PortableDisk(string root) : FolderDisk
{
    public override FileStat Stat(string path) => Stat(new FileInfo(path));

    public override FolderEntry Look(string path)
    {
        var info = new FileInfo(Path.Join(root, path));
        return new FolderEntry(FileNames.NameOf(path), true, info.LinkTarget is not null, Stat(info));
    }

    public override FileStat Stat(SafeFileHandle file) => StatOpened(file);

    public override HeldFolder Hold(string path) =>
        Directory.Exists(path) ? new PortableHeldFolder(path) : throw new DirectoryNotFoundException(path);

    public override SafeFileHandle OpenLinked(string path)
    {
        string full = Path.Join(root, path);
        if (!LeadsBelow(path)) throw new FileChangedException("is a symbolic link that leads out of the source");
        return File.OpenHandle(full, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    public override bool LeadsBelow(string path)
    {
        try
        {
            string real = FolderPlace.Real(root);
            return FolderPlace.Real(Path.GetFullPath(Path.Join(root, path)))
                .StartsWith(Path.EndsInDirectorySeparator(real) ? real : real + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            return false;
        }
    }

    public override FolderReader OpenFolder(string path, FileSelection filter) => new PortableFolderReader(path, filter);

    public override FileContent Open(SourceFile file, long wholeUpTo)
    {
        string path = Path.Join(root, file.Path);
        CheckNoLink(file.Path);
        // Opening a FIFO would block. Its kind and length differ from what was listed, so this check finds it before.
        FileChange.Check(file, CheckThere(Stat(path)), file.Size);
        SafeFileHandle handle = File.OpenHandle(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        try
        {
            if (!IsWhole(file, wholeUpTo)) return new FileContent(new FolderFileStream(handle, file, StatOpened));
            FileContent content = ReadWhole(handle, file);
            handle.Dispose();
            return content;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    internal static FileStat Stat(FileInfo info)
    {
        try
        {
            FileSystemInfo target = info.LinkTarget is null ? info : info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
            if (target is DirectoryInfo || Directory.Exists(target.FullName))
                return new FileStat(FileKind.Folder, 0, target.LastWriteTimeUtc);
            if (!target.Exists)
                return new FileStat(info.LinkTarget is null ? FileKind.Missing : FileKind.BrokenLink, 0, DateTime.UnixEpoch);
            FileKind kind = (target.Attributes & FileAttributes.Device) != 0 ? FileKind.Special : FileKind.Regular;
            return new FileStat(kind, ((FileInfo)target).Length, target.LastWriteTimeUtc);
        }
        catch (IOException) when (info.LinkTarget is not null)
        {
            return new FileStat(FileKind.LinkLoop, 0, DateTime.UnixEpoch);
        }
        catch (UnauthorizedAccessException)
        {
            return new FileStat(FileKind.Unknown, 0, DateTime.UnixEpoch);
        }
    }

    /// <summary>The file and the folders above it, up to the source's own, must be no links, or lead to something below.</summary>
    private void CheckNoLink(string path)
    {
        for (int end = path.Length; end > 0; end = path.LastIndexOf('/', end - 1))
        {
            if (new FileInfo(Path.Join(root, path[..end])).LinkTarget is null) continue;
            if (!FollowsLinks) throw new FileChangedException("is now a symbolic link, or lies behind one");
            if (!LeadsBelow(path)) throw new FileChangedException("is a symbolic link that leads out of the source");
        }
    }

    private static FileStat CheckThere(FileStat stat) =>
        stat.Kind == FileKind.Missing ? throw new FileNotFoundException() : stat;

    private static FileContent ReadWhole(SafeFileHandle handle, SourceFile file)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)file.Size + 1);
        try
        {
            int read = 0, count;
            while (read <= file.Size && (count = RandomAccess.Read(handle, buffer.AsSpan(read, (int)file.Size + 1 - read), read)) > 0)
                read += count;
            FileChange.Check(file, StatOpened(handle), read);
            return FileContent.Rented(buffer, read);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static FileStat StatOpened(SafeFileHandle handle) =>
        new(FileKind.Regular, RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle));
}

/// <summary>Reads the names of a folder with .NET's enumeration.</summary>
internal sealed class PortableFolderReader : FolderReader
{
    private readonly IEnumerator<FolderEntry> _entries;

    public PortableFolderReader(string path, FileSelection filter)
    {
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };
        _entries = new FileSystemEnumerable<FolderEntry>(path, (ref FileSystemEntry entry) => Take(ref entry), options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => Wants(ref entry, filter, Claims),
        }.GetEnumerator();
    }

    public override bool TryRead(out FolderEntry entry)
    {
        while (_entries.MoveNext())
        {
            entry = _entries.Current;
            if (entry.Stat.Kind != FileKind.Missing && !(entry.Stat.Kind == FileKind.Folder && entry.IsLink)) return true;
        }
        entry = default;
        return false;
    }

    public override void Dispose() => _entries.Dispose();

    private static bool IsLink(ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) != 0;

    private static bool Wants(ref FileSystemEntry entry, FileSelection filter, List<string> claims)
    {
        if (entry.IsDirectory && FileNames.IsClaims(entry.FileName)) claims.Add(entry.FileName.ToString());
        return entry.IsDirectory ? !IsLink(ref entry) && filter.WantsFolder(entry.FileName) : filter.WantsFile(entry.FileName);
    }

    private static FolderEntry Take(ref FileSystemEntry entry)
    {
        string name = entry.FileName.ToString();
        bool isText = !entry.FileName.Contains('\uFFFD') || File.Exists(entry.ToFullPath());
        if (IsLink(ref entry)) return new FolderEntry(name, isText, true, PortableDisk.Stat(new FileInfo(entry.ToFullPath())));
        if (entry.IsDirectory)
            return new FolderEntry(name, isText, false, new FileStat(FileKind.Folder, 0, entry.LastWriteTimeUtc.UtcDateTime));
        FileKind kind = (entry.Attributes & FileAttributes.Device) != 0 ? FileKind.Special : FileKind.Regular;
        return new FolderEntry(name, isText, false, new FileStat(kind, entry.Length, entry.LastWriteTimeUtc.UtcDateTime));
    }
}
