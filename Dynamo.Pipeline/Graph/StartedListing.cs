using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>
/// A listing that has begun while the sink is still being prepared: a folder is read, or a server connected, in the time it takes to open a database. What it finds first
/// waits until it is asked for. Disposing ends a listing that nobody asked for; one that ignores its cancellation is waited for no longer than the stop deadline.
/// </summary>
internal sealed class StartedListing : IAsyncDisposable
{
    private readonly PipelineOptions _options;
    private readonly CancellationTokenSource _cancellation;
    private readonly IAsyncEnumerator<SourceFile> _files;
    private readonly Task<bool> _first;
    private bool _asked;

    public StartedListing(IFileSource source, PipelineRun run)
    {
        _options = run.Options;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(run.Stopping);
        _files = source.ListAsync(_cancellation.Token).GetAsyncEnumerator(_cancellation.Token);
        _first = Task.Run(() => _files.MoveNextAsync().AsTask(), CancellationToken.None);
    }

    /// <summary>The files; to be asked for once.</summary>
    public async IAsyncEnumerable<SourceFile> FilesAsync()
    {
        _asked = true;
        await using ConfiguredAsyncDisposable ending = _files.ConfigureAwait(false);
        for (bool more = await _first.ConfigureAwait(false); more; more = await _files.MoveNextAsync().ConfigureAwait(false))
            yield return _files.Current;
    }

    public async ValueTask DisposeAsync()
    {
        if (_asked) return;
        await _cancellation.CancelAsync().ConfigureAwait(false);
        await Task.WhenAny(EndAsync(), Task.Delay(_options.StopDeadline, _options.Time, CancellationToken.None)).ConfigureAwait(false);
    }

    private async Task EndAsync()
    {
        await ((Task)_first).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _files.DisposeAsync().ConfigureAwait(false);
        _cancellation.Dispose();
    }
}
