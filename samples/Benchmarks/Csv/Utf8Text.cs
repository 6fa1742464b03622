using System.Buffers;
using System.Text.Unicode;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// UTF-8 for engines that want UTF-16: converted straight into the engine's own buffer, in one pass. Cheaper than a
/// <see cref="StreamReader"/>, which has two buffers of its own, so that it is the engine that is measured.
/// </summary>
internal sealed class Utf8Text : TextReader
{
    private const int BufferBytes = 1 << 16;

    private readonly Stream? _stream;
    private readonly byte[] _bytes;
    private int _at;
    private int _end;

    /// <summary>A file that is in memory.</summary>
    public Utf8Text(byte[] utf8) => (_bytes, _end) = (utf8, utf8.Length);

    /// <summary>A stream; it is not disposed of.</summary>
    public Utf8Text(Stream utf8) => (_stream, _bytes) = (utf8, new byte[BufferBytes]);

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int ReadBlock(Span<char> buffer) => Read(buffer);

    public override int Read(Span<char> buffer)
    {
        while (true)
        {
            Span<byte> utf8 = _bytes.AsSpan(_at, _end - _at);
            OperationStatus status =
                Utf8.ToUtf16(utf8, buffer, out int read, out int written, replaceInvalidSequences: false, isFinalBlock: false);
            _at += read;
            if (status == OperationStatus.InvalidData) throw new InvalidDataException("This is not UTF-8.");
            if (written > 0 || buffer.IsEmpty) return written;
            if (_stream is null || Fill() == 0)
                return _at == _end ? 0 : throw new InvalidDataException("This ends in the middle of a character.");
        }
    }

    public override int Read()
    {
        Span<char> one = stackalloc char[1];
        return Read(one) == 0 ? -1 : one[0];
    }

    public override int Peek() => throw new NotSupportedException();

    private int Fill()
    {
        _bytes.AsSpan(_at, _end - _at).CopyTo(_bytes);
        (_at, _end) = (0, _end - _at);
        int read = _stream!.Read(_bytes, _end, _bytes.Length - _end);
        _end += read;
        return read;
    }
}
