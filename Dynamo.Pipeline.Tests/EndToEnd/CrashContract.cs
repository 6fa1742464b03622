using System.Diagnostics;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The real process, killed with SIGKILL, run again: lost = doubled = unexpected = ∅. The inbox is a folder of this machine, which
/// a distant source reaches
/// through a server.
/// </summary>
internal abstract class CrashContract
{
    private const string AfterItsEnd = "after its end";
    private const int Conditions = 4;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly int _rounds, _landed;
    private ScratchFolder _work = null!;
    private LoggerFiles _files = null!;
    private ImportOracle _oracle = null!;
    private string _pristine = null!;

    /// <param name="rounds">How often an import is killed, once to three times each, and then finished. Eight meet every stage.</param>
    /// <param name="landed">How many kills at least must meet a run at work.</param>
    protected CrashContract(int rounds, int landed) => (_rounds, _landed) = (rounds, landed);

    /// <summary>The arguments that make this inbox the source.</summary>
    protected abstract string[] Source(string inbox);

    /// <summary>The arguments that make the sink, of which this folder has one of its own.</summary>
    protected virtual string[] Sink(string folder) => ["--sink", $"sqlite:{Path.Combine(folder, "readings.db")}"];

    /// <summary>What the process finds in its environment.</summary>
    protected virtual IReadOnlyDictionary<string, string?>? Variables(string folder) => null;

    protected virtual void AssertLoaded(ImportOracle oracle, string folder, string context) =>
        oracle.AssertLoaded(Path.Combine(folder, "readings.db"), context);

    /// <summary>Whether the sink has its tables.</summary>
    protected virtual bool HasDatabase(string folder) => File.Exists(Path.Combine(folder, "readings.db"));

    /// <summary>Whether the sink is being written to.</summary>
    protected virtual bool HasRows(string folder) =>
        new FileInfo(Path.Combine(folder, "readings.db-wal")) is { Exists: true, Length: > 100_000 };

    [OneTimeSetUp]
    public void Generate()
    {
        _work = new ScratchFolder();
        _pristine = Path.Combine(_work.Path, "pristine");
        _files = new LoggerFiles(new GenerateOptions { To = _pristine, Loggers = 60, Steps = 30, Seed = 7, Bad = 0.03 });
        _files.Write();
        _oracle = new ImportOracle(_files);
    }

    [OneTimeTearDown]
    public void Remove() => _work.Dispose();

    [Test, CancelAfter(300_000)]
    public async Task Killed_at_one_stage_after_the_other_and_run_again_everything_is_there_once(CancellationToken token)
    {
        string folder = Fresh("stages");
        var killed = new List<string>();
        for (int turn = 0; turn < Conditions; turn++) killed.Add(await KillAsync(folder, Condition(turn), default, token));
        await RunToTheEndAsync(folder, token);
        TestContext.Out.WriteLine($"killed {string.Join(", ", killed)}");
        AssertComplete(folder, "killed at each stage");
    }

    [Test, Soak, CancelAfter(900_000)]
    public async Task Killed_at_any_instant_and_run_again_everything_is_there_once(CancellationToken token)
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        TimeSpan whole = await RunToTheEndAsync(Fresh("timed"), token);
        var stages = new SortedDictionary<string, int>(StringComparer.Ordinal);

