using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Spectre.Console;

namespace Dynamo.Pipeline.Host;

/// <summary>Shows what a watch does. Events come one at a time, and so does progress; the two may come at once.</summary>
internal interface IWatchReport : IProgress<WatchEvent>, IProgress<PipelineProgress>, IAsyncDisposable
{
    /// <summary>A file was put into quarantine. From any thread.</summary>
    void Quarantined(FileResult file);

    /// <summary>The watch has ended.</summary>
    /// <param name="result">What it did.</param>
    /// <param name="code">The exit code.</param>
    /// <param name="error">Why it failed; <see langword="null"/> if it was stopped.</param>
    void Stopped(PipelineResult result, ExitCode code, string? error);
}

internal static class WatchReport
{
    /// <summary>JSON lines, a picture on a terminal, lines in a log.</summary>
    /// <param name="context">Where to write.</param>
    /// <param name="settings">Those of the source.</param>
    /// <param name="isOneOfSeveral">Whether others report as well, each in its own lines.</param>
    /// <param name="json">Whether a program reads it.</param>
    /// <param name="quiet">Whether only what needs attention is told.</param>
    public static IWatchReport For(CommandContext context, HostSettings settings, bool isOneOfSeveral, bool json, bool quiet)
    {
        if (json) return new WatchJson(context.Out, settings.SourceName, Composition.Store(settings).Name);
        bool isLog = isOneOfSeveral || quiet || Console.IsOutputRedirected || Console.IsErrorRedirected || !WatchScreen.IsPossible();
        return isLog ? new WatchLog(context.Out, quiet, isOneOfSeveral ? settings.ShownSource : null) : new WatchScreen(context.Out);
    }

    /// <summary>The line of an event, without its time.</summary>
    public static string Line(WatchEvent happened) => happened switch
    {
        WatchStarted started => $"Watching {Shown.Name(started.Source)} into {Shown.Name(started.Sink)}"
            + (started.IsTold ? "." : ": it is listed again and again."),
        WaveCommitted wave => Wave(wave),
        OutageBegan outage => $"OUTAGE of {Named(outage)} Trying again until it works.",
        OutageEnded outage => $"{Shown.Name(outage.Name)} works again after {Shown.Time(outage.Lasted)}.",
        _ => happened.ToString(),
    };

    /// <summary>What fails, and why. Most reasons begin with the name themselves.</summary>
    private static string Named(OutageBegan outage)
    {
        string reason = Shown.Name(Secret.Free(outage.Reason)), name = Shown.Name(outage.Name);
        return reason.StartsWith(name, StringComparison.Ordinal) ? reason : $"{name}: {reason}";
    }

    /// <summary>How it ended, for people.</summary>
    /// <param name="outages">Those that go on.</param>
    /// <param name="result">What it did.</param>
    /// <param name="code">The exit code.</param>
    /// <param name="error">Why it failed; <see langword="null"/> if it was stopped.</param>
    public static string Stopped(IReadOnlyList<OutageBegan> outages, PipelineResult result, ExitCode code, string? error)
    {
        string how = error is not null ? "Failed" : code == ExitCode.Cancelled ? "Stopped with files that could not be written" : "Stopped";
        return $"{how}{string.Concat(outages.Select(During))}: {Totals(result)}."
            + (outages.Count == 0 ? "" : " What came since then was not looked at, or not written: the next run or watch does that.");

        static string During(OutageBegan outage) => $" during an outage of {Shown.Name(outage.Name)} (since {Shown.Utc(outage.AtUtc)})";
    }

    public static string Totals(PipelineResult result) =>
        $"{Files(result.Books)}, {Shown.Count(result.Books.RowsInserted, "new row")} in {Shown.Time(result.Elapsed)}"
        + (result.Books.Quarantined > 0 ? "; dynamo status shows what is in quarantine. " + NextSteps.Retry : "");

