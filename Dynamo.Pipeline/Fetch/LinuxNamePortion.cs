using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// Names of one folder in the order of their bytes. A folder hands its names out in no order; loggers' files sorted by name lie together by logger, and so
/// do their rows in a table whose key begins with it: a batch then touches few of its pages instead of nearly all.
/// </summary>
/// <param name="mostNames">Sorted at a time.</param>
internal sealed class LinuxNamePortion(int mostNames)
{
    /// <summary>About 2 MB of names. A longer folder comes in several sorted portions.</summary>
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

    /// <summary>The next name; it is followed by a NUL.</summary>
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

    /// <summary>Eight bytes at a time, behind what all names begin with. Behind the NUL of the shorter name nothing counts: there, at the latest, two names differ.</summary>
    private int Compare(int one, int other)
    {
        ReadOnlySpan<byte> bytes = _bytes;
        for (int at = 1 + _common; ; at += sizeof(ulong))
        {
            ulong a = BinaryPrimitives.ReadUInt64BigEndian(bytes[(one + at)..]);
            ulong b = BinaryPrimitives.ReadUInt64BigEndian(bytes[(other + at)..]);
            if (a != b) return a < b ? -1 : 1;
            // The same name, which a network's file system may hand out twice.
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
