using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Reads the names of a folder with <c>readdir</c>, in sorted portions, and calls <c>statx</c> for each name that is wanted.
/// Its memory is that of one portion, however long the folder.
/// </summary>
internal sealed class LinuxFolderReader : FolderReader
{
    private const int LongestName = 256;

    private readonly FileSelection _filter;
    private readonly int _descriptor;
    private readonly LinuxNamePortion _names;
    private nint _folder;
    private bool _isAtEnd;

    public LinuxFolderReader(string path, FileSelection filter, int mostNames = LinuxNamePortion.MostNames)
    {
        (_filter, _names) = (filter, new LinuxNamePortion(mostNames));
        _folder = LinuxCalls.OpenFolder(path);
        if (_folder == 0) throw LinuxErrors.ForFolder(Marshal.GetLastPInvokeError());
        _descriptor = LinuxCalls.FolderDescriptor(_folder);
    }

    /// <summary>Reads an opened folder, and closes it in the end.</summary>
    public LinuxFolderReader(int descriptor, FileSelection filter)
    {
        (_filter, _names, _descriptor) = (filter, new LinuxNamePortion(LinuxNamePortion.MostNames), descriptor);
        _folder = LinuxCalls.OpenFolder(descriptor);
        if (_folder != 0) return;
        int error = Marshal.GetLastPInvokeError();
        _ = LinuxCalls.Close(descriptor);
        throw LinuxErrors.ForFolder(error);
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
            else if (name->Type is LinuxName.FolderType or LinuxName.UnknownType)
            {
                string hidden = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(&name->FirstByte));
                if (FileNames.IsClaims(hidden)) Claims.Add(hidden);
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
        // A name that is not UTF-8 gets replacement characters. If it then matches the pattern, it is listed as deferred with a reason.
        bool isText = Utf8.ToUtf16(bytes, text, out _, out int length, replaceInvalidSequences: false) == OperationStatus.Done;
        if (!isText) length = Encoding.UTF8.GetChars(bytes, text);
        text = text[..length];
        bool wantsFile = type != LinuxName.FolderType && _filter.WantsFile(text);
        bool wantsFolder = type is LinuxName.FolderType or LinuxName.UnknownType && _filter.WantsFolder(text);
        if (!wantsFile && !wantsFolder) return false;

        FileStat stat;
        bool isLink;
        fixed (byte* start = bytes) stat = Stat(start, type, out isLink);
        if (stat.Kind == FileKind.Missing || !(stat.Kind == FileKind.Folder ? wantsFolder && !isLink : wantsFile)) return false;
        entry = new FolderEntry(new string(text), isText, isLink, stat);
        return true;
    }

    private unsafe FileStat Stat(byte* name, byte type, out bool isLink)
    {
        LinuxStat stat;
        isLink = type == LinuxName.LinkType;
        if (type == LinuxName.UnknownType)
        {
            // Some file systems do not say in the listing which names are links.
            if (LinuxCalls.Stat(_descriptor, name, LinuxCalls.AtNoFollow, LinuxCalls.WantedFields, &stat) != 0) return Failed(false);
            isLink = stat.IsLink;
            if (!isLink) return stat.ToStat();
        }
        return LinuxCalls.Stat(_descriptor, name, 0, LinuxCalls.WantedFields, &stat) == 0 ? stat.ToStat() : Failed(isLink);
    }

    private static FileStat Failed(bool isLink)
    {
        FileKind kind = LinuxErrors.KindOf(Marshal.GetLastPInvokeError());
        return new FileStat(isLink && kind == FileKind.Missing ? FileKind.BrokenLink : kind, 0, DateTime.UnixEpoch);
    }
}

/// <summary>
/// Names of one folder, sorted by their bytes. A folder gives its names in no order. Sorted by name, the files of a logger
/// come together, and so do their rows in a table whose key begins with the logger. A batch then touches few pages of the table
/// instead of nearly all.
/// </summary>
/// <param name="mostNames">The most names to sort at a time.</param>
internal sealed class LinuxNamePortion(int mostNames)
{
    /// <summary>About 2 MB of names. A folder with more names comes in several sorted portions.</summary>
    public const int MostNames = 50_000;

    private readonly List<int> _starts = [];
    private byte[] _bytes = new byte[4096];
    private int _used, _next, _common;

    public bool IsFull => _starts.Count == mostNames;

    public bool IsEmpty => _starts.Count == 0;

    public void Clear()
    {
        _starts.Clear();
        _used = _next = 0;
    }

    public void Add(byte type, ReadOnlySpan<byte> name)
    {
        int needed = _used + name.Length + 2;
        if (needed + sizeof(ulong) > _bytes.Length) Array.Resize(ref _bytes, Math.Max(needed + sizeof(ulong), _bytes.Length * 2));
        _common = _starts.Count == 0 ? name.Length : name.CommonPrefixLength(_bytes.AsSpan(1, _common));
        _starts.Add(_used);
        _bytes[_used] = type;
        name.CopyTo(_bytes.AsSpan(_used + 1));
        _bytes[needed - 1] = 0;
        _used = needed;
    }

    public void Sort() => CollectionsMarshal.AsSpan(_starts).Sort(Compare);

    /// <summary>Takes the next name. In memory, a NUL follows it.</summary>
    public bool TryTake(out byte type, out ReadOnlySpan<byte> name)
    {
        if (_next == _starts.Count)
        {
            type = 0;
            name = default;
            return false;
        }
        int start = _starts[_next++];
        type = _bytes[start];
        name = Name(start);
        return true;
    }

    /// <summary>
    /// Compares eight bytes at a time, after the prefix that all names share. Two names differ at the NUL of the shorter one
    /// at the latest, so the bytes after it do not matter.
    /// </summary>
    private int Compare(int one, int other)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        for (int at = 1 + _common; ; at += sizeof(ulong))
        {
            ulong a = BinaryPrimitives.ReadUInt64BigEndian(bytes[(one + at)..]);
            ulong b = BinaryPrimitives.ReadUInt64BigEndian(bytes[(other + at)..]);
            if (a != b) return a < b ? -1 : 1;
            // The same name: a network file system can list a name twice.
            if (HasNul(a)) return 0;
        }
    }

    private static bool HasNul(ulong bytes) => ((bytes - 0x0101010101010101) & ~bytes & 0x8080808080808080) != 0;

    private ReadOnlySpan<byte> Name(int start)
    {
        ReadOnlySpan<byte> rest = _bytes.AsSpan(start + 1);
        return rest[..rest.IndexOf((byte)0)];
    }
}
