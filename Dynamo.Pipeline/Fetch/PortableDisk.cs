using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline;

/// <summary>A folder by .NET's own calls, for systems that are not 64-bit Linux.</summary>
internal sealed class PortableDisk(string root) : FolderDisk
{
    public override DiskStat Stat(string path) => Stat(new FileInfo(path));

    public override FolderReader OpenFolder(string path, FolderFilter filter) => new PortableFolderReader(path, filter);

    public override FileContent Open(SourceFile file, long wholeUpTo)
    {
        string path = Path.Join(root, file.Path);
        // A FIFO would block the opening; it has no length of its own, so that a listed one is told from it before.
        FolderChange.Check(file, CheckThere(Stat(path)), file.Size);
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
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

    internal static DiskStat Stat(FileInfo info)
    {
        try
        {
            FileSystemInfo target = info.LinkTarget is null ? info : info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
            if (target is DirectoryInfo || Directory.Exists(target.FullName)) return new DiskStat(DiskKind.Folder, 0, target.LastWriteTimeUtc);
            if (!target.Exists) return new DiskStat(info.LinkTarget is null ? DiskKind.Missing : DiskKind.BrokenLink, 0, DateTime.UnixEpoch);
            return new DiskStat((target.Attributes & FileAttributes.Device) != 0 ? DiskKind.Special : DiskKind.Regular, ((FileInfo)target).Length, target.LastWriteTimeUtc);
        }
        catch (IOException) when (info.LinkTarget is not null)
        {
            return new DiskStat(DiskKind.LinkLoop, 0, DateTime.UnixEpoch);
        }
        catch (UnauthorizedAccessException)
        {
            return new DiskStat(DiskKind.Unknown, 0, DateTime.UnixEpoch);
        }
    }

    private static DiskStat CheckThere(DiskStat stat) => stat.Kind == DiskKind.Missing ? throw new FileNotFoundException() : stat;

    private static FileContent ReadWhole(SafeFileHandle handle, SourceFile file)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)file.Size + 1);
        try
        {
            int read = 0, count;
            while (read <= file.Size && (count = RandomAccess.Read(handle, buffer.AsSpan(read, (int)file.Size + 1 - read), read)) > 0)
                read += count;
            FolderChange.Check(file, StatOpened(handle), read);
            return FileContent.Rented(buffer, read);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static DiskStat StatOpened(SafeFileHandle handle) => new(DiskKind.Regular, RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle));
}
