using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Analysis;
using Microsoft.Extensions.Logging;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// All that looks on while a command imports: the page, the exporters, the log, the notices. It is set up as far as somebody asked for it,
/// and an import that nobody looks at loads none of it.
/// </summary>
internal sealed class Observation : IAsyncDisposable
{
    private readonly Exporters? _exporters;
    private readonly ILoggerFactory? _log;
    private readonly StatusServer? _server;
    private readonly StatusBoard _board;
    private readonly BoardMeter? _meter;
    private Task? _loading;
    private readonly CancellationTokenSource _ended = new();

    private Observation(StatusBoard board, Exporters? exporters, ILoggerFactory? log, StatusServer? server) =>
        (_board, _exporters, _log, _server, _meter) =
            (board, exporters, log, server, exporters?.Metrics is null ? null : new BoardMeter(board));

    /// <summary>Where the page is; <see langword="null"/>: it is not served.</summary>
    public string? Address => _server?.Address;

    /// <summary>Sets up what the settings and the environment ask for; <see langword="null"/>: nothing.</summary>
    /// <exception cref="SettingsException">It cannot be had.</exception>
    public static ValueTask<Observation?> BeginAsync(string command, HostSettings settings, TextWriter error)
    {
        ObserveOptions options = settings.Observe;
        bool isAsked = options.Listen is not null || options.Log is not null || options.NotifyUrl is not null
            || options.NotifyCommand.Count > 0
            || Environment.GetEnvironmentVariables().Keys.OfType<string>().Any(name => name.StartsWith("OTEL_", StringComparison.Ordinal));
        return isAsked ? BeginAskedAsync(command, settings, error) : default;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // What it needs is loaded with the first method that mentions it.
    private static async ValueTask<Observation?> BeginAskedAsync(string command, HostSettings settings, TextWriter error)
    {
        ObserveOptions options = settings.Observe;
        ObserveSettings.Check(options);
        Exporters? exporters = Exporters.Begin(isServed: options.Listen is not null);
        StatusServer? server = null;
        try
        {
            var board = new StatusBoard(command, options, settings.Pipeline.StallTimeout, TimeProvider.System);
            if (options.Listen is not null) server = StatusServer.Start(board, options, exporters!.Metrics!, error);
            board.Notices = Notices.Begin(options, board, error);
            return new Observation(board, exporters, Log(options, exporters, error), server);
        }
        catch
        {
            if (server is not null) await server.DisposeAsync();
            exporters?.Dispose();
            throw;
        }
    }

    private static ILoggerFactory? Log(ObserveOptions options, Exporters? exporters, TextWriter error)
    {
        if (options.Log is null && exporters?.Logs is null) return null;
        return LoggerFactory.Create(builder =>
        {
            builder.SetMinimumLevel(options.LogLevel);
            if (options.Log is { } format) builder.AddProvider(new LogLines(error, format, options.LogLevel, LogLines.IsJournal));
            exporters?.Logs?.Invoke(builder);
        });
    }

    /// <summary>The settings of a source, so that it writes to the log.</summary>
    public HostSettings Logged(HostSettings settings) => _log is null ? settings : settings with
    {
        Pipeline = settings.Pipeline with { LoggerFactory = _log },
        Sftp = settings.Sftp with { LoggerFactory = _log },
    };

    /// <summary>A source that is imported from now on.</summary>
    public SourceBoard Add(HostSettings settings)
    {
        // All sources go into one database.
        if (_server is not null || _meter is not null || _board.Notices is not null)
            _loading ??= Task.Run(() => KnownReadings.LoadAsync(settings, _board, TimeProvider.System, _ended.Token));
        return _board.Add(settings);
    }

    /// <summary>The areas that are looked after beside the import; <see langword="null"/>: none.</summary>
    public void LookAt(AreaAnalysis? areas) => _board.Areas = areas;

    /// <summary>An event of an area.</summary>
    public void Tell(AreaEvent told)
    {
        _board.Notices?.Tell(told);
        _board.Changed();
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        if (_loading is not null) await _loading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_board.Notices is not null) await _board.Notices.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        _log?.Dispose();
        _exporters?.Dispose();
        _meter?.Dispose();
        _ended.Dispose();
    }
}
