using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Tests;

/// <summary>A source of one's own, for docs/extending.md: the files of a zip archive, which stays as it is.</summary>
internal sealed class ZipSource(string archive) : IFileSource
{
    public string Name { get; } = "zip:" + Path.GetFullPath(archive);

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using ZipArchive zip = Open();
        foreach (ZipArchiveEntry entry in zip.Entries.Where(entry => entry.Name.EndsWith(".csv", StringComparison.OrdinalIgnoreCase)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // A zip stores local time without its zone: as identity any reading of it will do, as long as it is always the same.
            yield return new SourceFile(entry.FullName, entry.Length, DateTime.SpecifyKind(entry.LastWriteTime.DateTime, DateTimeKind.Utc));
        }
        await Task.CompletedTask;
    }

    public async ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
    {
        using ZipArchive zip = Open();
        ZipArchiveEntry entry = zip.GetEntry(file.Path) ?? throw new FileChangedException("vanished");
        if (entry.Length != file.Size) throw new FileChangedException($"its size was {file.Size} bytes and is {entry.Length}");
        Stream copy = file.Size <= wholeUpTo
            ? new MemoryStream((int)file.Size)
            : new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 4096, FileOptions.DeleteOnClose);
        await using (Stream packed = entry.Open())
            await packed.CopyToAsync(copy, cancellationToken);
        copy.Position = 0;
        return copy is MemoryStream memory ? new FileContent(memory.GetBuffer().AsMemory(0, (int)memory.Length)) : new FileContent(copy);
    }

    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private ZipArchive Open()
    {
        try
        {
            return ZipFile.OpenRead(archive);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new SourceException($"The archive {archive} cannot be read: {error.Message}", error);
        }
    }
}
