using System.Buffers.Binary;
using System.IO.Compression;

namespace Dynamo.Pipeline.Unpack;

/// <summary>
/// The texts in a <c>.zip</c>: its entries in their order. An archive's directory is at its end, so a small archive is held in memory,
/// and a large one that comes as a stream in a temporary file without a name. No entry's name ever becomes a path of this machine.
/// </summary>
internal sealed class ZipTexts(SourceFile file, long limit, FilePattern? entries) : IPackedTexts
{
    private const int LargestInMemory = 1 << 20;
    private const int LargestDirectory = 16 << 20;

    private readonly Allowance _allowance = new(file, limit);
    private readonly string _name = file.Path[(file.Path.LastIndexOf('/') + 1)..];
    private Stream? _content;
    private ZipArchive? _archive;
    private Queue<(string Name, ZipArchiveEntry Entry)>? _open;

    public async ValueTask<PackedText?> NextAsync(FileContent content, CancellationToken cancellationToken)
    {
        if (_open is null)
        {
            _content = content.IsStreamed
                ? await SeekableAsync(content.Stream!, cancellationToken).ConfigureAwait(false)
                : content.AsStream();
            _open = Open(_content);
        }
        if (!_open.TryDequeue(out (string Name, ZipArchiveEntry Entry) next)) return null;
        string shown = Defect.Shown($"{_name}!{next.Name}");
        SourceFile inside = file with { Path = $"{file.Path}/{next.Name}", Size = next.Entry.Length, Delivered = file.Path };
        return new PackedText(inside, shown, Open(next.Name, next.Entry, shown));
    }

    public void Dispose()
    {
        _archive?.Dispose();
        _content?.Dispose();
    }

    private Queue<(string, ZipArchiveEntry)> Open(Stream content)
    {
        try
        {
            RefuseLongDirectory(content);
            _archive = new ZipArchive(content, ZipArchiveMode.Read, leaveOpen: true);
            return Chosen(_archive.Entries);
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException or OverflowException)
        {
            throw new BadFileException(Unreadable(content), error);
        }
    }

    private static Defect Unreadable(Stream content)
    {
        byte[] head = new byte[4];
        content.Position = 0;
        int length = content.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return head.AsSpan(0, length) is [(byte)'P', (byte)'K', 3, 4] or [(byte)'P', (byte)'K', 5, 6]
            ? new Defect("the zip file is cut off or damaged: its directory of entries is not at its end")
            {
                Expected = "a whole zip file",
                Remedy = "Have it sent again",
            }
            : PackedDefects.NotPacked("zip", head.AsSpan(0, length));
    }

