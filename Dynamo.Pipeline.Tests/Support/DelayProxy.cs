using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Dynamo.Pipeline.Tests;

/// <summary>A TCP proxy on the loopback that makes a server look far away, cuts its connections, or lets it fall silent.</summary>
internal sealed class DelayProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _closing = new();
    private readonly int _target;
    private readonly TimeSpan _oneWay;
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;

    public DelayProxy(int target, TimeSpan roundTrip = default)
    {
        _target = target;
        _oneWay = roundTrip / 2;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>After how many bytes from the server the n-th connection (from 0) is cut; <see langword="null"/> for never.</summary>
    public Func<int, long?> CutAfter { get; set; } = _ => null;

    /// <summary>Once set, bytes are taken and nothing is passed on any more.</summary>
    public bool IsSilent { get; set; }

    public int Connections { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_closing.Token);
                _connections.Add(ServeAsync(client, CutAfter(Connections++)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(Socket client, long? cutAfter)
    {
        using Socket near = client, far = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, _target, _closing.Token);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
            Task up = PumpAsync(near, far, null, ended.Token), down = PumpAsync(far, near, cutAfter, ended.Token);
            await Task.WhenAny(up, down);
            await ended.CancelAsync();
            await Task.WhenAll(up, down);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PumpAsync(Socket from, Socket to, long? cutAfter, CancellationToken cancellationToken)
    {
        var underway = Channel.CreateBounded<(long Due, byte[] Bytes)>(10_000);
        Task sending = SendAsync(underway.Reader, to, cancellationToken);
        try
        {
            var buffer = new byte[64 * 1024];
            long left = cutAfter ?? long.MaxValue;
            for (int read; left > 0 && (read = await from.ReceiveAsync(buffer, cancellationToken)) > 0; left -= read)
            {
                byte[] bytes = buffer[..(int)Math.Min(read, left)];
                long due = Stopwatch.GetTimestamp() + (long)(_oneWay.TotalSeconds * Stopwatch.Frequency);
                if (!IsSilent) await underway.Writer.WriteAsync((due, bytes), cancellationToken);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
        underway.Writer.Complete();
        await sending;
    }

    private static async Task SendAsync(ChannelReader<(long Due, byte[] Bytes)> underway, Socket to, CancellationToken cancellationToken)
    {
        try
        {
            await foreach ((long due, byte[] bytes) in underway.ReadAllAsync(cancellationToken))
            {
                TimeSpan early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                if (early > TimeSpan.FromMilliseconds(0.5)) await Task.Delay(early, cancellationToken);
                await to.SendAsync(bytes, cancellationToken);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }
}
