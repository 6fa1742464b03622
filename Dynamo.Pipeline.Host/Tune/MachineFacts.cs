using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime;

namespace Dynamo.Pipeline.Host;

/// <summary>The machine of a measurement, without a name that would tell whose it is.</summary>
/// <param name="Processors">Processors that the process may use.</param>
/// <param name="MemoryBytes">Memory that the process may use.</param>
/// <param name="System">The operating system.</param>
/// <param name="Runtime">The .NET runtime, and whether the program is native or compiled while it runs.</param>
/// <param name="Collector">The garbage collector's mode.</param>
/// <param name="Version">The library's version.</param>
internal sealed record MachineFacts(int Processors, long MemoryBytes, string System, string Runtime, string Collector, string Version)
{
    public static MachineFacts Current { get; } = new(
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}",
        $"{RuntimeInformation.FrameworkDescription}, {(RuntimeFeature.IsDynamicCodeSupported ? "compiled while it runs" : "native")}",
        $"{(GCSettings.IsServerGC ? "server" : "workstation")} collector, "
            + (GCSettings.LatencyMode == GCLatencyMode.Batch ? "not concurrent" : "concurrent"),
        typeof(MachineFacts).Assembly.GetName().Version?.ToString(3) ?? "unknown");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Processors} processors, {MemoryBytes / (double)(1 << 30):0.#} GiB of memory; {System}; {Runtime}, {Collector}");
}