    /// <summary>The entries to read. Folders, hidden files and what macOS adds are no texts.</summary>
    private Queue<(string Name, ZipArchiveEntry Entry)> Chosen(IReadOnlyList<ZipArchiveEntry> all)
    {
        var chosen = new Queue<(string, ZipArchiveEntry)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in all)
        {
            string name = entry.FullName.Replace('\\', '/');
            string[] parts = name.Split('/');
            if (parts.Contains("..") || parts[0].Length == 0 || parts[0].Contains(':'))
                throw Bad("an entry's name leads out of the archive", name, "names below the archive's root");
            if (parts[^1].Length == 0 || parts.Any(part => part.StartsWith('.') || part == "__MACOSX")) continue;
            if (entries is not null && !entries.Matches(name)) continue;
            if (!names.Add(name)) throw Bad("two entries of the archive have one name", name, "each entry once");
            chosen.Enqueue((name, entry));
        }
        return chosen.Count > 0
            ? chosen
            : throw Bad("no entry of the archive is a file to read",
                string.Join(", ", all.Take(5).Select(entry => entry.FullName)), entries is null ? "a file" : $"a name like {entries}");
    }

    private static BadFileException Bad(string problem, string found, string expected) => new(new Defect(problem)
    {
        Found = found,
        Expected = expected,
        Remedy = $"Is it the right archive? Have it packed again, or set {OptionName.Named("PipelineOptions.Entries")}",
    });

    private ZipEntryStream Open(string name, ZipArchiveEntry entry, string shown)
    {
        if (PackedDefects.Nested(name, []) is { } nested) throw new BadFileException(nested.Of(shown));
        if (entry.IsEncrypted)
            throw new BadFileException(new Defect("the entry is encrypted")
            {
                Expected = "an archive without a password",
                Remedy = "Have it sent without a password: on its way, SFTP keeps it secret",
            }.Of(shown));
        try
        {
            return new ZipEntryStream(entry, _allowance);
        }
        catch (InvalidDataException error)
        {
            throw new BadFileException(PackedDefects.Broken("zip", error.Message.TrimEnd('.')).Of(shown), error);
        }
    }

    /// <summary>Refuses a directory that would need much memory, before it is read. Where it is is said at the archive's end.</summary>
    private static void RefuseLongDirectory(Stream content)
    {
        const int EndLength = 22, LongestComment = 1 << 16;
        byte[] end = new byte[(int)Math.Min(content.Length, EndLength + LongestComment)];
        content.Position = content.Length - end.Length;
        content.ReadExactly(end);
        content.Position = 0;
        int at = end.AsSpan().LastIndexOf("PK\x05\x06"u8);
        if (at < 0 || at + EndLength > end.Length) return;
        long length = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(at + 12));
        // In a large archive the length is in a record of its own, 56 bytes long, before a locator of 20 bytes.
        if (length == uint.MaxValue)
        {
            int large = end.AsSpan(0, at).LastIndexOf("PK\x06\x06"u8);
            length = large < 0 || large + 48 > at ? long.MaxValue : BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(large + 40));
        }
        if (length is >= 0 and <= LargestDirectory) return;
        throw new BadFileException(new Defect("the archive has too many entries")
        {
            Found = $"a directory of {length} bytes",
            Expected = $"at most {LargestDirectory} bytes, about 150,000 entries",
            Remedy = "Pack them into several archives",
        });
    }

    /// <summary>
    /// The content as a stream that can be read in any order. It is read to its end, where the source says if it changed.
    /// </summary>
    private async ValueTask<Stream> SeekableAsync(Stream content, CancellationToken cancellationToken)
    {
        Stream held = file.Size <= LargestInMemory ? new MemoryStream((int)file.Size) : TemporaryFile();
        try
        {
            byte[] piece = new byte[1 << 16];
            while (await content.ReadAsync(piece, cancellationToken).ConfigureAwait(false) is var read and > 0)
                Write(held, piece.AsSpan(0, read));
            held.Position = 0;
            return held;
        }
        catch
        {
            await held.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private void Write(Stream held, ReadOnlySpan<byte> piece)
    {
        try
        {
            held.Write(piece);
        }
        catch (IOException error)
        {
            throw NoRoom(error);
        }
    }

    /// <summary>A new file for this user alone that has lost its name already, where the system allows it.</summary>
    private FileStream TemporaryFile()
    {
        string path = Path.Join(Path.GetTempPath(), $"dynamo-{Path.GetRandomFileName()}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = OperatingSystem.IsWindows() ? FileShare.None : FileShare.Delete,
            Options = FileOptions.DeleteOnClose,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            var temporary = new FileStream(path, options);
            if (!OperatingSystem.IsWindows()) File.Delete(path);
            return temporary;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NoRoom(error);
        }
    }

    private PipelineException NoRoom(Exception error) =>
        new($"The archive {file.Path} needs {file.Size} bytes in {Path.GetTempPath()} while it is read, which failed: {error.Message} "
            + "Make room there, or set TMPDIR to another folder.", error);
}

/// <summary>Unpacks an entry of a zip, and checks its length and check sum, which the runtime does not. Not thread-safe.</summary>
internal sealed class ZipEntryStream(ZipArchiveEntry entry, Allowance allowance) : UnpackedStream(allowance)
{
    private readonly Stream _data = entry.Open();

    public override int Read(Span<byte> buffer)
    {
        if (buffer.Length == 0) return 0;
        int read;
        try
        {
            read = _data.Read(buffer);
        }
        catch (InvalidDataException)
        {
            throw new BadFileException(PackedDefects.Broken("zip", "the entry's data cannot be decompressed"));
        }
        if (read == 0 && (Count != entry.Length || Sum != entry.Crc32))
            throw new BadFileException(PackedDefects.Broken("zip", "the entry is not as long as it was, or has another check sum"));
        if (Count == 0 && PackedDefects.Nested("", buffer[..read]) is { } nested) throw new BadFileException(nested);
        Take(buffer[..read]);
        return read;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _data.Dispose();
        base.Dispose(disposing);
    }
}
