using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using System.ServiceProcess;
using System.Text;
using Microsoft.Extensions.Hosting.WindowsServices;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The program where Windows' service manager has started it: the manager is told that it runs, its stop is that of Ctrl+C, and what it
/// would print goes to the event log. A program that ends by itself stops with its exit code, so that the manager can start it again.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsService : ServiceBase
{
    /// <summary>A stop takes as long as the stop deadline, and a minute more where something does not answer.</summary>
    private static readonly TimeSpan s_stop = TimeSpan.FromSeconds(90);

    private readonly string[] _args;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    private WindowsService(string[] args)
    {
        _args = args;
        ServiceName = "dynamo";
        CanShutdown = true;
    }

    /// <summary>Whether the service manager has started this process.</summary>
    [SupportedOSPlatformGuard("windows")]
    public static bool IsThis => OperatingSystem.IsWindows() && Asked();

    /// <summary>Runs until the service manager stops it.</summary>
    public static int Run(string[] args)
    {
        using var service = new WindowsService(args);
        Run(service);
        return service.ExitCode;
    }

    protected override void OnStart(string[] args)
    {
        Console.SetOut(new LogWriter(EventLog, EventLogEntryType.Information));
        Console.SetError(new LogWriter(EventLog, EventLogEntryType.Warning));
        _running = Task.Run(RunAsync);
    }

    protected override void OnStop()
    {
        _stop.Cancel();
        RequestAdditionalTime(s_stop);
        _running.Wait();
    }

    protected override void OnShutdown() => OnStop();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _stop.Dispose();
        base.Dispose(disposing);
    }

    private async Task RunAsync()
    {
        ExitCode = (int)await DynamoHost.MainAsync(_args, _stop.Token);
        // From another task: a stop waits for this one.
        if (!_stop.IsCancellationRequested) _ = Task.Run(Stop);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // The library is loaded with the first method that mentions it.
    private static bool Asked() => WindowsServiceHelpers.IsWindowsService();

    /// <summary>An entry in the event log for each line.</summary>
    private sealed class LogWriter(EventLog log, EventLogEntryType kind) : TextWriter
    {
        private readonly StringBuilder _line = new();

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(string? value)
        {
            lock (_line)
            {
                _line.Append(value);
                if (value?.EndsWith('\n') != true) return;
                string text = _line.ToString().Trim();
                _line.Clear();
                if (text.Length > 0) log.WriteEntry(text, kind);
            }
        }

        public override void WriteLine(string? value) => Write(value + "\n");
    }
}
