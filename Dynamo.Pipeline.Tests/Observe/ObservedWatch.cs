using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>A real <c>dynamo watch</c> of a folder into SQLite with its page.</summary>
internal sealed class ObservedWatch : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly IReadOnlyDictionary<string, string?> _environment;
    private Process? _process;
    private int _landed;

    public ObservedWatch(string settings = "", IReadOnlyDictionary<string, string?>? environment = null)
    {
        _environment = environment ?? new Dictionary<string, string?>();
        Directory.CreateDirectory(Work["inbox"]);
        Port = LoopbackPort.Next();
        File.WriteAllText(Work["dynamo.json"], $$"""
            { "source": "inbox", "sink": "sqlite:readings.db", "after": "archive", "settle": "10ms",
              "observe": { "listen": "127.0.0.1:{{Port.ToString(CultureInfo.InvariantCulture)}}" } {{settings}} }
            """);
    }

    public ScratchFolder Work { get; } = new();

    public int Port { get; }

    public string Address => $"http://127.0.0.1:{Port}";

    public int ProcessId => _process!.Id;

    public async Task StartAsync(params string[] more)
    {
        _process = DynamoProcess.Start(["watch", "--config", "dynamo.json", .. more], Work.Path, _environment);
        await UntilAsync(async () => (await GetAsync("/health/ready")).Status == HttpStatusCode.OK);
    }

    /// <summary>Puts a file there by renaming.</summary>
    public void Land(string name, string text)
    {
        string beside = Work[$"landing-{_landed++}"];
        File.WriteAllText(beside, text);
        File.Move(beside, Path.Join(Work["inbox"], name));
    }

    /// <summary>Puts one good file there for each of some loggers.</summary>
    public void LandReadings(int count, int minute = 0)
    {
        for (int i = 0; i < count; i++)
            Land($"L{i}_{minute}.csv", $"logger,channel,timestamp,value\nL{i},flow,2026-01-01T{minute / 60:D2}:{minute % 60:D2}:00Z,1\n");
    }

    public async Task<(HttpStatusCode Status, string Text)> GetAsync(string path, Action<HttpRequestMessage>? with = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Address + path);
        with?.Invoke(request);
        try
        {
            using HttpResponseMessage answer = await _client.SendAsync(request);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException)
        {
            return (0, "");
        }
    }

    public async Task<JsonElement> StatusAsync() => JsonDocument.Parse((await GetAsync("/api/status")).Text).RootElement;

    public async Task<JsonElement> StatusAsync(Func<JsonElement, bool> until)
    {
        JsonElement status = default;
        await UntilAsync(async () => until(status = await StatusAsync()));
        return status;
    }

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (long began = Stopwatch.GetTimestamp(); !await condition(); await Task.Delay(50))
            if (Stopwatch.GetElapsedTime(began) > s_patience) Assert.Fail("it has not come to that");
    }

    public async Task StopAsync()
    {
        if (_process is null) return;
        DynamoProcess.Terminate(_process);
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        _process.Dispose();
        _process = null;
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await KillAsync();
        _client.Dispose();
        Work.Dispose();
    }
}
