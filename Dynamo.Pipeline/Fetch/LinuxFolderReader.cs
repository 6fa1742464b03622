using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Dynamo.Pipeline;

/// <summary>The names of a folder by <c>readdir</c>, each wanted one with a <c>statx</c>: the memory of one portion, however long the folder.</summary>
internal sealed class LinuxFolderReader : FolderReader
{
    private const int LongestName = 256;

    private readonly FolderFilter _filter;
    private readonly int _descriptor;
    private nint _folder;

    public LinuxFolderReader(string path, FolderFilter filter)
    {
        _filter = filter;
        _folder = LinuxCalls.OpenFolder(path);
        if (_folder == 0) throw LinuxErrors.ForFolder(Marshal.GetLastPInvokeError());
        _descriptor = LinuxCalls.FolderDescriptor(_folder);
    }

    public override unsafe bool TryRead(out FolderEntry entry)
    {
        LinuxName* name;
        while ((name = LinuxCalls.ReadFolder(_folder)) is not null)
        {
            if (TryTake(name, out entry)) return true;
        }
        entry = default;
        return Marshal.GetLastPInvokeError() is var error && error == 0 ? false : throw LinuxErrors.ForFolder(error);
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _folder, 0) is var folder && folder != 0) _ = LinuxCalls.CloseFolder(folder);
    }

    [SkipLocalsInit]
    private unsafe bool TryTake(LinuxName* name, out FolderEntry entry)
    {
        entry = default;
        byte* start = &name->FirstByte;
        ReadOnlySpan<byte> bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(start);
        if (bytes[0] == '.') return false;
        Span<char> text = stackalloc char[LongestName];
        // Replaced, not refused: a name that is not UTF-8 is to be listed, with a reason, when its readable part matches.
        bool isText = Utf8.ToUtf16(bytes, text, out _, out int length, replaceInvalidSequences: false) == OperationStatus.Done;
        if (!isText) length = Encoding.UTF8.GetChars(bytes, text);
        text = text[..length];
        bool wantsFile = name->Type != LinuxName.FolderType && _filter.WantsFile(text);
        bool wantsFolder = name->Type is LinuxName.FolderType or LinuxName.UnknownType && _filter.WantsFolder(text);
        if (!wantsFile && !wantsFolder) return false;

        DiskStat stat = Stat(start, name->Type, out bool isLink);
        if (stat.Kind == DiskKind.Missing || !(stat.Kind == DiskKind.Folder ? wantsFolder && !isLink : wantsFile)) return false;
        entry = new FolderEntry(new string(text), isText, isLink, stat);
        return true;
    }

    private unsafe DiskStat Stat(byte* name, byte type, out bool isLink)
    {
        LinuxStat stat;
        isLink = type == LinuxName.LinkType;
        if (type == LinuxName.UnknownType)
        {
            // Some file systems do not say in the listing what is a link.
            if (LinuxCalls.Stat(_descriptor, name, LinuxCalls.AtNoFollow, LinuxCalls.WantedFields, &stat) != 0) return Failed(false);
            isLink = stat.IsLink;
            if (!isLink) return stat.ToStat();
        }
        return LinuxCalls.Stat(_descriptor, name, 0, LinuxCalls.WantedFields, &stat) == 0 ? stat.ToStat() : Failed(isLink);
    }

    private static DiskStat Failed(bool isLink)
    {
        DiskKind kind = LinuxErrors.KindOf(Marshal.GetLastPInvokeError());
        return new DiskStat(isLink && kind == DiskKind.Missing ? DiskKind.BrokenLink : kind, 0, DateTime.UnixEpoch);
    }
}
