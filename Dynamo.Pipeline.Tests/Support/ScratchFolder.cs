namespace Dynamo.Pipeline.Tests;

/// <summary>A fresh folder under the system's temporary one, removed with all in it.</summary>
public sealed class ScratchFolder : IDisposable
{
    public ScratchFolder(string? parent = null) =>
        Path = Directory.CreateDirectory(
            System.IO.Path.Join(parent ?? System.IO.Path.GetTempPath(), "dynamo-tests-" + Guid.NewGuid().ToString("N"))).FullName;

    public string Path { get; }

    public string this[string relative] => System.IO.Path.Join(Path, relative);

    /// <summary>All files below, with <c>/</c> between folders, sorted.</summary>
    public string[] Files() =>
    [
        .. Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Path, file).Replace('\\', '/')).Order(StringComparer.Ordinal),
    ];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
