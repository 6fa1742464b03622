using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>One inbox, one run in which something fails, one or two in which nothing does, and what must hold after each of them.</summary>
internal sealed class FaultScenario
{
    private const string Preload = "LD_PRELOAD";
    private const int Killed = 137;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly ScratchFolder _work;
    private readonly FaultPlace _place;
    private readonly FaultInbox _inbox;
    private readonly string _after, _command;
    private readonly bool _wasRunBefore;
    private readonly List<Fault> _faults = [], _serverFaults = [];
    private readonly List<string> _wrong = [];
    private DynamoResult? _run;

    /// <param name="work">A folder of its own.</param>
    /// <param name="place">Where the files are.</param>
    /// <param name="seed">Everything that is left to chance.</param>
    /// <param name="told">In the place of what the seed says: what <see cref="ToString"/> gave.</param>
    public FaultScenario(ScratchFolder work, FaultPlace place, int seed, string? told)
    {
        (_work, _place) = (work, place);
        var random = new Random(seed);
        _after = random.Next(4) switch { 0 => "keep", 1 => "delete", _ => "archive" };
        _command = random.Next(6) == 0 ? "retry" : "run";
        _wasRunBefore = _command == "retry" || random.Next(2) == 0;
        string[] parts = told?.Split(": ") ?? [];
        if (parts.Length > 0)
        {
            string[] words = parts[0].Split(", ");
            (_command, _after, _wasRunBefore) = (words[0], words[1], words.Contains("again"));
        }
        _inbox = new FaultInbox(new Random(seed), work.Path, _after);
        if (parts.Length == 0) Choose(random);
        else Read(parts[1]);
    }

