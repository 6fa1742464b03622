using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the database knows when a command begins: the files in quarantine, and each logger with its last deliveries. It is read beside the
/// import, again and again while the database cannot be reached, and nobody waits for it.
/// </summary>
internal static class KnownReadings
{
    /// <summary>Of so many deliveries an interval is learned, as of those that are imported later.</summary>
    private const int Deliveries = 8, MostQuarantined = 100;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10);

    public static async Task LoadAsync(HostSettings settings, StatusBoard board, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                ILedger ledger = Composition.Ledger(settings);
                board.Known(
                    await ledger.CountQuarantinedAsync(null, cancellationToken),
                    await ledger.QuarantinedAsync(null, MostQuarantined, cancellationToken));
                await LoggersAsync(settings, board.Loggers.Known, cancellationToken);
                board.Changed();
                return;
            }
            catch (Exception error) when (error is SinkException or SettingsException)
            {
                // There is no database yet, or none at present. What is imported meanwhile is known by itself.
                await Task.Delay(s_pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Each logger of the table with the newest times of its last deliveries.</summary>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public static Task LoggersAsync(
        HostSettings settings, Action<string, IReadOnlyList<DateTime>> found, CancellationToken cancellationToken) =>
        ((IDeliveries)Composition.Ledger(settings)).DeliveriesAsync(Composition.Table(settings), Deliveries, found, cancellationToken);
}
