using System.Diagnostics.Metrics;

namespace Dynamo.Pipeline.Host;

/// <summary>Measures what only the board knows, beside what the library measures: loggers, and what lies in quarantine now.</summary>
internal sealed class BoardMeter : IDisposable
{
    private readonly Meter _meter = new(Exporters.Name);

    public BoardMeter(StatusBoard board)
    {
        _meter.CreateObservableGauge("dynamo.loggers.known", () => board.Loggers.Count, "{logger}", "Loggers that are known.");
        _meter.CreateObservableGauge("dynamo.loggers.late", () => board.LateCount, "{logger}", "Loggers that are late.");
        _meter.CreateObservableGauge("dynamo.quarantine.files", () => board.InQuarantine, "{file}", "Files that are in quarantine now.");
    }

    public void Dispose() => _meter.Dispose();
}
