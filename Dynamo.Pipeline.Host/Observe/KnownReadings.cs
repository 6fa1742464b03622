using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the database knows: the files in quarantine, which others change as well, and each logger with its last deliveries. It is read
/// beside the import, again and again, and nobody waits for it.
/// </summary>
internal static class KnownReadings
{
    /// <summary>Of so many deliveries an interval is learned, as of those that are imported later.</summary>
    private const int Deliveries = 8, MostQuarantined = 100;

    /// <summary>How far back the last run of a source is looked for, while others run more often.</summary>
    private const int MostRuns = 500;

    private static readonly TimeSpan s_untilReached = TimeSpan.FromSeconds(10), s_again = TimeSpan.FromMinutes(1);

    public static async Task LoadAsync(HostSettings settings, StatusBoard board, TimeProvider time, CancellationToken cancellationToken)
    {
        // All loggers of a database that is yet to be made come with what is imported.
        bool isWanted = settings.UsesSqlServer || File.Exists(settings.Database);
        board.Loggers.IsLoaded = !isWanted;
        DateTime began = time.GetUtcNow().UtcDateTime;
        while (!cancellationToken.IsCancellationRequested)
        {
            TimeSpan pause = s_again;
            try
            {
                ILedger ledger = Composition.Ledger(settings);
                board.Known(
                    await ledger.CountQuarantinedAsync(null, cancellationToken),
                    await ledger.QuarantinedAsync(null, MostQuarantined, cancellationToken));
                board.Seen.Take(await ledger.RunsAsync(MostRuns, cancellationToken));
                isWanted |= board.Loggers.IsBehind;
                board.Loggers.IsBehind = false;
                if (isWanted)
                {
                    // A reading of a wrong clock came before now at least.
                    await LoggersAsync(
                        settings,
                        one => board.Loggers.Known(
                            one with { ImportedUtc = one.ImportedUtc ?? (one.Newest[0] > began ? began : null) }),
                        cancellationToken);
                    board.Loggers.IsLoaded = true;
                    board.LookForLate(time.GetUtcNow().UtcDateTime);
                    board.Changed();
                }
                isWanted = false;
            }
            catch (Exception error) when (error is SinkException or SettingsException)
            {
                // There is no database yet, or none at present. What is imported meanwhile is known by itself.
                pause = s_untilReached;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Until when the sources in the database were seen whole.</summary>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public static async Task<SeenSources> SeenAsync(HostSettings settings, CancellationToken cancellationToken)
    {
        var seen = new SeenSources();
        seen.Take(await Composition.Ledger(settings).RunsAsync(MostRuns, cancellationToken));
        return seen;
    }

    /// <summary>Each logger of the table with the newest times of its last deliveries.</summary>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public static Task LoggersAsync(
        HostSettings settings, DeliveriesFound found, CancellationToken cancellationToken) =>
        ((IDeliveries)Composition.Ledger(settings)).DeliveriesAsync(
            Composition.Table(settings), Deliveries, DateTime.UtcNow, found, cancellationToken);
}
