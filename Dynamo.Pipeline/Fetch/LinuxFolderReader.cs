using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Dynamo.Pipeline;

/// <summary>The names of a folder by <c>readdir</c>, in sorted portions, each wanted one with a <c>statx</c>: the memory of one portion, however long the folder.</summary>
internal sealed class LinuxFolderReader : FolderReader
{
    private const int LongestName = 256;

    private readonly FolderFilter _filter;
    private readonly int _descriptor;
    private readonly LinuxNamePortion _names;
    private nint _folder;
    private bool _isAtEnd;

    public LinuxFolderReader(string path, FolderFilter filter, int mostNames = LinuxNamePortion.MostNames)
    {
        (_filter, _names) = (filter, new LinuxNamePortion(mostNames));
        _folder = LinuxCalls.OpenFolder(path);
        if (_folder == 0) throw LinuxErrors.ForFolder(Marshal.GetLastPInvokeError());
        _descriptor = LinuxCalls.FolderDescriptor(_folder);
    }

    public override bool TryRead(out FolderEntry entry)
    {
        do
        {
            while (_names.TryTake(out byte type, out ReadOnlySpan<byte> name))
            {
                if (TryTake(type, name, out entry)) return true;
            }
        }
        while (TryReadPortion());
        entry = default;
        return false;
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _folder, 0) is var folder && folder != 0) _ = LinuxCalls.CloseFolder(folder);
    }

    private unsafe bool TryReadPortion()
    {
        _names.Clear();
        while (!_isAtEnd && !_names.IsFull)
        {
            LinuxName* name = LinuxCalls.ReadFolder(_folder);
            if (name is null)
            {
                if (Marshal.GetLastPInvokeError() is var error and not 0) throw LinuxErrors.ForFolder(error);
                _isAtEnd = true;
            }
            else if (name->FirstByte != '.')
            {
                _names.Add(name->Type, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(&name->FirstByte));
            }
        }
        _names.Sort();
        return !_names.IsEmpty;
    }

    [SkipLocalsInit]
    private unsafe bool TryTake(byte type, ReadOnlySpan<byte> bytes, out FolderEntry entry)
    {
        entry = default;
        Span<char> text = stackalloc char[LongestName];
        // Replaced, not refused: a name that is not UTF-8 is to be listed, with a reason, when its readable part matches.
        bool isText = Utf8.ToUtf16(bytes, text, out _, out int length, replaceInvalidSequences: false) == OperationStatus.Done;
        if (!isText) length = Encoding.UTF8.GetChars(bytes, text);
        text = text[..length];
        bool wantsFile = type != LinuxName.FolderType && _filter.WantsFile(text);
        bool wantsFolder = type is LinuxName.FolderType or LinuxName.UnknownType && _filter.WantsFolder(text);
        if (!wantsFile && !wantsFolder) return false;

        DiskStat stat;
        bool isLink;
        fixed (byte* start = bytes) stat = Stat(start, type, out isLink);
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
