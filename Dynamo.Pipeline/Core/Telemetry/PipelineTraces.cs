using System.Diagnostics;

namespace Dynamo.Pipeline.Telemetry;

/// <summary>
/// The traces of a run, as the activity source <c>Dynamo.Pipeline</c>: one for each file that is read, one for each batch with links to its
/// files, one for each wave of a watch. Each is a root of its own, so that nothing grows in a run of months. Nothing is made while nobody
/// listens. Thread-safe.
/// </summary>
internal static class PipelineTraces
{
    /// <summary>OpenTelemetry keeps no more links of a span (opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits).</summary>
    private const int MostLinks = 128;

    private static readonly ActivitySource s_source = new(PipelineMeter.Name);

    public static Activity? Read(SourceFile file)
    {
        Activity? read = Root("read_file", []);
        read?.SetTag("dynamo.file", file.Path).SetTag("dynamo.file.size", file.Size);
        return read;
    }

    public static Activity? Write<TRow>(IReadOnlyList<FileRows<TRow>> files, Activity? wave)
    {
        if (!s_source.HasListeners()) return null;
        IEnumerable<Activity?> linked = files.Select(file => file.Trace).Prepend(wave);
        Activity? write = Root("write", linked.OfType<Activity>().Take(MostLinks).Select(one => new ActivityLink(one.Context)));
        return write?.SetTag("dynamo.files", files.Count).SetTag("dynamo.rows", files.Sum(file => file.Batch.Count));
    }

    public static Activity? Wave() => Root("wave", []);

    private static Activity? Root(string name, IEnumerable<ActivityLink> links)
    {
        if (!s_source.HasListeners()) return null;
        Activity.Current = null;
        return s_source.StartActivity(name, ActivityKind.Internal, parentContext: default, links: links);
    }
}
