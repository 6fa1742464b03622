using System.Diagnostics;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A watch of a folder into SQLite, with what it tells. Files come in from beside the folder, renamed, as a server does that receives
/// uploads, unless a test writes them in place.
/// </summary>
internal sealed class Watched : IAsyncDisposable, IProgress<WatchEvent>
{
    /// <summary>Long enough for a busy machine; only a test that fails waits so long.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly ScratchFolder _work = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<WatchEvent> _events = [];
    private Task<PipelineResult>? _watching;
    private int _next;

    public Watched() : this(null) { }

    /// <param name="database">Where the database is, if not beside the folder.</param>
    public Watched(string? database)
    {
        Database = database ?? _work["readings.db"];
        Directory.CreateDirectory(Inbox);
        Directory.CreateDirectory(_work["beside"]);
    }

    public string Inbox => _work["inbox"];

    public string Database { get; }

    /// <summary>Nothing but events finds files, and a file that only a sweep sees never settles.</summary>
    public static WatchOptions EventsOnly { get; } = new() { Sweep = TimeSpan.FromHours(1), LongestPause = TimeSpan.FromSeconds(1) };

    /// <summary>Sweeps find files soon.</summary>
    public static WatchOptions Sweeps { get; } = EventsOnly with { Sweep = TimeSpan.FromMilliseconds(50) };

    public IReadOnlyList<WatchEvent> Events
    {
        get
        {
            lock (_events) return [.. _events];
        }
    }

    public void Report(WatchEvent value)
    {
        lock (_events) _events.Add(value);
    }

    /// <summary>Begins to watch.</summary>
    public void Start(
        WatchOptions? watch = null, Func<FolderSourceOptions, FolderSourceOptions>? folder = null, IFileSource? source = null,
        SqliteSinkOptions? sqlite = null, IBatchSink<Reading>? sink = null)
    {
        FolderSourceOptions chosen = new() { AfterCommit = AfterCommit.Archive, ArchiveFolder = "archive" };
        source ??= new FolderSource(Inbox, folder?.Invoke(chosen) ?? chosen);
        sink ??= new SqliteSink<Reading>(Database, ReadingTable.Default, sqlite);
        FilePipeline<Reading> pipeline = FilePipeline.From(source).Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink);
        _watching = Task.Run(async () =>
        {
            await using (source)
            await using (sink)
                return await pipeline.WatchAsync(watch ?? EventsOnly, this, null, _stop.Token);
        });
    }

    /// <summary>Begins to watch, and waits until it does.</summary>
    public async Task StartAsync(WatchOptions? watch = null, Func<FolderSourceOptions, FolderSourceOptions>? folder = null)
    {
        Start(watch, folder);
        await UntilAsync(() => Events.OfType<WatchStarted>().Any(), "started");
    }

    /// <summary>The text of a file with its own reading, and the name that goes with it.</summary>
    public (string Name, string Text) Next(string? name = null)
    {
        int number = Interlocked.Increment(ref _next);
        return (name ?? FormattableString.Invariant($"f{number:D6}.csv"),
            FormattableString.Invariant($"logger,channel,timestamp,value\nL{number:D6},p,2025-01-01T00:00:00Z,{number}\n"));
    }

    /// <summary>Renames new files in.</summary>
    public void Land(int count = 1, string below = "")
    {
        for (int i = 0; i < count; i++)
        {
            (string name, string text) = Next();
            string upload = Path.Join(_work["beside"], name);
            File.WriteAllText(upload, text);
            File.Move(upload, Path.Join(Inbox, below, name));
        }
    }

    public long Readings()
    {
        if (!File.Exists(Database)) return 0;
        using var connection = new SqliteConnection($"Data Source={Database};Mode=ReadOnly;Pooling=False");
        return connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master WHERE name = 'Reading'") == 0
            ? 0 : connection.ExecuteScalar<long>("SELECT count(*) FROM Reading");
    }

    public T Scalar<T>(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Mode=ReadOnly;Pooling=False");
        return connection.ExecuteScalar<T>(sql)!;
    }

    public Task UntilReadingsAsync(long count) => UntilAsync(() => Readings() == count, $"{count} readings");

    /// <summary>Waits until something is so.</summary>
    public async Task UntilAsync(Func<bool> isSo, string what)
    {
        for (long began = Stopwatch.GetTimestamp(); !isSo(); await Task.Delay(5))
        {
            if (_watching is { IsFaulted: true }) await _watching;
            if (Stopwatch.GetElapsedTime(began) > s_patience)
                Assert.Fail($"not so after {s_patience}: {what}; {Readings()} readings; {string.Join(" | ", Events)}");
        }
    }

    /// <summary>Stops the watch.</summary>
    public async Task<PipelineResult> StopAsync()
    {
        await _stop.CancelAsync();
        return await _watching!.WaitAsync(s_patience);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_watching is not null) await Task.WhenAny(_watching, Task.Delay(s_patience));
        _stop.Dispose();
        _work.Dispose();
    }
}
