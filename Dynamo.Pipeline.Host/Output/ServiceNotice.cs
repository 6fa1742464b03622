using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting.Systemd;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Tells systemd, where it asks (Type=notify, WatchdogSec=), that the watch has begun, what it does, and that it is alive; see
/// sd_notify(3). The sign of life stops when one source hangs, as its <see cref="Pulse"/> tells. That nobody listens is no error. Safe for
/// concurrent use.
/// </summary>
internal sealed class ServiceNotice : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Action<string> _notify;
    private readonly Pulse _pulse;
    private readonly ITimer? _timer;
    private int _toStart;

    private ServiceNotice(Action<string> notify, int sources, TimeSpan? watchdog, TimeSpan stall, TimeProvider time)
    {
        (_toStart, _pulse) = (sources, new Pulse(stall, time));
        _notify = state => Try(notify, state);
        // systemd(7) recommends half of its time.
        if (watchdog is { } within) _timer = time.CreateTimer(_ => Beat(), null, within / 2, within / 2);
    }

    /// <summary>For systemd, or <see langword="null"/> if it does not ask.</summary>
    /// <param name="sources">How many sources are watched; the service has started when all of them are.</param>
    /// <param name="stall">How long nothing may move although files wait.</param>
    public static ServiceNotice? Begin(int sources, TimeSpan stall) =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NOTIFY_SOCKET")) ? null : Systemd(sources, stall);

    /// <summary>For a notifier of one's own.</summary>
    internal static ServiceNotice To(Action<string> notify, int sources, TimeSpan watchdog, TimeSpan stall, TimeProvider time) =>
        new(notify, sources, watchdog, stall, time);

    [MethodImpl(MethodImplOptions.NoInlining)] // The library is loaded with the first method that mentions it.
    private static ServiceNotice Systemd(int sources, TimeSpan stall)
    {
        var systemd = new SystemdNotifier();
        TimeSpan? watchdog = long.TryParse(
            Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
            && microseconds > 0 ? TimeSpan.FromMicroseconds(microseconds) : null;
        return new ServiceNotice(state => systemd.Notify(new ServiceState(state)), sources, watchdog, stall, TimeProvider.System);
    }

    public void Report(string source, WatchEvent happened)
    {
        _pulse.Report(source, happened);
        lock (_gate)
        {
            switch (happened)
            {
                case WatchStarted when --_toStart == 0:
                    _notify("READY=1");
                    break;
                // A sink that is away at the start is no reason to be started again and again.
                case OutageBegan when _toStart > 0:
                    _notify("READY=1");
                    break;
            }
            _notify("STATUS=" + Secret.Free(WatchReport.Line(happened)).ReplaceLineEndings(" "));
        }
    }

    public void Report(string source, PipelineProgress now) => _pulse.Report(source, now);

    /// <summary>The end has begun, and may take as long as the deadline.</summary>
    public void Stopping() => _notify("STOPPING=1");

    public void Dispose() => _timer?.Dispose();

    private void Beat()
    {
        if (_pulse.IsWell) _notify("WATCHDOG=1");
    }

    private static void Try(Action<string> notify, string state)
    {
        try
        {
            notify(state);
        }
        catch (Exception error) when (error is System.Net.Sockets.SocketException or IOException or ObjectDisposedException)
        {
            // The manager is gone. The import goes on.
        }
    }
}
