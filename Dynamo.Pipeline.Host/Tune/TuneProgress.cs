using System.Diagnostics;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Shows how far a sweep is, on stderr: on a terminal one line that changes, in a log a line now and then. Used by one thread at a time.
/// </summary>
internal sealed class TuneProgress(TextWriter to) : IProgress<TuningProgress>
{
    private static readonly TimeSpan s_terminal = TimeSpan.FromMilliseconds(200), s_log = TimeSpan.FromSeconds(10);

    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private long _last;
    private int _width;

    public void Report(TuningProgress value)
    {
        if (_last != 0 && Stopwatch.GetElapsedTime(_last) < (_isTerminal ? s_terminal : s_log)) return;
        _last = Stopwatch.GetTimestamp();
        string left = value.Remaining is { } remaining ? $", about {Shown.Time(remaining)} left" : "";
        string line = value.Total == 0
            ? value.What
            : $"{value.What}: {Shown.Count(value.Done)} of {Shown.Count(value.Total)} measurements{left}";
        if (_isTerminal) to.Write("\r" + line.PadRight(_width));
        else to.WriteLine(line);
        _width = line.Length;
    }

    /// <summary>Removes the line.</summary>
    public void Clear()
    {
        if (_isTerminal && _width > 0) to.Write("\r" + new string(' ', _width) + "\r");
    }
}
