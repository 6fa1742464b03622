using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>A file that brought a reading.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The line in it, if the file can still be read; otherwise it is not known whether the file has the reading.</param>
/// <param name="Value">The value in it.</param>
internal sealed record Delivery(DeliveredFile File, long? Line, string? Value);

/// <summary>Where a reading is from.</summary>
/// <param name="Logger">Its logger.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Time">Its time, as the table has it.</param>
/// <param name="Value">Its value, as the table has it.</param>
/// <param name="Delivery">The file that it is from; null if that is not known.</param>
/// <param name="Replaced">The files that brought it before, or may have, the newest first.</param>
internal sealed record ReadingTrace(
    string Logger, string Channel, string Time, string Value, Delivery? Delivery, IReadOnlyList<Delivery> Replaced)
{
    public DeliveredFile? File => Delivery?.File;

    /// <summary>The number of the file, also of one that is no longer in the ledger.</summary>
    public long? FileId { get; init; }

    public static async Task<ReadingTrace> OfAsync(
        TracedRow row, ILineage ledger, ReadingLines lines, CancellationToken cancellationToken)
    {
        (string logger, string channel) = (row.Values[0] ?? "", row.Values[1] ?? "");
        DateTime time = DateTime.Parse(
            row.Values[2] ?? "", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        Delivery? delivery = null;
        var replaced = new List<Delivery>();
        if (row.File is { } file)
        {
            delivery = await lines.FindAsync(file, logger, channel, time, cancellationToken) ?? new Delivery(file, null, null);
            foreach (DeliveredFile older in await ledger.OlderAsync(file.FileId, cancellationToken))
            {
                bool isReadable = lines.CanRead(older);
                Delivery? found = isReadable ? await lines.FindAsync(older, logger, channel, time, cancellationToken) : null;
                if (found is not null || !isReadable) replaced.Add(found ?? new Delivery(older, null, null));
            }
        }
        return new ReadingTrace(logger, channel, row.Values[2] ?? "", row.Values[3] ?? "", delivery, replaced) { FileId = row.FileId };
    }
}

/// <summary>
/// Looks readings up in the files that brought them, where these can still be read: at a folder or in its archive. It reads them with the
/// format that the settings have now.
/// </summary>
internal sealed class ReadingLines(HostSettings settings)
{
    private const string FolderName = "folder:";
    private const long LongestFile = 64 << 20;

    private readonly IFileFormat<Reading> _format = Composition.UnpackingFormat(settings);

    public bool CanRead(DeliveredFile file) => Find(file) is not null;

    /// <summary>The last line of a file that has a reading; null if it has none, or cannot be read.</summary>
    public async Task<Delivery?> FindAsync(
        DeliveredFile file, string logger, string channel, DateTime time, CancellationToken cancellationToken)
    {
        if (Find(file) is not { } path) return null;
        var rows = new RowBatch<Reading>();
        try
        {
            using var content = new FileContent(await File.ReadAllBytesAsync(path, cancellationToken));
            using IRowReader<Reading> reader = _format.Open(file.File, content);
            while (await reader.ReadAsync(rows, int.MaxValue, cancellationToken)) { }
        }
        catch (Exception error) when (error is BadFileException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
        for (int i = rows.Rows.Count - 1; i >= 0; i--)
        {
            Reading row = rows.Rows[i];
            if (row.Logger == logger && row.Channel == channel && row.TimestampUtc == time)
                return new Delivery(file, rows.Lines[i], row.Value.ToString(CultureInfo.InvariantCulture));
        }
        return null;
    }

    private string? Find(DeliveredFile file)
    {
        if (!file.Source.StartsWith(FolderName, StringComparison.Ordinal) || file.File.Size > LongestFile) return null;
        try
        {
            var source = new FolderSource(file.Source[FolderName.Length..], settings.Folder);
            return new FolderArchive(source).Find(file.File, file.ImportedUtc);
        }
        catch (Exception error) when (error is ArgumentException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
