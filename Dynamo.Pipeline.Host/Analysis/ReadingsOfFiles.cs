using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>The readings of areas in the files of a source, in memory. The file that comes later wins.</summary>
internal sealed class ReadingsOfFiles
{
    private const int Portion = 10_000;

    private readonly Dictionary<(string Logger, string Channel), SortedDictionary<DateTime, double>> _series = [];

    /// <summary>When the first and the last reading is; <see langword="null"/>: there are none.</summary>
    public (DateTime Oldest, DateTime Newest)? Span
    {
        get
        {
            var filled = _series.Values.Where(series => series.Count > 0).ToArray();
            return filled.Length == 0 ? null : (filled.Min(series => series.Keys.First()), filled.Max(series => series.Keys.Last()));
        }
    }

    /// <summary>Reads all files of a source that have readings of the areas. A bad file is named, and left out.</summary>
    public static async Task<ReadingsOfFiles> ReadAsync(
        HostSettings settings, IReadOnlyList<WatchedArea> areas, TextWriter error, CancellationToken cancellationToken)
    {
        var all = new ReadingsOfFiles();
        foreach ((string, string) series in areas.SelectMany(area => area.AllSeries)) all._series.TryAdd(series, []);
        IFileFormat<Reading> format = Composition.UnpackingFormat(settings);
        await using IFileSource source = Composition.Untouched(settings);
        await foreach (SourceFile file in source.ListAsync(cancellationToken))
        {
            if (file.DeferReason is not null) continue;
            try
            {
                var rows = new RowBatch<Reading>();
                using FileContent content = await source.OpenAsync(file, 1 << 20, cancellationToken);
                using IRowReader<Reading> reader = format.Open(file, content);
                bool isMore = true;
                while (isMore)
                {
                    isMore = await reader.ReadAsync(rows, Portion, cancellationToken);
                    foreach (Reading row in rows.Rows)
                        if (all._series.TryGetValue((row.Logger, row.Channel), out var series)) series[row.TimestampUtc] = row.Value;
                    rows.Clear();
                }
            }
            catch (Exception bad) when (bad is BadFileException or FileChangedException or UnreadableFileException)
            {
                await error.WriteLineAsync($"dynamo: left out: {Shown.Name(file.Path)}: {Shown.Name(Secret.Free(bad.Message))}");
            }
        }
        return all;
    }

    public Task ReadAsync(
        IReadOnlyList<(string Logger, string Channel)> series, DateTime fromUtc, DateTime beforeUtc, Action<int, DateTime, double> found,
        CancellationToken cancellationToken)
    {
        for (int i = 0; i < series.Count; i++)
        {
            foreach ((DateTime at, double value) in _series[series[i]])
            {
                if (at >= beforeUtc) break;
                if (at >= fromUtc) found(i, at, value);
            }
        }
        return Task.CompletedTask;
    }
}
