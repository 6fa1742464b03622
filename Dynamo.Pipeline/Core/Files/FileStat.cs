using System.Globalization;

namespace Dynamo.Pipeline.Files;

/// <summary>What a path leads to, links followed.</summary>
internal enum FileKind
{
    Missing,
    Regular,
    Folder,

    /// <summary>A FIFO, socket or device: opening it may block or do things.</summary>
    Special,
    BrokenLink,
    LinkLoop,

    /// <summary>It is there, and more is not to be known: no permission.</summary>
    Unknown,
}

/// <summary>What a path leads to; size and time of a regular file are half of its identity.</summary>
internal readonly record struct FileStat(FileKind Kind, long Size, DateTime ModifiedUtc)
{
    /// <summary>Whether it is the file that was listed.</summary>
    public bool Is(SourceFile file) => Kind == FileKind.Regular && Size == file.Size && ModifiedUtc == file.ModifiedUtc;
}

/// <summary>Says how a file differs from what was listed.</summary>
internal static class FileChange
{
    /// <summary>Passes when the file is the one that was listed and all its bytes were read.</summary>
    /// <exception cref="FileChangedException">It is not.</exception>
    public static void Check(SourceFile listed, FileStat now, long bytesRead)
    {
        if (bytesRead == listed.Size && now.Is(listed)) return;
        throw new FileChangedException(Describe(listed, now, bytesRead));
    }

    private static string Describe(SourceFile listed, FileStat now, long bytesRead)
    {
        if (now.Kind != FileKind.Regular) return now.Kind == FileKind.Folder ? "is now a folder" : "is no longer a regular file";
        // The size as of now may equal the listed one again: what was read counts as well.
        long size = now.Size != listed.Size ? now.Size : bytesRead;
        if (size > listed.Size) return string.Create(CultureInfo.InvariantCulture, $"grew from {listed.Size} to {size} bytes");
        if (size < listed.Size) return string.Create(CultureInfo.InvariantCulture, $"is now shorter: {size} bytes instead of {listed.Size}");
        return $"was written again at {now.ModifiedUtc:O}";
    }
}
