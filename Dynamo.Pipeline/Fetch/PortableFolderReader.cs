using System.IO.Enumeration;

namespace Dynamo.Pipeline;

/// <summary>The names of a folder by .NET's enumeration.</summary>
internal sealed class PortableFolderReader : FolderReader
{
    private readonly IEnumerator<FolderEntry> _entries;

    public PortableFolderReader(string path, FolderFilter filter)
    {
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };
        _entries = new FileSystemEnumerable<FolderEntry>(path, (ref FileSystemEntry entry) => Take(ref entry), options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => Wants(ref entry, filter),
        }.GetEnumerator();
    }

    public override bool TryRead(out FolderEntry entry)
    {
        while (_entries.MoveNext())
        {
            entry = _entries.Current;
            if (entry.Stat.Kind != DiskKind.Missing && !(entry.Stat.Kind == DiskKind.Folder && entry.IsLink)) return true;
        }
        entry = default;
        return false;
    }

    public override void Dispose() => _entries.Dispose();

    private static bool IsLink(ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) != 0;

    private static bool Wants(ref FileSystemEntry entry, FolderFilter filter) =>
        entry.IsDirectory ? !IsLink(ref entry) && filter.WantsFolder(entry.FileName) : filter.WantsFile(entry.FileName);

    private static FolderEntry Take(ref FileSystemEntry entry)
    {
        string name = entry.FileName.ToString();
        bool isText = !entry.FileName.Contains('\uFFFD') || File.Exists(entry.ToFullPath());
        if (IsLink(ref entry)) return new FolderEntry(name, isText, true, PortableDisk.Stat(new FileInfo(entry.ToFullPath())));
        if (entry.IsDirectory) return new FolderEntry(name, isText, false, new DiskStat(DiskKind.Folder, 0, entry.LastWriteTimeUtc.UtcDateTime));
        DiskKind kind = (entry.Attributes & FileAttributes.Device) != 0 ? DiskKind.Special : DiskKind.Regular;
        return new FolderEntry(name, isText, false, new DiskStat(kind, entry.Length, entry.LastWriteTimeUtc.UtcDateTime));
    }
}
