using System.Buffers;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// The content of one opened file: as a whole in memory (<see cref="Bytes"/>), or as a <see cref="Stream"/> if the file is larger than the
/// reader wants in memory. Disposing it returns the buffer or closes the stream. Not thread-safe.
/// </summary>
public sealed class FileContent : IDisposable
{
    private readonly IDisposable? _owner;
    private byte[]? _rented;

    /// <summary>Creates content that is in memory and needs no clean-up.</summary>
    /// <param name="bytes">All bytes of the file.</param>
    public FileContent(ReadOnlyMemory<byte> bytes) => Bytes = bytes;

    /// <summary>
    /// Creates content that is streamed. If it is not the file that was listed, the stream must fail with
    /// <see cref="FileChangedException"/>, at its end at the latest.
    /// </summary>
    /// <param name="stream">The file from its first byte. It is disposed together with the content.</param>
    /// <param name="owner">
    /// An object that must stay open as long as the stream, such as its archive. It is disposed after the stream. Default: none.
    /// </param>
    /// <exception cref="ArgumentNullException">There is no stream.</exception>
    public FileContent(Stream stream, IDisposable? owner = null) =>
        (Stream, _owner) = (stream ?? throw new ArgumentNullException(nameof(stream)), owner);

    private FileContent(byte[] rented, int length)
    {
        _rented = rented;
        Bytes = rented.AsMemory(0, length);
    }

    /// <summary>All bytes of the file; empty if <see cref="IsStreamed"/>. Valid until the content is disposed.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>The file as a stream, or <see langword="null"/> if it is in memory.</summary>
    public Stream? Stream { get; }

    /// <summary>Whether the file is a <see cref="Stream"/>.</summary>
    public bool IsStreamed => Stream is not null;

    /// <summary>
    /// The content as a stream, also if it is in memory. Valid until the content is disposed. You need not dispose the stream.
    /// </summary>
    /// <returns>The file from its first byte, if nothing has been read of it yet.</returns>
    public Stream AsStream() => Stream
        ?? (MemoryMarshal.TryGetArray(Bytes, out ArraySegment<byte> bytes)
            ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
            : new MemoryStream(Bytes.ToArray(), writable: false));

    /// <summary>
    /// Creates content in a buffer from <see cref="ArrayPool{T}.Shared"/>. The buffer goes back to the pool when the content is disposed.
    /// </summary>
    /// <param name="buffer">The rented buffer.</param>
    /// <param name="length">How many bytes of the buffer are the file.</param>
    /// <returns>The content.</returns>
    public static FileContent Rented(byte[] buffer, int length) => new(buffer, length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Bytes = default;
        Stream?.Dispose();
        _owner?.Dispose();
        if (Interlocked.Exchange(ref _rented, null) is { } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
