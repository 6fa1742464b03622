namespace Dynamo.Pipeline.Host;

/// <summary>What the measured files are like: work per file is skewed, and that is what chunk sizes are about.</summary>
/// <param name="Files">How many were measured.</param>
/// <param name="Ready">How many the source offered; more than <paramref name="Files"/> when a share was measured.</param>
/// <param name="Deferred">How many it did not offer, because they are still changing or no regular files.</param>
/// <param name="Bytes">Bytes of the measured files.</param>
/// <param name="MedianBytes">Size of the file in the middle.</param>
/// <param name="P99Bytes">Size that 99 of 100 files do not exceed.</param>
/// <param name="LargestBytes">Size of the largest.</param>
/// <param name="Histogram">Number of files by size: element <c>i</c> counts those with at least 2^i and less than 2^(i+1) bytes; empty files are in element 0.</param>
internal sealed record FileFacts(int Files, int Ready, int Deferred, long Bytes, long MedianBytes, long P99Bytes, long LargestBytes, IReadOnlyList<int> Histogram)
{
    /// <summary>Looks at the sizes.</summary>
    /// <param name="files">The measured files.</param>
    /// <param name="ready">See <see cref="Ready"/>.</param>
    /// <param name="deferred">See <see cref="Deferred"/>.</param>
    /// <returns>The facts.</returns>
    public static FileFacts Of(IReadOnlyList<SourceFile> files, int ready, int deferred)
    {
        if (files.Count == 0) return new FileFacts(0, ready, deferred, 0, 0, 0, 0, []);
        long[] sizes = [.. files.Select(file => file.Size).Order()];
        int[] histogram = new int[long.Log2(Math.Max(1, sizes[^1])) + 1];
        foreach (long size in sizes) histogram[long.Log2(Math.Max(1, size))]++;
        return new FileFacts(sizes.Length, ready, deferred, sizes.Sum(), sizes[sizes.Length / 2], sizes[(sizes.Length - 1) * 99 / 100], sizes[^1], histogram);
    }
}