    public override string ToString() =>
        $"{_command}, {_after}{(_wasRunBefore ? ", again" : "")}: {string.Join("; ", _faults.Select(fault => fault.ToString())
            .Concat(_serverFaults.Select(fault => $"server {fault}")))}";

    /// <summary>Whether a fault was met.</summary>
    public bool WasMet => File.Exists(Plan + ".log") || (_place.ServerPlan is { } server && File.Exists(server + ".log"));

    private string Plan => _work["plan"];

    private bool IsDeadly => _faults.Exists(fault => fault.What == "die");

    private void Choose(Random random)
    {
        bool isServer = _place.ServerPlan is not null && random.Next(2) == 0;
        if (isServer)
        {
            _serverFaults.Add(Fault.OnServer(random));
            return;
        }
        if (_place.ServerPlan is not null && random.Next(3) > 0)
        {
            _faults.Add(_place.IsManaged ? Fault.OnSocket(random) : Fault.OnPipe(random));
            return;
        }
        if (Fault.Oddity(random) is { } oddity) _faults.Add(oddity);
        _faults.Add(Fault.OnDisk(random));
        if (random.Next(6) == 0) _faults.Add(Fault.OnDisk(random));
    }

    private void Read(string faults)
    {
        const string Server = "server ";
        foreach (string fault in faults.Split(';', StringSplitOptions.TrimEntries))
        {
            if (fault.StartsWith(Server, StringComparison.Ordinal)) _serverFaults.Add(Fault.Parse(fault[Server.Length..]));
            else _faults.Add(Fault.Parse(fault));
        }
    }

    /// <summary>Returns what is wrong.</summary>
    public async Task<List<string>> RunAsync(CancellationToken token)
    {
        _inbox.DeliverSome();
        if (_wasRunBefore) await CleanRunAsync("run", token);
        _inbox.DeliverAll(_wasRunBefore);
        if (_command == "retry") await CleanRunAsync("run", token);
        FaultInbox.State before = _inbox.CheckNow(_wrong);
        if (before.Condemned.Count > 0) _wrong.Add($"condemned without a fault: {string.Join(", ", before.Condemned)}");
        if (_wrong.Count > 0) return _wrong;

        bool hasRefused = await FaultyRunAsync(before, token);
        if (_wrong.Count > 0) return Told();

        if (hasRefused || _command == "retry") await CleanRunAsync("retry", token);
        // A file that an interrupted run had set aside waits for another of its name.
        if (await CleanRunAsync("run", token) is { } json && Number(json, "files", "deferred") > 0) await CleanRunAsync("run", token);
        _inbox.CheckComplete(_wrong);
        if (_wrong.Count == 0 && await CleanRunAsync("run", token) is { } last && Number(last, "files", "loaded") > 0)
            _wrong.Add("files are loaded once more");
        return Told();
    }

    /// <summary>Returns whether files are in quarantine that may not be read.</summary>
    private async Task<bool> FaultyRunAsync(FaultInbox.State before, CancellationToken token)
    {
        Write(Plan, _faults);
        if (_place.ServerPlan is { } server) Write(server, _serverFaults);
        var environment = new Dictionary<string, string?>
        {
            [Preload] = _place.Library,
            ["FAULTS_PLAN"] = Plan,
            ["FAULTS_CLIENT"] = "1",
        };
        DynamoResult? result = await StartAsync(_command, environment, "with the fault", token);
        if (_place.ServerPlan is { } plan) File.Delete(plan);
        if (result is null) return false;
        _run = result;
        FaultInbox.State now = _inbox.CheckNow(_wrong);
        int loaded = now.Loaded - before.Loaded;
        CheckRefused(result, before, now);
        bool isHeld = result.ExitCode == 5 && _faults.Exists(fault => fault is { Call: "lock" or "create" or "open" });
        if (result.ExitCode == Killed ? !IsDeadly : result.ExitCode is not (0 or 1 or 3 or 4) && !isHeld)
            _wrong.Add($"exit code {result.ExitCode}");
        if (result.StandardError.Contains("   at ", StringComparison.Ordinal)) _wrong.Add("a stack trace");
        if (result.ExitCode is 0 or 1 && _command == "run") CheckReport(result, loaded);
        if (result.ExitCode == 0 && _command == "retry") _inbox.CheckReturned(_wrong);
        return now.Condemned.Count > 0;
    }

    /// <summary>
    /// A good file is in quarantine only if the right to read it was missing, each time it was tried, while others could be read. That
    /// the right is missing at one file, and at no other, is told: it is there, with exit code 1. If it is missing everywhere, the source
    /// has failed. A file that the ledger has as loaded, and that is at the source again, waits until it can be compared.
    /// </summary>
    private void CheckRefused(DynamoResult result, FaultInbox.State before, FaultInbox.State now)
    {
        Dictionary<string, int> denials = Denials();
        bool hasGiven = now.Loaded > before.Loaded || (now.HasBad && !before.HasBad);
        foreach (string name in now.Condemned.Where(name => denials.GetValueOrDefault(name) < 2)) _wrong.Add($"condemned: {name}");
        if (now.Condemned.Count > 0 && !hasGiven)
            hasGiven = result.ExitCode is 0 or 1 && Number(Json(result), "files", "alreadyLoaded") > 0;
        if (now.Condemned.Count > 0 && !hasGiven) _wrong.Add($"{now.Condemned.Count} files condemned by a source that gave none");
        if (_command != "run" || _faults.Concat(_serverFaults).ToArray() is not [{ IsDenial: true } only]) return;
        if (only.IsDenialOfAll && result.ExitCode != 3) _wrong.Add("no file may be opened, and the source has not failed");
        if (!only.Place.StartsWith("inbox/", StringComparison.Ordinal) || denials.Count == 0) return;
        if (result.ExitCode != 1 || !now.Condemned.SetEquals(denials.Keys.Except(before.Known)))
            _wrong.Add("the file that may not be read is not in quarantine");
    }

    /// <summary>How often the right to open, to look at or to read which file was missing.</summary>
    private Dictionary<string, int> Denials()
    {
        string inbox = $" {_inbox.Path}{Path.DirectorySeparatorChar}";
        return Logs().SelectMany(File.ReadLines)
            .Where(line => line.Split(' ') is ["open" or "stat" or "read", "inbox", var error, ..] && error == $"{Fault.Denied}")
            .Select(line => line.Split(inbox)).Where(parts => parts.Length == 2)
            .CountBy(parts => parts[1]).ToDictionary();
    }

    private IEnumerable<string> Logs() => new[] { Plan + ".log", _place.ServerPlan + ".log" }.Where(File.Exists);

    /// <summary>What a run says that believes to have done its work.</summary>
    private void CheckReport(DynamoResult result, int loaded)
    {
        JsonElement json = Json(result);
        if (json.ValueKind != JsonValueKind.Object) return;
        int told = Number(json, "files", "loaded"), deferred = Number(json, "files", "deferred");
        int listed = Number(json, "files", "listed"), quarantined = Number(json, "files", "quarantined");
        if (listed != told + deferred + quarantined + Number(json, "files", "alreadyLoaded") + Number(json, "files", "alreadyQuarantined"))
            _wrong.Add("the books of files do not balance");
        if (Number(json, "rows", "read") != Number(json, "rows", "inserted") + Number(json, "rows", "updated")
            + Number(json, "rows", "unchanged") + Number(json, "rows", "rejected"))
            _wrong.Add("the books of rows do not balance");
        if (told != loaded) _wrong.Add($"{told} files reported as loaded, {loaded} new in the ledger");
        bool isBad = quarantined > 0 || Number(json, "rows", "rejected") > 0;
        if (result.ExitCode != (isBad ? 1 : 0)) _wrong.Add($"exit code {result.ExitCode} with {quarantined} quarantined");
    }

    /// <summary>A run without a fault. Returns its report.</summary>
    private async Task<JsonElement?> CleanRunAsync(string command, CancellationToken token)
    {
        if (await StartAsync(command, [], "without a fault", token) is not { } result) return null;
        if (result.ExitCode is not (0 or 1))
        {
            _wrong.Add($"{command} without a fault ended with {result.ExitCode}: "
                + $"{result.StandardError.Trim()} {result.StandardOutput.Trim()}");
            return null;
        }
        return Json(result);
    }

    private async Task<DynamoResult?> StartAsync(
        string command, Dictionary<string, string?> environment, string which, CancellationToken token)
    {
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)[
            ("AFTER", _after), ("SETTLE", "0s"), ("STREAMABOVE", "2KiB"), ("RETRYDELAY", "10ms"), ("WRITERETRIES", "4"),
            ("BUSYTIMEOUT", "300ms"), ("STOPDEADLINE", "4s"), ("SFTP__DEADLINE", "4s"), ("SFTP__RECONNECTS", "3"),
            ("SFTP__CLOCKSKEW", "0s"), ("SFTP__CONNECTTIMEOUT", "20s"), ("BATCHFILES", "7")])
            environment[$"DYNAMO__{name}"] = value;
        string[] arguments = [command, .. _place.Source(_inbox.Path), "--sink", $"sqlite:{_inbox.Database}", "--json"];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(token);
        patience.CancelAfter(s_patience);
        try
        {
            // Only the run in which something fails needs a process of its own.
            return environment.ContainsKey(Preload)
                ? await DynamoProcess.RunAsync(arguments, _work.Path, environment, patience.Token)
                : await DynamoWorker.RunAsync(arguments, _work.Path, environment, s_patience, patience.Token);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            _wrong.Add($"{command} {which} did not end in {s_patience.TotalSeconds} s");
            return null;
        }
    }

    private void Write(string plan, List<Fault> faults)
    {
        foreach (string of in Directory.EnumerateFiles(Path.GetDirectoryName(plan)!, Path.GetFileName(plan) + ".*")) File.Delete(of);
        File.WriteAllLines(plan, [$"root {_work.Path}", .. faults.Select(fault => fault.ToString())]);
    }

    private List<string> Told()
    {
        if (_wrong.Count > 0 && _run is { } run)
        {
            string met = string.Join(" | ", Logs().SelectMany(log => File.ReadLines(log).Take(3)));
            _wrong.Add($"the run with the fault ended with {run.ExitCode}: {run.StandardError.Trim()} (met: {met})");
        }
        return _wrong;
    }

    private JsonElement Json(DynamoResult result)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(result.StandardOutput);
            return json.RootElement.Clone();
        }
        catch (JsonException error)
        {
            _wrong.Add($"no JSON with exit code {result.ExitCode}: {error.Message}: {result.StandardOutput}");
            return default;
        }
    }

    private static int Number(JsonElement json, string group, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(group, out JsonElement found)
            && found.ValueKind == JsonValueKind.Object ? found.GetProperty(name).GetInt32() : 0;
}

/// <summary>Where the files of scenarios are that run one after the other.</summary>
/// <param name="Library">The library that injects faults.</param>
/// <param name="Source">The arguments that make a folder of this machine the source.</param>
/// <param name="Server">The server, if there is one.</param>
/// <param name="ServerPlan">The plan of the server's processes.</param>
/// <param name="IsManaged">Whether the connection is a socket of this process.</param>
internal sealed record FaultPlace(
    string Library, Func<string, string[]> Source, IDisposable? Server = null, string? ServerPlan = null, bool IsManaged = false)
    : IDisposable
{
    public void Dispose() => Server?.Dispose();
}
