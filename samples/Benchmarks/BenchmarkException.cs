namespace Dynamo.Pipeline.Benchmarks;

/// <summary>A benchmark cannot be run; the message says why and what to do. No stack trace is of use.</summary>
internal class BenchmarkException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A program could not be started, or failed.</summary>
internal sealed class ChildException(string message, bool started, string output, Exception? inner = null)
    : BenchmarkException(message, inner)
{
    /// <summary>False when the program is not there.</summary>
    public bool Started { get; } = started;

    /// <summary>What it printed.</summary>
    public string Output { get; } = output;
}
