namespace Dynamo.Pipeline.Ledger;

/// <summary>Says from the row table how often each logger delivers, without reading the whole table.</summary>
internal interface IDeliveries
{
    /// <summary>
    /// The newest times of the last deliveries of each value of the key's first column, the logger. A delivery is a file; where rows do not
    /// know theirs, each row counts as one. Of several series of a logger, that with the newest time is told. The cost grows with the
    /// number of series, not of rows: at most <see cref="MostRows"/> rows of each are read.
    /// </summary>
    /// <param name="map">The row table. Its key begins with a text and has a time.</param>
    /// <param name="most">How many deliveries of each.</param>
    /// <param name="nowUtc">The time, which no reading should be ahead of.</param>
    /// <param name="found">
    /// Gets each logger once, in any order. Called on any thread, one at a time.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SinkException">The database cannot be read, or has no such table.</exception>
    Task DeliveriesAsync<TRow>(
        RowMap<TRow> map, int most, DateTime nowUtc, DeliveriesFound found, CancellationToken cancellationToken);

    /// <summary>Of a file with more readings of a series, the deliveries before it are not found.</summary>
    const int MostRows = 500;
}

/// <summary>Gets a logger.</summary>
internal delegate void DeliveriesFound(LoggerDeliveries logger);

/// <summary>What the database knows of a logger.</summary>
/// <param name="Logger">Its name.</param>
/// <param name="Newest">The newest times of its last deliveries, the newest first.</param>
/// <param name="ImportedUtc">If that is in the future, when the last of them was imported, if rows know their file.</param>
/// <param name="Source">The source of the newest one, if rows know their file.</param>
internal sealed record LoggerDeliveries(string Logger, IReadOnlyList<DateTime> Newest, DateTime? ImportedUtc, string? Source);

/// <summary>The newest time of each delivery in a series, from its rows in descending order. Used by one thread.</summary>
internal sealed class LastDeliveries(int most)
{
    private readonly List<DateTime> _newest = [];
    private readonly List<long> _files = [];
    private long? _file;
    private int _rows;

    public IReadOnlyList<DateTime> Newest => _newest;

    /// <summary>Their files, the newest first.</summary>
    public IReadOnlyCollection<long> Files => _files;

    /// <summary>Takes the next row.</summary>
    /// <param name="time">Its time.</param>
    /// <param name="file">Its file; <see langword="null"/>: it does not know it.</param>
    /// <returns>Whether there is need for another one.</returns>
    public bool Take(DateTime time, long? file)
    {
        // Two files of one time are one delivery.
        if ((_rows == 0 || file is null || file != _file) && (_newest.Count == 0 || _newest[^1] != time)) _newest.Add(time);
        if (file is { } known && known != _file) _files.Add(known);
        _file = file;
        return _newest.Count < most && ++_rows < IDeliveries.MostRows;
    }
}
