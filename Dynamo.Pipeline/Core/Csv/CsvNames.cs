using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Dynamo.Pipeline;

/// <summary>
/// The names of loggers and channels. Each is kept as one string as long as the format lives, so looking up a known name
/// allocates nothing. Thread-safe.
/// </summary>
/// <remarks>
/// Reads take no lock: an entry never changes once it is linked, and a larger table is published as a whole. Writes take the lock.
/// The size is limited, because the names come from files that anybody may write: if the table or a bucket is full,
/// each further name is a new string every time.
/// </remarks>
internal sealed class CsvNames
{
    /// <summary>The longest allowed name, in bytes of UTF-8: 400.</summary>
    public const int LongestName = 400;

    private const int MostNames = 100_000;
    private const int MostInBucket = 16;

    private readonly Lock _writing = new();
    private readonly ulong _seed;
    private volatile Entry?[] _buckets = new Entry?[256];
    private int _count;

    internal CsvNames() : this((ulong)Random.Shared.NextInt64()) { }

    internal CsvNames(ulong seed) => _seed = seed | 1;

    /// <summary>Gets the one string for a name.</summary>
    /// <param name="utf8">The name in UTF-8.</param>
    /// <param name="problem">Why it is not a valid name, such as "is empty", if the result is <see langword="null"/>.</param>
    /// <returns>The name, or <see langword="null"/> if it is not valid.</returns>
    public string? Intern(ReadOnlySpan<byte> utf8, out string? problem)
    {
        problem = null;
        if (utf8.IsEmpty || utf8.Length > LongestName)
        {
            problem = utf8.IsEmpty ? "is empty" : "is too long";
            return null;
        }
        ulong hash = Hash(utf8);
        return Find(_buckets, hash, utf8)?.Text ?? Add(hash, utf8, out problem);
    }

    /// <summary>Gets the one string for a name.</summary>
    /// <param name="name">The name as text.</param>
    /// <param name="problem">Why it is not a valid name, such as "is empty", if the result is <see langword="null"/>.</param>
    /// <returns>The name, or <see langword="null"/> if it is not valid.</returns>
    public string? Intern(ReadOnlySpan<char> name, out string? problem)
    {
        // One UTF-16 unit needs three bytes at most. So a name that does not fit here is too long in any case.
        Span<byte> utf8 = stackalloc byte[LongestName + 3];
        bool fits = Encoding.UTF8.TryGetBytes(name, utf8, out int length);
        return Intern(fits ? utf8[..length] : utf8, out problem);
    }

    private string? Add(ulong hash, ReadOnlySpan<byte> utf8, out string? problem)
    {
        string? text = Decode(utf8, out problem);
        if (text is null) return null;
        lock (_writing)
        {
            Entry? known = Find(_buckets, hash, utf8);
            if (known is not null) return known.Text;
            if (_count >= MostNames) return text;
            if (_count >= _buckets.Length) Grow();
            return Link(_buckets, new Entry(hash, utf8.ToArray(), text)) ? Counted(text) : text;
        }
    }

    private string Counted(string text)
    {
        _count++;
        return text;
    }

    private void Grow()
    {
        var larger = new Entry?[_buckets.Length * 4];
        foreach (Entry? bucket in _buckets)
        {
            for (Entry? entry = bucket; entry is not null; entry = entry.Next)
                Link(larger, new Entry(entry.Hash, entry.Utf8, entry.Text));
        }
        _buckets = larger;
    }

    private static bool Link(Entry?[] buckets, Entry entry)
    {
        ref Entry? bucket = ref buckets[Index(buckets, entry.Hash)];
        int depth = 0;
        for (Entry? other = bucket; other is not null; other = other.Next)
            depth++;
        if (depth >= MostInBucket) return false;
        entry.Next = bucket;
        Volatile.Write(ref bucket, entry);
        return true;
    }

    private static Entry? Find(Entry?[] buckets, ulong hash, ReadOnlySpan<byte> utf8)
    {
        Entry? entry = Volatile.Read(ref buckets[Index(buckets, hash)]);
        while (entry is not null && !(entry.Hash == hash && utf8.SequenceEqual(entry.Utf8)))
            entry = entry.Next;
        return entry;
    }

    // The length of the table is a power of two.
    private static int Index(Entry?[] buckets, ulong hash) => (int)(hash >> 32) & (buckets.Length - 1);

    /// <summary>Hashes eight bytes at a time. Each table has its own seed, so that nobody can write a file whose names collide.</summary>
    private ulong Hash(ReadOnlySpan<byte> utf8)
    {
        ulong hash = _seed + (ulong)utf8.Length;
        while (utf8.Length >= 8)
        {
            hash = Mix(hash ^ MemoryMarshal.Read<ulong>(utf8));
            utf8 = utf8[8..];
        }
        ulong rest = 0;
        for (int i = 0; i < utf8.Length; i++)
            rest = (rest << 8) | utf8[i];
        // Twice: of names that differ in a few digits only, one multiplication leaves some seeds with many in one bucket.
        return Mix(Mix(hash ^ rest) ^ 0xA0761D6478BD642F);
    }

    private ulong Mix(ulong value)
    {
        ulong high = Math.BigMul(value, 0x9E3779B97F4A7C15 ^ (_seed << 1), out ulong low);
        return high ^ low;
    }

    private static string? Decode(ReadOnlySpan<byte> utf8, out string? problem)
    {
        problem = null;
        if (!Utf8.IsValid(utf8))
        {
            problem = "is not valid UTF-8";
            return null;
        }
        string text = Encoding.UTF8.GetString(utf8);
        if (text.Any(char.IsControl)) problem = "holds a control character";
        return problem is null ? text : null;
    }

    private sealed class Entry(ulong hash, byte[] utf8, string text)
    {
        public readonly ulong Hash = hash;
        public readonly byte[] Utf8 = utf8;
        public readonly string Text = text;
        public Entry? Next;
    }
}
