namespace Dynamo.Pipeline.Host;

/// <summary>What the measured files are like. Chunk sizes matter because some files are much larger than others.</summary>
/// <param name="Files">How many were measured.</param>
/// <param name="Ready">How many the source offered; more than <paramref name="Files"/> when a share was measured.</param>
/// <param name="Deferred">How many it did not offer, because they are still changing or are no regular files.</param>
/// <param name="Bytes">Bytes of the measured files.</param>
/// <param name="MedianBytes">The median size.</param>
/// <param name="P99Bytes">The size that 99 of 100 files do not exceed.</param>
/// <param name="LargestBytes">The largest size.</param>
/// <param name="Histogram">
/// Number of files by size: element <c>i</c> counts those with at least 2^i and less than 2^(i+1) bytes. Empty files are in element 0.
/// </param>
internal sealed record FileFacts(
    int Files, int Ready, int Deferred, long Bytes, long MedianBytes, long P99Bytes, long LargestBytes, IReadOnlyList<int> Histogram)
{
    public static FileFacts Of(IReadOnlyList<SourceFile> files, int ready, int deferred)
    {
        if (files.Count == 0) return new FileFacts(0, ready, deferred, 0, 0, 0, 0, []);
        long[] sizes = [.. files.Select(file => file.Size).Order()];
        int[] histogram = new int[long.Log2(Math.Max(1, sizes[^1])) + 1];
        foreach (long size in sizes) histogram[long.Log2(Math.Max(1, size))]++;
        long median = sizes[sizes.Length / 2], p99 = sizes[(sizes.Length - 1) * 99 / 100];
        return new FileFacts(sizes.Length, ready, deferred, sizes.Sum(), median, p99, sizes[^1], histogram);
    }
}