    /// <summary>A file that was put into quarantine, and why.</summary>
    public static string Quarantined(FileResult file) =>
        $"In quarantine: {Shown.Name(file.File.Path)}: {Shown.Name(Secret.Free(file.Defect?.ToString() ?? "no reason was given"))}";

    private static string Wave(WaveCommitted wave)
    {
        RunBooks books = wave.Books;
        double rate = books.FilesDone / Math.Max(0.001, wave.Elapsed.TotalSeconds);
        string speed = books.FilesDone >= 100 ? $", {Shown.Count(rate)} files/s" : "";
        string waiting = wave.Waiting > 0 ? $"; {Shown.Count(wave.Waiting, "file")} waiting" : "";
        string bad = books.RowsRejected > 0 ? $", {Shown.Count(books.RowsRejected)} rejected" : "";
        string age = books.Loaded > 0 ? $", the oldest file {Shown.Short(wave.Lag)} old" : "";
        return $"{Files(books)}, {Shown.Count(books.RowsRead, "row")} ({Shown.Count(books.RowsInserted)} new{bad}){age}{speed}{waiting}";
    }

    private static string Files(RunBooks books)
    {
        (long Count, string What)[] others =
            [(books.AlreadyLoaded, "already loaded"), (books.Quarantined, "quarantined"), (books.Deferred, "deferred")];
        return Shown.Count(books.Loaded, "file") + " loaded"
            + string.Concat(others.Where(other => other.Count > 0).Select(other => $", {Shown.Count(other.Count)} {other.What}"));
    }
}

/// <summary>A line for each event, with its time, for logs.</summary>
internal sealed class WatchLog(TextWriter to, bool quiet, string? source) : IWatchReport
{
    private readonly string _source = source is null ? "" : $"{source}: ";
    private readonly ActiveOutages _outages = new();

    public void Report(WatchEvent value)
    {
        _outages.Report(value);
        if (quiet && value is WatchStarted or WaveCommitted { Books.Quarantined: 0 }) return;
        // Of a wave, nothing else says whose it is.
        to.WriteLine($"{Shown.Utc(value.AtUtc)} {(value is WaveCommitted ? _source : "")}{WatchReport.Line(value)}");
    }

    public void Report(PipelineProgress value) { }

    public void Quarantined(FileResult file) =>
        to.WriteLine($"{Shown.Utc(DateTime.UtcNow)} {_source}{WatchReport.Quarantined(file)}");

