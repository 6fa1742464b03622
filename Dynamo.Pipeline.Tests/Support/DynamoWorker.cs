using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A process that runs one <c>dynamo</c> after the other. Most of a short run of <c>dynamo.dll</c> is the compilation of its code;
/// here that happens once. Each run has the folder, the variables and the output of its own, as in a process of its own.
/// Runs that a test kills, signals or gives other variables get a real one (see <see cref="DynamoProcess"/>), and so does every run
/// where DYNAMO_TEST_PROGRAM names a published program, as in CI.
/// </summary>
internal sealed class DynamoWorker
{
    private static readonly ConcurrentBag<DynamoWorker> s_idle = [];

    private readonly Process _process;

    private DynamoWorker(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _process.BeginErrorReadLine();
    }

    /// <param name="Arguments">What follows <c>dynamo</c> on the command line.</param>
    /// <param name="Folder">The current directory.</param>
    /// <param name="Variables">Set for this run only.</param>
    private sealed record Run(string[] Arguments, string Folder, Dictionary<string, string?> Variables);

    /// <summary>Runs it to its end. The worker is killed when that takes too long, or when the test is cancelled.</summary>
    public static async Task<DynamoResult> RunAsync(
        IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string?> variables, TimeSpan patience,
        CancellationToken cancellationToken)
    {
        if (!s_idle.TryTake(out DynamoWorker? worker)) worker = new DynamoWorker(Start());
        try
        {
            string run = JsonSerializer.Serialize(new Run([.. arguments], folder, new(variables)));
            await worker._process.StandardInput.WriteLineAsync(run.AsMemory(), cancellationToken);
            await worker._process.StandardInput.FlushAsync(cancellationToken);
            string? answer = await worker._process.StandardOutput.ReadLineAsync(cancellationToken)
                .AsTask().WaitAsync(patience, cancellationToken);
            if (answer is null) throw new EndOfStreamException("dynamo ended its worker");
            DynamoResult result = JsonSerializer.Deserialize<DynamoResult>(answer)!;
            s_idle.Add(worker);
            return result;
        }
        catch (Exception)
        {
            worker._process.Kill();
            worker._process.Dispose();
            throw;
        }
    }

    /// <summary>The tests' assembly as a program. It ends with its input, and so with the tests.</summary>
    private static async Task Main(string[] args)
    {
        if (await Alone.DoAsync(args)) return;
        using var input = new StreamReader(Console.OpenStandardInput());
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        TextWriter error = Console.Error;
        Cultures.Choose(["sqlserver"]);
        while (await input.ReadLineAsync() is { } line)
        {
            Run run = JsonSerializer.Deserialize<Run>(line)!;
            Directory.SetCurrentDirectory(run.Folder);
            foreach ((string name, string? value) in run.Variables) Environment.SetEnvironmentVariable(name, value);
            var (said, reported) = (new StringWriter(), new StringWriter());
            Console.SetOut(said);
            Console.SetError(reported);
            ExitCode code = await DynamoHost.MainAsync(run.Arguments);
            Console.SetError(error);
            foreach (string name in run.Variables.Keys) Environment.SetEnvironmentVariable(name, null);
            await output.WriteLineAsync(JsonSerializer.Serialize(new DynamoResult((int)code, $"{said}", $"{reported}")));
        }
    }

    /// <summary>The tests' assembly as a program, which waits for arguments.</summary>
    public static ProcessStartInfo Start()
    {
        string tests = Path.Combine(AppContext.BaseDirectory, "Dynamo.Pipeline.Tests");
        var start = new ProcessStartInfo(DynamoProcess.Dotnet(),
            ["exec", "--runtimeconfig", tests + ".runtimeconfig.json", "--depsfile", tests + ".deps.json", tests + ".dll"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        DynamoProcess.RemoveOwnVariables(start);
        DynamoProcess.AddToPath(start);
        return start;
    }
}
