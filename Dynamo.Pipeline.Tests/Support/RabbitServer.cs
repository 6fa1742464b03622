using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using RabbitMQ.Client;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A real RabbitMQ of our own: free loopback ports, its own epmd, cookie and directories, run as whoever runs the tests.
/// </summary>
internal sealed class RabbitServer : IDisposable
{
    private const string Programs = "/usr/lib/rabbitmq/bin";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly string _folder;
    private readonly int _epmdPort, _distributionPort;
    private readonly Process _epmd;
    private readonly string _node;
    private Process? _process;

    /// <param name="folder">A temporary folder; the caller removes it.</param>
    /// <param name="configuration">Further lines of rabbitmq.conf.</param>
    /// <param name="plugin">A plugin; none by default.</param>
    public RabbitServer(string folder, string configuration = "", string plugin = "")
    {
        Require();
        _folder = Directory.CreateDirectory(Path.Combine(folder, "rabbitmq")).FullName;
        (Port, _epmdPort, _distributionPort) = (LoopbackPort.Next(), LoopbackPort.Next(), LoopbackPort.Next());
        _node = string.Create(CultureInfo.InvariantCulture, $"t{Port}@localhost");
        Directory.CreateDirectory(Path.Combine(_folder, "home"));
        string cookie = Path.Combine(_folder, "home", ".erlang.cookie");
        File.WriteAllText(cookie, "TESTS");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(cookie, UnixFileMode.UserRead);
        File.WriteAllText(Path.Combine(_folder, "rabbitmq.conf"), $"""
            listeners.tcp.1 = 127.0.0.1:{Port}
            vm_memory_high_watermark.absolute = 512MB
            disk_free_limit.absolute = 10MB
            heartbeat = 6
            {configuration}

            """);
        File.WriteAllText(Path.Combine(_folder, "advanced.config"), "[].\n");
        File.WriteAllText(Path.Combine(_folder, "enabled_plugins"), $"[{plugin}].\n");
        _epmd = Begin("epmd", ["-port", Text(_epmdPort), "-address", "127.0.0.1"]);
        Start();
    }

    public int Port { get; }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{Port}/");

    /// <summary>Skips the test where there is none; in CI that is a failure.</summary>
    public static void Require()
    {
        if (!File.Exists(Path.Combine(Programs, "rabbitmq-server"))) External.Missing("needs RabbitMQ (Debian: rabbitmq-server)");
    }

    /// <summary>Starts it, and waits until it takes work.</summary>
    public void Start()
    {
        _process = Begin(Path.Combine(Programs, "rabbitmq-server"), []);
        for (long began = Stopwatch.GetTimestamp(); !Answers(); Thread.Sleep(50))
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(began) > s_patience) Assert.Fail($"RabbitMQ did not start: {Log()}");
        }
        Control("await_startup");
    }

    /// <summary>Runs <c>rabbitmqctl</c>.</summary>
    public string Control(params string[] arguments)
    {
        using Process process = Begin(Path.Combine(Programs, "rabbitmqctl"), ["--node", _node, "--quiet", .. arguments]);
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"rabbitmqctl {string.Join(' ', arguments)}: {output}{error}");
        return output;
    }

    /// <summary>Makes a queue.</summary>
    public void Declare(string queue, Dictionary<string, object?> arguments) => UseAsync(
        channel => channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments)).GetAwaiter()
            .GetResult();

    /// <summary>Sends a message to a queue.</summary>
    public Task PublishAsync(string queue, byte[] message, CancellationToken token) =>
        UseAsync(channel => channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties(), message, token).AsTask());

    private async Task UseAsync(Func<IChannel, Task> use)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = new Uri(Url) }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await use(channel);
    }

    /// <summary>Kills it, as a power cut does.</summary>
    public void Kill()
    {
        if (_process is null) return;
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Forgets all that it had. It must not be running.</summary>
    public void Wipe() => Directory.Delete(Path.Combine(_folder, "mnesia"), recursive: true);

    public void Dispose()
    {
        Kill();
        _epmd.Kill(entireProcessTree: true);
        _epmd.WaitForExit();
        _epmd.Dispose();
    }

    private bool Answers()
    {
        try
        {
            using var client = new TcpClient();
            client.Connect("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string Log() => string.Join(
        '\n', Directory.EnumerateFiles(Path.Combine(_folder, "log")).SelectMany(File.ReadLines).TakeLast(20));

    private Process Begin(string program, string[] arguments)
    {
        bool isShort = Path.GetFileName(program) == "rabbitmqctl";
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
        [
            ("HOME", Path.Combine(_folder, "home")),
            ("RABBITMQ_NODENAME", _node),
            ("RABBITMQ_CONF_ENV_FILE", Path.Combine(_folder, "none")),
            ("RABBITMQ_CONFIG_FILE", Path.Combine(_folder, "rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", Path.Combine(_folder, "advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", Path.Combine(_folder, "enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", Path.Combine(_folder, "mnesia")),
            ("RABBITMQ_LOG_BASE", Path.Combine(_folder, "log")),
            ("RABBITMQ_PID_FILE", Path.Combine(_folder, "pid")),
            ("RABBITMQ_DIST_PORT", Text(_distributionPort)),
            ("ERL_EPMD_PORT", Text(_epmdPort)),
            ("ERL_EPMD_ADDRESS", "127.0.0.1"),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2 +SDcpu 2 +SDio 2 -kernel inet_dist_use_interface {127,0,0,1}"),
            ("ERL_CRASH_DUMP_SECONDS", "0"),
            ("RUNNING_UNDER_SYSTEMD", "true"),
        ])
            start.Environment[name] = value;
        Process process = Process.Start(start)!;
        if (isShort) return process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
