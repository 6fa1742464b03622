using System.Buffers;
using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Unpack;

/// <summary>Reads the rows of all texts in a compressed file, one text after the other. Used by one thread at a time.</summary>
internal sealed class UnpackingReader<TRow>(IFileFormat<TRow> format, FileContent packed, IPackedTexts texts, long wholeUpTo)
    : IRowReader<TRow>
{
    private const int FirstBuffer = 16 << 10;

    private PackedText? _text;
    private FileContent? _content;
    private IRowReader<TRow>? _reader;
    private long _inMemory;

    /// <summary>
    /// Whether the file is in memory and unpacks to more than may be held there. What was read so far is of no use: stream the file.
    /// </summary>
    public bool IsTooLarge { get; private set; }

    public async ValueTask<bool> ReadAsync(RowBatch<TRow> rows, int limit, CancellationToken cancellationToken)
    {
        while (rows.Count < limit)
        {
            if (_reader is null && !await OpenAsync(cancellationToken).ConfigureAwait(false)) return false;
            rows.Entry = _text!.Entry;
            try
            {
                if (await _reader!.ReadAsync(rows, limit, cancellationToken).ConfigureAwait(false)) return true;
            }
            catch (BadFileException error) when (_text.Entry is { } entry)
            {
                throw new BadFileException(error.Defect.Of(entry), error);
            }
            finally
            {
                rows.Entry = null;
            }
            Close();
        }
        return true;
    }

    public void Dispose()
    {
        Close();
        texts.Dispose();
    }

    private async ValueTask<bool> OpenAsync(CancellationToken cancellationToken)
    {
        _text = await texts.NextAsync(packed, cancellationToken).ConfigureAwait(false);
        if (_text is null) return false;
        try
        {
            _content = packed.IsStreamed
                ? new FileContent(_text.Text)
                : await InMemoryAsync(_text.Text, cancellationToken).ConfigureAwait(false);
            if (_content is null) return false;
            _reader = format.Open(_text.File, _content);
        }
        catch (BadFileException error) when (_text.Entry is { } entry)
        {
            throw new BadFileException(error.Defect.Of(entry), error);
        }
        return true;
    }

    /// <summary>Unpacks a text into memory; <see langword="null"/>: it is too large for that.</summary>
    private async ValueTask<FileContent?> InMemoryAsync(Stream text, CancellationToken cancellationToken)
    {
        await using ConfiguredAsyncDisposable closing = text.ConfigureAwait(false);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            int length = 0;
            while (await text.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false) is var read and > 0)
            {
                length += read;
                if ((_inMemory += read) > wholeUpTo)
                {
                    IsTooLarge = true;
                    return null;
                }
                if (length == buffer.Length) buffer = Longer(buffer);
            }
            var content = FileContent.Rented(buffer, length);
            buffer = [];
            return content;
        }
        finally
        {
            if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Longer(byte[] buffer)
    {
        byte[] longer = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.CopyTo(longer, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return longer;
    }

    private void Close()
    {
        _reader?.Dispose();
        _content?.Dispose();
        (_reader, _content) = (null, null);
    }
}
