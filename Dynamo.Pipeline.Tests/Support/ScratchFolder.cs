using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>A fresh folder under the system's temporary one, removed with all in it.</summary>
public sealed partial class ScratchFolder : IDisposable
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

    /// <summary>
    /// The files of an archive by day, by their paths below the folder of their day, sorted. One that is in no such folder has two slashes
    /// in front of its path.
    /// </summary>
    public static string[] Archived(string archive) =>
        Directory.Exists(archive) ? [.. Places(archive).Select(file => file.Below).Order(StringComparer.Ordinal)] : [];

    /// <summary>Where a file of an archive by day is.</summary>
    public static string Archived(string archive, string below) =>
        Places(archive).Where(file => file.Below == below).Select(file => file.Path).FirstOrDefault("/there is none");

    private static IEnumerable<(string Path, string Below)> Places(string archive) =>
        from path in Directory.EnumerateFiles(
            archive, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
        let relative = System.IO.Path.GetRelativePath(archive, path).Replace(System.IO.Path.DirectorySeparatorChar, '/')
        select (path, Day().Replace("//" + relative, ""));

    [GeneratedRegex(@"^//20\d\d/[01]\d/[0-3]\d/")]
    private static partial Regex Day();

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
