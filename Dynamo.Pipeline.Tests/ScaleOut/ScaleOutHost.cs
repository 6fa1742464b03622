using System.Diagnostics;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>A broker, a database and an inbox, and real dispatchers and workers on them.</summary>
internal sealed class ScaleOutHost : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1.5);

    private readonly List<Process> _processes = [];
    private readonly List<string> _said = [];
    private readonly RabbitServer? _own;
    private readonly string[] _brokers;

    /// <param name="brokers">The addresses of a broker that is there; none: one is started.</param>
    public ScaleOutHost(params string[] brokers)
    {
        RabbitServer.Require();
        Work = new ScratchFolder();
        Directory.CreateDirectory(Inbox);
        _own = brokers.Length == 0 ? new RabbitServer(Work.Path) : null;
        _brokers = _own is { } own ? [own.Url] : brokers;
        Database = new SqlServerTestDatabase(endpointOnly: true);
        Source = ["--source", Inbox];
    }

    public ScratchFolder Work { get; }

    public string Inbox => Work["inbox"];

    /// <summary>The broker that was started.</summary>
    public RabbitServer Broker => _own ?? throw new InvalidOperationException("The broker is somebody else's.");

    public SqlServerTestDatabase Database { get; }

    /// <summary>The options that name the source.</summary>
    public string[] Source { get; set; }

    /// <summary>Further variables of all processes.</summary>
    public Dictionary<string, string?> Variables { get; } = new()
    {
        ["DYNAMO__WATCH__SWEEP"] = "1s",
        ["DYNAMO__WATCH__POLL"] = "500ms",
        ["DYNAMO__QUEUE__LEASE"] = "6s",
    };

    /// <summary>What the processes wrote to stderr, and of dispatchers the lines of <c>--json</c>.</summary>
    public string[] Said
    {
        get
        {
            lock (_said) return [.. _said];
        }
    }

    public Process Dispatcher(params string[] more) =>
        Begin(["dispatch", .. Source, "--sink", "sqlserver", "--after", "archive", "--json", .. more]);

    public Process Worker(params string[] more) =>
        Begin(["work", .. Source, "--sink", "sqlserver", "--after", "archive", "--quiet", .. more]);

    public Dictionary<string, string?> Environment => Database.Variables
        .Concat(_brokers.Select(
            (url, i) => new KeyValuePair<string, string?>(FormattableString.Invariant($"DYNAMO__QUEUE__URL__{i}"), url)))
        .Where(one => !Variables.ContainsKey(one.Key)).Concat(Variables)
        .ToDictionary(one => one.Key, one => one.Value);

    public Process Begin(string[] arguments, Dictionary<string, string?>? more = null)
    {
        Dictionary<string, string?> all = Environment;
        foreach ((string name, string? value) in more ?? []) all[name] = value;
        Process process = DynamoProcess.Start(arguments, Work.Path, all, line =>
        {
            lock (_said) _said.Add(line);
        });
        lock (_processes) _processes.Add(process);
        return process;
    }

    public Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        DynamoProcess.RunAsync(arguments, Work.Path, Environment, token);

    /// <summary>How many files are in the ledger.</summary>
    public long Imported => Database.HasTable(Database.Options.LedgerTable)
        ? Database.Scalar<long>($"SELECT COUNT(*) FROM {Database.Options.LedgerTable}") : 0;

    private bool HasFailed(Predicate<Process> how)
    {
        lock (_processes) return _processes.Exists(how);
    }

    public async Task UntilAsync(Func<bool> isSo, string what, CancellationToken token)
    {
        for (long began = Stopwatch.GetTimestamp(); !isSo(); await Task.Delay(50, token))
            if (Stopwatch.GetElapsedTime(began) > s_patience || HasFailed(one => one is { HasExited: true, ExitCode: not (0 or 137) }))
            {
                string? queues = _own?.Control("list_queues", "name", "messages_ready", "messages_unacknowledged", "consumers");
                Assert.Fail($"not so: {what}\n{queues}\n{string.Join('\n', Said)}");
            }
    }

    /// <summary>Puts files there as loggers do: each is complete when it has its name.</summary>
    public void Land(int first, int count)
    {
        string beside = Directory.CreateDirectory(Work["beside"]).FullName;
        for (int i = first; i < first + count; i++)
        {
            string name = FormattableString.Invariant($"f{i:D7}.csv"), upload = Path.Join(beside, name);
            File.WriteAllText(upload, FormattableString.Invariant($"logger,channel,timestamp,value\nL{i},p,2025-01-01T00:00:00Z,{i}\n"));
            File.Move(upload, Path.Join(Inbox, name));
        }
    }

    /// <summary>Ends a process as a service manager does.</summary>
    public static async Task StopAsync(Process process, CancellationToken token)
    {
        if (process.HasExited) return;
        DynamoProcess.Terminate(process);
        await process.WaitForExitAsync(token).WaitAsync(s_patience, token);
    }

    /// <summary>The books of the last end of a dispatcher, from its JSON.</summary>
    public JsonElement Stopped() => Said.Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement)
        .Last(line => line.TryGetProperty("event", out JsonElement what) && what.GetString() == "stopped");

    public List<(long RunId, string Outcome, long? PartOf, long Listed, long Loaded, long AlreadyLoaded, long Quarantined,
        long Deferred)> Runs() =>
        !Database.HasTable(Database.Options.RunTable) ? [] : Database.Query<(long, string, long?, long, long, long, long, long)>(
            "SELECT RunId, Outcome, PartOf, Listed, Loaded, AlreadyLoaded, Quarantined, Deferred "
            + $"FROM {Database.Options.RunTable} ORDER BY RunId");

    public async ValueTask DisposeAsync()
    {
        try
        {
            Process[] all;
            lock (_processes) all = [.. _processes];
            foreach (Process process in all)
            {
                if (!process.HasExited) process.Kill();
                await process.WaitForExitAsync();
                process.Dispose();
            }
        }
        finally
        {
            _own?.Dispose();
            await Database.DisposeAsync();
            Work.Dispose();
        }
    }
}
