namespace Dynamo.Pipeline;

/// <summary>The pauses between attempts: the first one, doubled each time, up to the longest. Pure.</summary>
internal static class BackOff
{
    private const int MostDoublings = 20;

    /// <param name="failed">How many attempts have failed, from 1 on.</param>
    /// <param name="first">The first pause.</param>
    /// <param name="longest">The longest one.</param>
    public static TimeSpan Pause(int failed, TimeSpan first, TimeSpan longest) =>
        TimeSpan.FromTicks(Math.Min(longest.Ticks, first.Ticks << Math.Clamp(failed - 1, 0, MostDoublings)));
}