    public void Stopped(PipelineResult result, ExitCode code, string? error)
    {
        to.WriteLine($"{Shown.Utc(DateTime.UtcNow)} {_source}{WatchReport.Stopped(_outages.Now, result, code, error)}");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The outages that go on, in the order in which they began. Events come one at a time.</summary>
internal sealed class ActiveOutages
{
    private readonly List<OutageBegan> _now = [];

    public IReadOnlyList<OutageBegan> Now => _now;

    public void Report(WatchEvent happened)
    {
        if (happened is OutageBegan began) _now.Add(began);
        else if (happened is OutageEnded ended) _now.RemoveAll(outage => outage.Name == ended.Name);
        // A watch that goes on after the turn of another command finds out anew.
        else if (happened is WatchStarted) _now.Clear();
    }
}

/// <summary>One JSON object a line for each event. Members may be added, but none is renamed or removed.</summary>
internal sealed class WatchJson(TextWriter to, string source, string sink) : IWatchReport
{
    private readonly ActiveOutages _outages = new();

    public void Report(WatchEvent value) => Write(json =>
    {
        _outages.Report(value);
        json.WriteString("event", value switch
        {
            WatchStarted => "started",
            WaveCommitted => "wave",
            OutageBegan => "outage",
            _ => "recovered",
        });
        json.WriteString("atUtc", value.AtUtc);
        json.WriteString("source", source);
        switch (value)
        {
            case WatchStarted started:
                json.WriteString("sink", started.Sink);
                json.WriteBoolean("told", started.IsTold);
                break;
            case WaveCommitted wave:
                RunJson.Books(json, wave.Books);
                json.WriteNumber("bytes", wave.Books.Bytes);
                Seconds(json, "elapsedSeconds", wave.Elapsed);
                Seconds(json, "lagSeconds", wave.Lag);
                json.WriteNumber("waiting", wave.Waiting);
                break;
            case OutageBegan outage:
                json.WriteString("of", outage.Name);
                json.WriteString("reason", Secret.Free(outage.Reason));
                break;
            case OutageEnded outage:
                json.WriteString("of", outage.Name);
                Seconds(json, "lastedSeconds", outage.Lasted);
                break;
        }
    });

    public void Report(PipelineProgress value) { }

    public void Quarantined(FileResult file) => Write(json =>
    {
        json.WriteString("event", "quarantined");
        json.WriteString("atUtc", DateTime.UtcNow);
        json.WriteString("source", source);
        json.WriteString("file", file.File.Path);
        JsonText.Defect(json, file.Defect);
    });

    public void Stopped(PipelineResult result, ExitCode code, string? error) => Write(json =>
    {
        json.WriteString("event", "stopped");
        json.WriteString("atUtc", DateTime.UtcNow);
        json.WriteString("outcome", error is not null ? "failed" : code == ExitCode.Cancelled ? "cancelled" : "completed");
        json.WriteNumber("exitCode", (int)code);
        JsonText.Optional(json, "error", error is null ? null : Secret.Free(error));
        json.WriteString("source", source);
        json.WriteString("sink", sink);
        JsonText.List(json, "outagesOf", _outages.Now.Select(outage => outage.Name));
        RunJson.Books(json, result.Books);
        json.WriteNumber("retries", result.Retries);
        json.WriteNumber("bytes", result.Books.Bytes);
        Seconds(json, "elapsedSeconds", result.Elapsed);
        RunJson.Notable(json, result.Notable);
    });

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static void Seconds(Utf8JsonWriter json, string name, TimeSpan time) =>
        json.WriteNumber(name, Math.Round(time.TotalSeconds, 3));

    private void Write(Action<Utf8JsonWriter> members)
    {
        string text = JsonText.Of(members);
        lock (to)
        {
            to.WriteLine(text);
            to.Flush();
        }
    }
}

/// <summary>
/// A few lines that are kept up to date on a terminal, none longer than it is wide. What others write to stderr, and outages, come as lines
/// above them.
/// </summary>
internal sealed class WatchScreen : IWatchReport
{
    private const int NameWidth = 11, UsualWidth = 80;

    private readonly Lock _gate = new();
    private readonly TextWriter _to, _error;
    private readonly Queue<(TimeSpan At, long Files)> _recent = new();
    private readonly ActiveOutages _outages = new();
    private WatchStarted? _started;
    private WaveCommitted? _last;
    private long _lost;
    private string[] _lines = [];

    public WatchScreen(TextWriter to)
    {
        (_to, _error) = (to, Console.Error);
        Console.SetError(new AboveWriter(Say));
    }

    /// <summary>Whether the terminal knows how to go back some lines.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // Spectre.Console is loaded with the first method that mentions it.
    public static bool IsPossible() => AnsiConsole.Profile.Capabilities.Ansi;

    public void Report(WatchEvent value)
    {
        lock (_gate)
        {
            _outages.Report(value);
            switch (value)
            {
                case WatchStarted started:
                    _started = started;
                    return;
                case WaveCommitted wave:
                    _last = wave;
                    return;
                case OutageBegan:
                    _lost++;
                    break;
            }
            Say($"{Shown.Utc(value.AtUtc)} {WatchReport.Line(value)}");
        }
    }

    public void Report(PipelineProgress value)
    {
        lock (_gate)
        {
            _recent.Enqueue((value.Elapsed, value.Books.FilesDone));
            while (_recent.Count > 50) _recent.Dequeue();
            string[] lines = [.. Lines(value, Width() - 1)];
            if (!lines.SequenceEqual(_lines)) Draw("", lines);
        }
    }

    public void Quarantined(FileResult file) => Say($"{Shown.Utc(DateTime.UtcNow)} {WatchReport.Quarantined(file)}");

    public void Stopped(PipelineResult result, ExitCode code, string? error)
    {
        Leave();
        _to.WriteLine($"{Shown.Utc(DateTime.UtcNow)} {WatchReport.Stopped(_outages.Now, result, code, error)}");
    }

    public ValueTask DisposeAsync()
    {
        Leave();
        return ValueTask.CompletedTask;
    }

    /// <summary>What is shown stays, and the next line comes below it.</summary>
    private void Leave()
    {
        lock (_gate) _lines = [];
        Console.SetError(_error);
    }

    /// <summary>A line above those that are kept up to date.</summary>
    private void Say(string line)
    {
        lock (_gate) Draw(line + "\n", _lines);
    }

    /// <summary>Goes back to the first line, and removes everything from there, also what a key has left, such as ^C.</summary>
    private void Draw(string above, string[] lines)
    {
        string back = _lines.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"\r\e[{_lines.Length}A\e[J");
        _lines = lines;
        _to.Write(back + above + string.Concat(lines.Select(line => line + "\n")));
        _to.Flush();
    }

    private IEnumerable<string> Lines(PipelineProgress now, int width)
    {
        (TimeSpan at, long files) = _recent.Peek();
        double rate = (now.Books.FilesDone - files) / Math.Max(0.2, (now.Elapsed - at).TotalSeconds);
        string bad = now.Books.Quarantined > 0 ? $", {Shown.Count(now.Books.Quarantined)} in quarantine" : "";
        // Of a long path, the end tells more.
        string source = Shown.Name(_started?.Source ?? "begins");
        int room = Math.Max(1, width - NameWidth);
        yield return Line("watching", source.Length <= room ? source : "…" + source[^(room - 1)..]);
        yield return Line("for", $"{Shown.Time(now.Elapsed)}; Ctrl+C stops");
        yield return Line("arrived", $"{Shown.Count(now.Books.Loaded, "file")}, {Shown.Count(now.Books.RowsInserted, "new row")}{bad}");
        yield return Line("waiting", Shown.Count(now.Backlog + now.Books.Listed - now.Books.FilesDone, "file"));
        yield return Line("rate", $"{rate.ToString("N1", CultureInfo.InvariantCulture)} files/s");
        yield return Line("last wave", _last is { } wave ? $"{Time(wave.AtUtc)}, {WatchReport.Line(wave)}" : "none yet");
        if (_outages.Now.Count == 0) yield return Line("outages", _lost == 0 ? "none" : $"none now, {Shown.Count(_lost)} since the start");
        foreach (OutageBegan outage in _outages.Now)
            yield return Line("OUTAGE", $"since {Time(outage.AtUtc)}: {Shown.Name(Secret.Free(outage.Reason))}");

        string Line(string name, string text) => name.PadRight(NameWidth) + text is var line && line.Length <= width
            ? line : line[..Math.Max(0, width - 1)] + "…";
    }

    private static string Time(DateTime utc) => utc.ToString("HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static int Width()
    {
        try
        {
            return Console.WindowWidth is > 1 and var width ? width : UsualWidth;
        }
        catch (IOException)
        {
            return UsualWidth;
        }
    }

    /// <summary>Hands on whole lines.</summary>
    private sealed class AboveWriter(Action<string> say) : TextWriter
    {
        private readonly StringBuilder _line = new();

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
            if (value != '\n') _line.Append(value);
            else WriteLine("");
        }

        public override void Write(string? value)
        {
            foreach (char one in value ?? "") Write(one);
        }

        public override void WriteLine(string? value)
        {
            string line = _line.Append(value).ToString().TrimEnd('\r');
            _line.Clear();
            say(line);
        }
    }
}
