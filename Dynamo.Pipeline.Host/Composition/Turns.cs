using System.Diagnostics;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// A watch holds its source as long as it lives. A command that needs the source for a moment asks for its turn by a second lease: the
/// watch sees that, writes what it has read, lets the command in, and goes on when both leases are free. Whoever is killed frees them, so
/// nobody waits for the dead. It works wherever the leases do, on one machine or on several.
/// </summary>
internal static class Turns
{
    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(100), s_longest = TimeSpan.FromSeconds(30);

    /// <summary>Takes the source, if need be in its turn beside a watch.</summary>
    /// <exception cref="AlreadyRunningException">Who holds it gives no turn.</exception>
    public static async Task<Turn> TakeAsync(
        IStore store, string source, TimeSpan stopDeadline, TextWriter error, CancellationToken cancellationToken)
    {
        AlreadyRunningException held;
        try
        {
            return new Turn(await store.LeaseAsync(source, cancellationToken), null);
        }
        catch (AlreadyRunningException other)
        {
            held = other;
        }
        await error.WriteLineAsync("dynamo: the source is in use; a watch lets this command in when what it has read is written.");
        IAsyncDisposable? asks = null;
        try
        {
            for (long began = Stopwatch.GetTimestamp(); ; await Task.Delay(s_soon, cancellationToken))
            {
                asks ??= await TryAsync(store, Asked(source), cancellationToken);
                if (asks is not null && await TryAsync(store, source, cancellationToken) is { } lease) return new Turn(lease, asks);
                if (Stopwatch.GetElapsedTime(began) < stopDeadline + s_longest) continue;
                throw new AlreadyRunningException(
                    $"{held.Message} If it is a watch, it does not answer, or is of an older version: stop it, repeat this, and start it "
                        + "again.", held);
            }
        }
        catch
        {
            if (asks is not null) await asks.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends a watch when somebody asks for the source.</summary>
    /// <returns>Whether somebody did, before the watch ended otherwise.</returns>
    public static async Task<bool> WatchAsync(IStore store, string source, CancellationTokenSource watch)
    {
        while (!watch.IsCancellationRequested)
        {
            await Task.Delay(store.BetweenTurns, watch.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (watch.IsCancellationRequested || !await IsAskedAsync(store, source, watch.Token)) continue;
            await watch.CancelAsync();
            return true;
        }
        return false;
    }

    /// <summary>Waits until nobody asks for the source any more.</summary>
    public static async Task AreOverAsync(IStore store, string source, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested && await IsAskedAsync(store, source, stopping))
            await Task.Delay(s_soon, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task<bool> IsAskedAsync(IStore store, string source, CancellationToken cancellationToken)
    {
        try
        {
            return await store.IsLeasedAsync(Asked(source), cancellationToken);
        }
        catch (Exception error) when (error is SinkException or OperationCanceledException)
        {
            return false; // The watch finds out itself that the database is away.
        }
    }

    private static async Task<IAsyncDisposable?> TryAsync(IStore store, string source, CancellationToken cancellationToken)
    {
        try
        {
            return await store.LeaseAsync(source, cancellationToken);
        }
        catch (AlreadyRunningException)
        {
            return null;
        }
    }

    private static string Asked(string source) => source + " (turn)";
}

/// <summary>A turn that a command has. Used by one thread at a time.</summary>
internal sealed class Turn(IAsyncDisposable lease, IAsyncDisposable? asks) : IAsyncDisposable
{
    private bool _isFree;

    /// <summary>Gives the source to a run of the command's own. The watch still waits.</summary>
    public async Task FreeAsync()
    {
        if (_isFree) return;
        _isFree = true;
        await lease.DisposeAsync();
    }

    /// <summary>The watch goes on when nobody asks: the source is free then.</summary>
    public async ValueTask DisposeAsync()
    {
        await FreeAsync();
        if (asks is not null) await asks.DisposeAsync();
    }
}
