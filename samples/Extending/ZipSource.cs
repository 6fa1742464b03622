using System.IO.Compression;
using System.Runtime.CompilerServices;
using Dynamo.Pipeline;

/// <summary>A source of your own: the files of a zip archive. The archive is not changed.</summary>
internal sealed class ZipSource(string archive) : IFileSource
{
    public string Name { get; } = "zip:" + Path.GetFullPath(archive);

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using ZipArchive zip = await ZipFile.OpenReadAsync(archive, cancellationToken);
        foreach (ZipArchiveEntry entry in zip.Entries.Where(entry => entry.Length > 0))
        {
            // A zip stores local times without a zone. They are part of a file's identity: any zone will do, if it is always the same.
            yield return new SourceFile(entry.FullName, entry.Length, DateTime.SpecifyKind(entry.LastWriteTime.DateTime, DateTimeKind.Utc));
        }
    }

    public async ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
    {
        ZipArchive zip = await ZipFile.OpenReadAsync(archive, cancellationToken);
        ZipArchiveEntry entry = zip.GetEntry(file.Path) ?? throw new FileChangedException("vanished");
        return new FileContent(await entry.OpenAsync(cancellationToken), owner: zip);
    }

    public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
