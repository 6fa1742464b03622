namespace Dynamo.Pipeline.Host;

/// <summary>A file as a check found it.</summary>
/// <param name="Path">Its path below the source.</param>
/// <param name="Rows">Its first rows and rejects.</param>
/// <param name="Defect">Why it would be quarantined or deferred.</param>
internal sealed record CheckedFile(string Path, RowBatch<Reading> Rows, Defect? Defect)
{
    /// <summary>How many of the rows have the logger, channel and time of an earlier one, so that they would replace each other.</summary>
    public int Collided { get; } =
        Rows.Rows.Count - Rows.Rows.Select(row => (row.Logger, row.Channel, row.TimestampUtc)).Distinct().Count();
}

/// <summary>The first files of a source, read as a run would read them.</summary>
/// <param name="Files">Those that were read.</param>
/// <param name="Listed">How many files were listed.</param>
/// <param name="HasMore">Whether the listing was cut short.</param>
internal sealed record FirstFiles(IReadOnlyList<CheckedFile> Files, int Listed, bool HasMore)
{
    private const int ReadFiles = 5;
    private const int ReadRows = 1000;
    private const int MostListed = 10_000;

    public static async Task<FirstFiles> ReadAsync(IFileSource source, IFileFormat<Reading> format, CancellationToken cancellationToken)
    {
        var files = new List<CheckedFile>();
        int listed = 0;
        await foreach (SourceFile file in source.ListAsync(cancellationToken))
        {
            if (++listed > MostListed) return new FirstFiles(files, MostListed, true);
            if (files.Count < ReadFiles) files.Add(await ReadAsync(source, format, file, cancellationToken));
        }
        return new FirstFiles(files, listed, false);
    }

    private static async Task<CheckedFile> ReadAsync(
        IFileSource source, IFileFormat<Reading> format, SourceFile file, CancellationToken cancellationToken)
    {
        var rows = new RowBatch<Reading>();
        if (file.DeferReason is { } reason) return new CheckedFile(file.Path, rows, new Defect(reason));
        try
        {
            using FileContent content = await source.OpenAsync(file, 1 << 20, cancellationToken);
            using IRowReader<Reading> reader = format.Open(file, content);
            await reader.ReadAsync(rows, ReadRows, cancellationToken);
            return new CheckedFile(file.Path, rows, null);
        }
        catch (BadFileException error)
        {
            return new CheckedFile(file.Path, rows, error.Defect);
        }
        catch (Exception error) when (error is FileChangedException or UnreadableFileException)
        {
            return new CheckedFile(file.Path, rows, new Defect(error.Message));
        }
    }
}
