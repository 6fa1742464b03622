using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Ctrl+C, SIGTERM and SIGHUP. The first signal asks the run to stop; it still writes what it has read.
/// A second signal ends the process at once, and so does a run that does not stop in time. Nothing is lost by that:
/// the next run imports what is not committed. A command that stays may take SIGHUP for something else.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(60);

    private readonly Action<Failure> _giveUp;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private Action? _onHangUp;
    private Timer? _deadline;
    private TimeSpan _longest = s_grace;
    private int _count;

    /// <param name="giveUp">Called before the process is ended while its command still runs.</param>
    public StopSignals(Action<Failure> giveUp)
    {
        _giveUp = giveUp;
        Stopping = _stop.Token;
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
    }

    public CancellationToken Stopping { get; }

    /// <summary>The command says that it stops by itself within this time.</summary>
    public void StopWithin(TimeSpan deadline) => _longest = deadline + s_grace;

    /// <summary>
    /// From now on SIGHUP calls this and stops nothing, as services have it. It may be called several times at once. On a terminal, SIGHUP
    /// still stops: it says that the terminal is gone.
    /// </summary>
    public void OnHangUp(Action call)
    {
        if (Console.IsInputRedirected && Console.IsOutputRedirected && Console.IsErrorRedirected) Volatile.Write(ref _onHangUp, call);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _deadline?.Dispose();
        _stop.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (signal.Signal == PosixSignal.SIGHUP && Volatile.Read(ref _onHangUp) is { } call)
        {
            call();
            return;
        }
        Stop();
    }

    /// <summary>The same as a signal.</summary>
    public void Stop()
    {
        if (Interlocked.Increment(ref _count) > 1) End("Ended at once by a second signal. The next run imports what is not committed.");
        Console.Error.WriteLine("Stopping: what has been read is still written. Once more ends at once; nothing gets lost either way.");
        // The run has its own, shorter deadline. This one is for a file system or a database that does not answer at all.
        const string NoAnswer = "Ended, because something does not answer. The next run imports what is not committed.";
        _deadline = new Timer(_ => End(NoAnswer), null, _longest, Timeout.InfiniteTimeSpan);
        _stop.Cancel();
    }

    private void End(string message)
    {
        _giveUp(new Failure(ExitCode.Cancelled, message, new OperationCanceledException(message)));
        Environment.Exit((int)ExitCode.Cancelled);
    }
}
