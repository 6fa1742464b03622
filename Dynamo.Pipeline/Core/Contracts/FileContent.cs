using System.Buffers;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline;

/// <summary>
/// The bytes of one opened file: whole in memory (<see cref="Bytes"/>), or as a <see cref="Stream"/> when it is larger than the reader asked for.
/// Disposing it gives the buffer back or closes the stream. Not thread-safe.
/// </summary>
public sealed class FileContent : IDisposable
{
    private readonly IDisposable? _owner;
    private byte[]? _rented;

    /// <summary>Content that is whole in memory and needs no clean-up.</summary>
    /// <param name="bytes">All bytes of the file.</param>
    public FileContent(ReadOnlyMemory<byte> bytes) => Bytes = bytes;

    /// <summary>Content that is streamed. The stream must fail with <see cref="FileChangedException"/> at its end when it was not the file that was listed.</summary>
    /// <param name="stream">The file from its first byte; disposed with the content.</param>
    /// <param name="owner">What else must stay open as long as the stream, such as its archive; disposed after it. Default: nothing.</param>
    public FileContent(Stream stream, IDisposable? owner = null) =>
        (Stream, _owner) = (stream ?? throw new ArgumentNullException(nameof(stream)), owner);

    private FileContent(byte[] rented, int length)
    {
        _rented = rented;
        Bytes = rented.AsMemory(0, length);
    }

    /// <summary>The whole file, or empty when <see cref="IsStreamed"/>. Valid until the content is disposed.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>The file as a stream, or <see langword="null"/> when it is in memory.</summary>
    public Stream? Stream { get; }

    /// <summary>Whether the file comes as a <see cref="Stream"/>.</summary>
    public bool IsStreamed => Stream is not null;

    /// <summary>The content as a stream, whether it is in memory or not. Valid until the content is disposed, which also disposes a <see cref="Stream"/>.</summary>
    /// <returns>The file from its first byte, when nothing was read yet.</returns>
    public Stream AsStream() => Stream
        ?? (MemoryMarshal.TryGetArray(Bytes, out ArraySegment<byte> bytes)
            ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
            : new MemoryStream(Bytes.ToArray(), writable: false));

    /// <summary>Content in a buffer rented from <see cref="ArrayPool{T}.Shared"/>, which gets it back when the content is disposed.</summary>
    /// <param name="buffer">The rented buffer.</param>
    /// <param name="length">How many of its bytes are the file.</param>
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
