using System.Globalization;

namespace Dynamo.Pipeline.Files;

/// <summary>The kind of file at a path, after following links unless it says otherwise.</summary>
internal enum FileKind
{
    Missing,
    Regular,
    Folder,

    /// <summary>A FIFO, socket or device. Opening it may block or have side effects.</summary>
    Special,
    BrokenLink,
    LinkLoop,

    /// <summary>A symbolic link, where links are not followed.</summary>
    Link,

    /// <summary>The path exists, but this user has no permission to learn more.</summary>
    Unknown,
}

/// <summary>The kind, size and time of the file at a path. Size and time, together with the path, identify a regular file.</summary>
internal readonly record struct FileStat(FileKind Kind, long Size, DateTime ModifiedUtc)
{
    /// <summary>Whether it is the file that was listed.</summary>
    public bool Is(SourceFile file) => Kind == FileKind.Regular && Size == file.Size && ModifiedUtc == file.ModifiedUtc;
}

/// <summary>Describes how a file differs from the one that was listed.</summary>
internal static class FileChange
{
    /// <summary>Returns if the file is the one that was listed and all its bytes were read; otherwise throws.</summary>
    /// <exception cref="FileChangedException">It is another file, or not all bytes were read.</exception>
    public static void Check(SourceFile listed, FileStat now, long bytesRead)
    {
        if (bytesRead == listed.Size && now.Is(listed)) return;
        throw new FileChangedException(Describe(listed, now, bytesRead));
    }

    private static string Describe(SourceFile listed, FileStat now, long bytesRead)
    {
        if (now.Kind != FileKind.Regular) return now.Kind == FileKind.Folder ? "is now a folder" : "is no longer a regular file";
        // The size can be the listed one again by now. Then the number of bytes that were read tells the difference.
        long size = now.Size != listed.Size ? now.Size : bytesRead;
        if (size > listed.Size) return string.Create(CultureInfo.InvariantCulture, $"grew from {listed.Size} to {size} bytes");
        if (size < listed.Size)
            return string.Create(CultureInfo.InvariantCulture, $"is now shorter: {size} bytes instead of {listed.Size}");
        return $"was written again at {now.ModifiedUtc:O}";
    }
}
