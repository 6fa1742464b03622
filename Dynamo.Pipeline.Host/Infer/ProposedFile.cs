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
    public static async Task<ProposedFile> ReadAsync(
        Sample sample, string root, ReadingFormat format, Action<Reading, long> look, CancellationToken cancellationToken)
    {
        string below = System.IO.Path.GetRelativePath(root, sample.Path).Replace('\\', '/');
        string delivered = System.IO.Path.GetRelativePath(root, sample.Delivered).Replace('\\', '/');
        var file = new SourceFile(below, sample.Bytes.Length, DateTime.UnixEpoch) { Delivered = delivered == below ? null : delivered };
        using FileContent content = sample.Open();
        var rows = new RowBatch<Reading>();
        var first = new List<Reading>();
        var rejects = new List<Defect>();
        long read = 0, skipped = 0, rejected = 0;
        try
        {
            using IRowReader<Reading> reader = new CsvFormat<Reading>(format).Open(file, content);
            for (bool more = true; more;)
            {
                rows.Clear();
                more = await reader.ReadAsync(rows, Portion, cancellationToken);
                first.AddRange(rows.Rows.Take(Shown - first.Count));
                rejects.AddRange(rows.Rejects.Take(Shown - rejects.Count));
                for (int i = 0; i < rows.Rows.Count; i++) look(rows.Rows[i], rows.Lines[i]);
                (read, skipped, rejected) = (read + rows.Rows.Count, skipped + rows.Skipped, rejected + rows.Rejects.Count);
            }
            return new ProposedFile(sample.Path, first, read, skipped, rejected, rejects, null);
        }
        catch (BadFileException error)
        {
            return new ProposedFile(sample.Path, first, read, skipped, rejected, rejects, error.Defect);
        }
    }
}
