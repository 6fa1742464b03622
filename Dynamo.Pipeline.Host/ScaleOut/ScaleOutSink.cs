namespace Dynamo.Pipeline.Host;

/// <summary>The database as a dispatcher and its workers write it, and what ends both.</summary>
internal static class ScaleOutSink
{
    /// <summary>Holds the source by a lease that is renewed.</summary>
    public static SqlServerSink<Reading> Dispatcher(HostSettings settings) =>
        Make(settings, o => o with { LeaseFor = settings.Queue.Lease });

    /// <summary>Writes for a run of a dispatcher.</summary>
    public static SqlServerSink<Reading> Worker(HostSettings settings, long runId) => Make(settings, o => o with { PartOfRun = runId });

    private static SqlServerSink<Reading> Make(HostSettings settings, Func<SqlServerSinkOptions, SqlServerSinkOptions> role) =>
        (SqlServerSink<Reading>)Composition.Store(settings with { SqlServer = role(settings.SqlServer) }).Sink();

    /// <summary>Imports until it is stopped, or until it turns out that only other settings can connect to the broker.</summary>
    /// <exception cref="SettingsException">The broker refuses the login, or a queue is there with other properties.</exception>
    public static async Task<PipelineResult> WhileItWorksAsync(
        BrokerLink link, Func<CancellationToken, Task<PipelineResult>> import, CancellationToken stopping)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Task<PipelineResult> importing = import(stop.Token);
        if (await Task.WhenAny(importing, link.Failed) == importing) return await importing;
        await stop.CancelAsync();
        await ((Task)importing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Exception error = link.Failed.Exception!.InnerException!;
        throw error is BrokerException ? new SettingsException("queue:url", error.Message) : error;
    }
}
