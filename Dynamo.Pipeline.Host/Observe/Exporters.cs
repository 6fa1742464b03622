using System.Reflection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// OpenTelemetry: what the library measures goes to the page's /metrics, and by OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT says, with all
/// other variables of opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables. Nothing is set up that nobody asked for.
/// </summary>
internal sealed class Exporters : IDisposable
{
    /// <summary>The meter and the activity source, as the library names them.</summary>
    public const string Name = "Dynamo.Pipeline";

    private readonly TracerProvider? _traces;

    private Exporters(MeterProvider? metrics, TracerProvider? traces, Action<ILoggingBuilder>? logs) =>
        (Metrics, _traces, Logs) = (metrics, traces, logs);

    public MeterProvider? Metrics { get; }

    /// <summary>What sends the messages of a log by OTLP; <see langword="null"/>: nobody asked for it.</summary>
    public Action<ILoggingBuilder>? Logs { get; }

    /// <param name="isServed">Whether the page serves the measurements.</param>
    public static Exporters? Begin(bool isServed)
    {
        bool isDisabled = string.Equals(
            Environment.GetEnvironmentVariable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase);
        bool traces = !isDisabled && IsSent("TRACES"), metrics = !isDisabled && IsSent("METRICS"), logs = !isDisabled && IsSent("LOGS");
        if (!isServed && !traces && !metrics && !logs) return null;
        string? version = typeof(Exporters).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        ResourceBuilder resource = ResourceBuilder.CreateEmpty()
            .AddService("dynamo", serviceVersion: version)
            .AddTelemetrySdk().AddEnvironmentVariableDetector();
        MeterProvider? meter = null;
        if (isServed || metrics)
        {
            MeterProviderBuilder builder = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Name);
            if (isServed) builder.AddPrometheusExporter();
            if (metrics) builder.AddOtlpExporter();
            meter = builder.Build();
        }
        TracerProvider? tracer = traces
            ? Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Name).AddOtlpExporter().Build() : null;
        return new Exporters(meter, tracer, logs ? builder => builder.AddOpenTelemetry(options =>
        {
            options.IncludeFormattedMessage = true;
            options.SetResourceBuilder(resource).AddOtlpExporter();
        }) : null);
    }

    public void Dispose()
    {
        Metrics?.Dispose();
        _traces?.Dispose();
    }

    private static bool IsSent(string signal)
    {
        string? exporter = Environment.GetEnvironmentVariable($"OTEL_{signal}_EXPORTER");
        if (string.Equals(exporter, "none", StringComparison.OrdinalIgnoreCase)) return false;
        return string.Equals(exporter, "otlp", StringComparison.OrdinalIgnoreCase)
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT"))
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
    }
}
