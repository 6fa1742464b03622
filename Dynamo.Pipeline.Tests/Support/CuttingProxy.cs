using System.Net;
using System.Net.Sockets;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Stands between a client and a server on the loopback and cuts the connection, with a reset on both sides, after so many bytes.
/// Safe for concurrent use.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly Task _accepting;
    private readonly CancellationTokenSource _thaw = new();
    private readonly TaskCompletionSource
        _cut = new(TaskCreationOptions.RunContinuationsAsynchronously),
        _frozen = new(TaskCreationOptions.RunContinuationsAsynchronously),
        _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _left = long.MaxValue;
    private volatile bool _freezes;

    /// <param name="target">The server's port.</param>
    public CuttingProxy(int target)
    {
        _target = target;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>How many bytes, both directions together, have passed.</summary>
    public long Passed { get; private set; }

    /// <summary>The connection that carries the n-th byte from now on is cut there; later ones live.</summary>
    public void CutAfter(long bytes) => Interlocked.Exchange(ref _left, bytes);

    /// <summary>
    /// As <see cref="CutAfter"/>, but that connection stays open and carries nothing any more, until <see cref="CutFrozen"/>.
    /// </summary>
    public void FreezeAfter(long bytes)
    {
        _freezes = true;
        CutAfter(bytes);
    }

    /// <summary>Cuts what is frozen.</summary>
    public void CutFrozen() => _thaw.Cancel();

    /// <summary>Ends when the first connection is frozen.</summary>
    public Task HasFrozen => _frozen.Task;

    /// <summary>Ends with the first cut.</summary>
    public Task HasCut => _cut.Task;

    /// <summary>Cuts all connections and refuses new ones.</summary>
    public void Leave()
    {
        _listener.Stop();
        _gone.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        Leave();
        await _accepting;
        _thaw.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ForwardAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The listener has been stopped.
        }
    }

    private async Task ForwardAsync(Socket client)
    {
        using Socket near = client;
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        near.ReceiveBufferSize = far.SendBufferSize = 64 * 1024;
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, _target);
            await Task.WhenAny(PumpAsync(near, far), PumpAsync(far, near), _gone.Task);
        }
        catch (SocketException)
        {
            // The server is gone; so is the client, with the end of this method.
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is var count && count > 0)
            {
                long left = Interlocked.Add(ref _left, -count);
                int allowed = left >= 0 ? count : (int)Math.Max(0, count + left);
                await to.SendAsync(buffer.AsMemory(0, allowed));
                Passed += allowed;
                if (left > 0) continue;
                Interlocked.Exchange(ref _left, long.MaxValue);
                if (_freezes)
                {
                    _frozen.TrySetResult();
                    await Task.WhenAny(Task.Delay(Timeout.Infinite, _thaw.Token));
                }
                _cut.TrySetResult();
                from.LingerState = to.LingerState = new LingerOption(enable: true, seconds: 0);
                return;
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side has gone; the other goes with the end of the forwarding.
        }
    }
}
