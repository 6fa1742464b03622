using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>Says how a file differs from what was listed.</summary>
internal static class FolderChange
{
    /// <summary>Passes when the file is the one that was listed and all its bytes were read.</summary>
    /// <exception cref="FileChangedException">It is not.</exception>
    public static void Check(SourceFile listed, DiskStat now, long bytesRead)
    {
        if (bytesRead == listed.Size && now.Is(listed)) return;
        throw new FileChangedException(Describe(listed, now, bytesRead));
    }

    private static string Describe(SourceFile listed, DiskStat now, long bytesRead)
    {
        if (now.Kind != DiskKind.Regular) return now.Kind == DiskKind.Folder ? "is now a folder" : "is no longer a regular file";
        // The size as of now may equal the listed one again: what was read counts as well.
        long size = now.Size != listed.Size ? now.Size : bytesRead;
        if (size > listed.Size) return string.Create(CultureInfo.InvariantCulture, $"grew from {listed.Size} to {size} bytes");
        if (size < listed.Size) return string.Create(CultureInfo.InvariantCulture, $"is now shorter: {size} bytes instead of {listed.Size}");
        return $"was written again at {now.ModifiedUtc:O}";
    }
}
