namespace Dynamo.Pipeline.Host;

/// <summary>What the proposed format reads from the whole sample file.</summary>
/// <param name="Path">The file.</param>
/// <param name="First">Its first readings.</param>
/// <param name="Read">How many readings there are.</param>
/// <param name="Skipped">How many have no value.</param>
/// <param name="Rejected">How many rows are rejected.</param>
/// <param name="Rejects">The first of them.</param>
/// <param name="Defect">Why the file as a whole cannot be read; <see langword="null"/>: it can.</param>
internal sealed record ProposedFile(
    string Path, IReadOnlyList<Reading> First, long Read, long Skipped, long Rejected, IReadOnlyList<Defect> Rejects, Defect? Defect)
{
    private const int Shown = 5, Portion = 4096;

    /// <summary>Reads the file. Patterns are matched against its path below <paramref name="root"/>, which would be the source.</summary>
    public static async Task<ProposedFile> ReadAsync(string path, string root, ReadingFormat format, CancellationToken cancellationToken)
    {
        string below = System.IO.Path.GetRelativePath(root, path).Replace('\\', '/');
        var file = new SourceFile(below, new FileInfo(path).Length, File.GetLastWriteTimeUtc(path));
        using var content = new FileContent(File.OpenRead(path));
        using IRowReader<Reading> reader = new CsvFormat<Reading>(format).Open(file, content);
        var rows = new RowBatch<Reading>();
        var first = new List<Reading>();
        var rejects = new List<Defect>();
        long read = 0, skipped = 0, rejected = 0;
        try
        {
            for (bool more = true; more;)
            {
                rows.Clear();
                more = await reader.ReadAsync(rows, Portion, cancellationToken);
                first.AddRange(rows.Rows.Take(Shown - first.Count));
                rejects.AddRange(rows.Rejects.Take(Shown - rejects.Count));
                (read, skipped, rejected) = (read + rows.Rows.Count, skipped + rows.Skipped, rejected + rows.Rejects.Count);
            }
            return new ProposedFile(path, first, read, skipped, rejected, rejects, null);
        }
        catch (BadFileException error)
        {
            return new ProposedFile(path, first, read, skipped, rejected, rejects, error.Defect);
        }
    }
}
