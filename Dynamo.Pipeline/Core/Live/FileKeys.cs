using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Live;

/// <summary>
/// The keys of files (path, size, time) as 64-bit hashes, about ten bytes for each. A new file whose hash is that of one that is still at
/// the source would be left out: with a million files there, one new file in 18 trillion. The seed is drawn anew in each process, so that
/// the next one takes it, and so that nobody can prepare such files. Not thread-safe.
/// </summary>
internal sealed class FileKeys
{
    private const int Least = 64;

    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64();

    private ulong[] _slots = new ulong[Least];

    public int Count { get; private set; }

    /// <summary>The hash of a file's key; never zero.</summary>
    public static ulong Of(SourceFile file)
    {
        ReadOnlySpan<ulong> rest = [(ulong)file.Size, (ulong)file.ModifiedUtc.Ticks, s_seed];
        var hash = new ContentHash();
        hash.Append(MemoryMarshal.AsBytes(rest));
        hash.Append(MemoryMarshal.AsBytes(file.Path.AsSpan()));
        return (ulong)hash.Value is var value && value == 0 ? 1 : value;
    }

    public bool Contains(ulong key) => _slots[Find(_slots, key)] == key;

    public void Add(ulong key)
    {
        int at = Find(_slots, key);
        if (_slots[at] == key) return;
        _slots[at] = key;
        if (++Count <= _slots.Length / 8 * 7) return;
        ulong[] more = new ulong[_slots.Length / 4 * 5];
        foreach (ulong known in _slots)
            if (known != 0) more[Find(more, known)] = known;
        _slots = more;
    }

    /// <summary>The slot of a key, or the free slot where it belongs.</summary>
    private static int Find(ulong[] slots, ulong key)
    {
        int at = (int)Math.BigMul(key, (ulong)slots.Length, out _);
        while (slots[at] != 0 && slots[at] != key) at = at + 1 == slots.Length ? 0 : at + 1;
        return at;
    }
}
