using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// The hash of a file's bytes by which the ledger tells two contents apart: XXH64 with seed 0, as the specification of xxHash describes it
/// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). It is the same on every machine, and takes 0.1 ms for a megabyte.
/// It protects from mistakes, not from somebody who seeks two contents with one hash, who could as well deliver both under two names.
/// A mutable value: pass it by reference.
/// </summary>
internal struct ContentHash
{
    private const ulong Prime1 = 0x9E3779B185EBCA87, Prime2 = 0xC2B2AE3D27D4EB4F, Prime3 = 0x165667B19E3779F9,
        Prime4 = 0x85EBCA77C2B2AE63, Prime5 = 0x27D4EB2F165667C5;

    private const int Stripe = 32;

    private ulong _a, _b, _c, _d;
    private Rest _rest;
    private int _waiting;
    private long _length;

    /// <summary>The hash of no bytes so far.</summary>
    public ContentHash() => (_a, _b, _c, _d) = (unchecked(Prime1 + Prime2), Prime2, 0, unchecked(0 - Prime1));

    /// <summary>The hash of a whole content.</summary>
    public static long Of(ReadOnlySpan<byte> content)
    {
        var hash = new ContentHash();
        hash.Append(content);
        return hash.Value;
    }

    /// <summary>Goes on with the next bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _length += bytes.Length;
        if (_waiting > 0)
        {
            int taken = Math.Min(Stripe - _waiting, bytes.Length);
            bytes[..taken].CopyTo(Waiting[_waiting..]);
            bytes = bytes[taken..];
            if ((_waiting += taken) < Stripe) return;
            Mix(Waiting);
            _waiting = 0;
        }
        for (; bytes.Length >= Stripe; bytes = bytes[Stripe..]) Mix(bytes);
        bytes.CopyTo(Waiting);
        _waiting = bytes.Length;
    }

    /// <summary>The hash of all bytes so far.</summary>
    public long Value
    {
        get
        {
            ulong hash = _length < Stripe ? Prime5 : Merged();
            hash += (ulong)_length;
            ReadOnlySpan<byte> rest = Waiting[.._waiting];
            for (; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
                hash = BitOperations.RotateLeft(hash ^ Round(0, Word(rest)), 27) * Prime1 + Prime4;
            if (rest.Length >= sizeof(uint))
            {
                hash = BitOperations.RotateLeft(hash ^ (BinaryPrimitives.ReadUInt32LittleEndian(rest) * Prime1), 23) * Prime2 + Prime3;
                rest = rest[sizeof(uint)..];
            }
            foreach (byte last in rest) hash = BitOperations.RotateLeft(hash ^ (last * Prime5), 11) * Prime1;
            hash = (hash ^ (hash >> 33)) * Prime2;
            hash = (hash ^ (hash >> 29)) * Prime3;
            return (long)(hash ^ (hash >> 32));
        }
    }

    /// <summary>The bytes that do not fill a stripe yet.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    private Span<byte> Waiting => MemoryMarshal.CreateSpan(ref _rest.First, Stripe);

    private void Mix(ReadOnlySpan<byte> stripe)
    {
        _a = Round(_a, Word(stripe));
        _b = Round(_b, Word(stripe[8..]));
        _c = Round(_c, Word(stripe[16..]));
        _d = Round(_d, Word(stripe[24..]));
    }

    private readonly ulong Merged()
    {
        ulong hash = BitOperations.RotateLeft(_a, 1) + BitOperations.RotateLeft(_b, 7) + BitOperations.RotateLeft(_c, 12)
            + BitOperations.RotateLeft(_d, 18);
        foreach (ulong lane in (ReadOnlySpan<ulong>)[_a, _b, _c, _d]) hash = (hash ^ Round(0, lane)) * Prime1 + Prime4;
        return hash;
    }

    private static ulong Round(ulong lane, ulong word) => BitOperations.RotateLeft(lane + (word * Prime2), 31) * Prime1;

    private static ulong Word(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    [System.Runtime.CompilerServices.InlineArray(Stripe)]
    private struct Rest
    {
        public byte First;
    }
}

/// <summary>Passes a stream on and takes the hash of what is read, from its first byte to its last. Not thread-safe.</summary>
/// <param name="content">The stream.</param>
/// <param name="began">Called when a first part was read: a stream that was opened need not be one that can be read.</param>
internal sealed class HashedStream(Stream content, Action? began = null) : ForwardStream
{
    private ContentHash _hash = new();
    private bool _ended;

    /// <summary>The hash of the content, or <see langword="null"/> if it was not read to its end.</summary>
    public long? Hash => _ended ? _hash.Value : null;

    public override int Read(Span<byte> buffer)
    {
        int read = content.Read(buffer);
        Take(buffer, read);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        Take(buffer.Span, read);
        return read;
    }

    private void Take(ReadOnlySpan<byte> buffer, int read)
    {
        began?.Invoke();
        began = null;
        if (read > 0) _hash.Append(buffer[..read]);
        else if (buffer.Length > 0) _ended = true;
    }
}