        // Few rounds may miss the archive: it goes on until one kill was there, for a few rounds more at most.
        for (int kill = 0; kill < _rounds || stages.Where(pair => pair.Key != AfterItsEnd).Sum(pair => pair.Value) < _landed
            || (kill < 40 && !stages.ContainsKey("while archiving")); kill++)
        {
            string folder = Fresh($"kill{kill}");
            string context = $"seed {seed}, kill {kill}";
            // Once, or several times before it may finish: a recovery can be killed, too.
            for (int again = random.Next(1, 4); again > 0; again--)
            {
                string stage = await KillAsync(folder, kill % 3 == 0 ? Condition(kill / 3) : null, random.NextDouble() * whole, token);
                stages[stage] = stages.GetValueOrDefault(stage) + 1;
            }
            await RunToTheEndAsync(folder, token);
            AssertComplete(folder, context);
            Directory.Delete(folder, recursive: true);
        }
        TestContext.Out.WriteLine(
            $"seed {seed}; a whole run takes {whole.TotalMilliseconds:F0} ms; killed: "
                + $"{string.Join(", ", stages.Select(pair => $"{pair.Value} {pair.Key}"))}");
        Assert.That(stages.Keys, Has.Some.EqualTo("while archiving"), "a third of the kills wait for a file to reach a stage");
    }

    protected async Task TwoHostsAsync(int rounds, CancellationToken token)
    {
        for (int round = 0; round < rounds; round++)
        {
            string folder = Fresh($"two{round}of{rounds}");
            DynamoResult[] both = await Task.WhenAll(RunAsync(folder, token), RunAsync(folder, token));

            Assert.That(both.Select(run => run.ExitCode), Has.Some.EqualTo(1), "one imports, and reports the bad files");
            Assert.That(both.Select(run => run.ExitCode), Has.All.AnyOf(0, 1, 5), "the other is refused, or comes when the first is done");
            AssertComplete(folder, $"round {round}");
        }
    }

    private void AssertComplete(string folder, string context)
    {
        AssertLoaded(_oracle, folder, context);
        _oracle.AssertSettled(Path.Combine(folder, "inbox"), context);
    }

    private string Fresh(string name)
    {
        string folder = Path.Combine(_work.Path, name);
        Directory.CreateDirectory(Path.Combine(folder, "inbox"));
        foreach (string file in Directory.EnumerateFiles(_pristine))
        {
            string copy = Path.Combine(folder, "inbox", Path.GetFileName(file));
            File.Copy(file, copy);
            File.SetLastWriteTimeUtc(copy, File.GetLastWriteTimeUtc(file));
        }
        return folder;
    }

    private string[] Arguments(string folder) =>
        ["run", .. Source(Path.Combine(folder, "inbox")), .. Sink(folder), "--after", "archive", "--batch-rows", "1000", "--json"];

    private async Task<DynamoResult> RunAsync(string folder, CancellationToken token) =>
        await DynamoProcess.RunAsync(Arguments(folder), null, Variables(folder), token);

    private async Task<TimeSpan> RunToTheEndAsync(string folder, CancellationToken token)
    {
        long started = Stopwatch.GetTimestamp();
        DynamoResult run = await RunAsync(folder, token).WaitAsync(s_patience, token);
        Assert.That(run.ExitCode, Is.AnyOf(0, 1), run.StandardError);
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>What a run does that can be seen from outside: each is waited for in turn, so that no stage is left to chance.</summary>
    private Func<string, bool> Condition(int turn) => (turn % Conditions) switch
    {
        0 => HasDatabase,
        1 => HasRows,
        2 => folder => Directory.Exists(Path.Combine(folder, "inbox", "archive")),
        _ => folder => Directory.Exists(Path.Combine(folder, "inbox", "quarantine")),
    };

    private async Task<string> KillAsync(string folder, Func<string, bool>? when, TimeSpan after, CancellationToken token)
    {
        using Process process = DynamoProcess.Start(Arguments(folder), null, Variables(folder));
        Task ended = process.WaitForExitAsync(token);
        if (when is null)
            await Task.WhenAny(ended, Task.Delay(after, token));
        else
            while (!ended.IsCompleted && !when(folder)) await Task.WhenAny(ended, Task.Delay(1, token));
        process.Kill();
        await ended;
        return process.ExitCode is 0 or 1 ? AfterItsEnd : Stage(folder);
    }

    private string Stage(string folder)
    {
        string archive = Path.Combine(folder, "inbox", "archive");
        if (!HasDatabase(folder)) return "before the database";
        if (!Directory.Exists(archive)) return "before the first archive";
        return Directory.EnumerateFiles(Path.Combine(folder, "inbox")).Any() ? "while archiving" : "after the last archive";
    }
}
