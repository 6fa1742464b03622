using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading.Channels;
using Dynamo.Pipeline.Folder;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Sends word when something is wrong, and when it is right again: a JSON object by HTTP POST, or to a program's stdin. Each notice is put
/// into a folder first and stays there until it was taken, across restarts, tried again and again with growing pauses. The import never
/// waits for it. What belongs together is one notice: files in quarantine of ten seconds, loggers that became late in a minute.
/// </summary>
internal sealed class Notices : IAsyncDisposable
{
    private const int MostWaiting = 1_000, MostNamed = 50, MostTogether = 10_000;

    private static readonly TimeSpan s_together = TimeSpan.FromSeconds(10), s_look = TimeSpan.FromMinutes(1),
        s_start = TimeSpan.FromSeconds(5), s_tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5), s_longestTry = TimeSpan.FromSeconds(30),
        s_oldest = TimeSpan.FromDays(7);

    /// <summary>A link could lead to any file, which would be sent.</summary>
    private static readonly EnumerationOptions s_noLinks = new() { AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly ObserveOptions _options;
    private readonly StatusBoard _board;
    private readonly TextWriter _error;
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<(DateTime AtUtc, string Kind, Action<Utf8JsonWriter> Members)> _told =
        System.Threading.Channels.Channel.CreateBounded<(DateTime, string, Action<Utf8JsonWriter>)>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly Lock _gate = new();
    private readonly List<(string File, string Problem)> _quarantined = [];
    private readonly ToldLate _late;
    private readonly Task _work;
    private long _number, _quarantinedMore;
    private DateTime? _quarantinedSince;

    private Notices(ObserveOptions options, StatusBoard board, TextWriter error)
    {
        (_options, _board, _error, _late) = (options, board, error, new ToldLate(options.NotifySpool));
        _work = Task.Run(WorkAsync);
    }

    /// <summary>For those whom the settings name; <see langword="null"/>: nobody.</summary>
    /// <exception cref="SettingsException">The folder cannot be had.</exception>
    public static Notices? Begin(ObserveOptions options, StatusBoard board, TextWriter error)
    {
        if (options.NotifyUrl is null && options.NotifyCommand.Count == 0) return null;
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(options.NotifySpool);
            else Directory.CreateDirectory(options.NotifySpool, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException("notify:spool", $"the folder '{options.NotifySpool}' cannot be made: {failed.Message}");
        }
        return new Notices(options, board, error);
    }

    public void Tell(SourceBoard source, WatchEvent happened)
    {
        if (happened is OutageBegan began) Tell("outage", began.Name, source.Public(began.Reason), null);
        else if (happened is OutageEnded ended)
            Tell("recovery", ended.Name, $"It works again, after {Shown.Time(ended.Lasted)}.", ended.Lasted);

        void Tell(string kind, string of, string message, TimeSpan? lasted) => this.Tell(kind, happened.AtUtc, json =>
        {
            json.WriteString("source", source.Name);
            json.WriteString("of", source.IsSource(of) ? source.Name : source.Sink);
            json.WriteString("message", message);
            if (lasted is { } time) json.WriteNumber("lastedSeconds", Math.Round(time.TotalSeconds));
        });
    }

    public void Tell(CommittedBatch<Reading> batch)
    {
        foreach (FileResult result in batch.Results)
        {
            if (result.Outcome != FileOutcome.Quarantined) continue;
            lock (_gate)
            {
                _quarantinedSince ??= DateTime.UtcNow;
                if (_quarantined.Count < MostTogether) _quarantined.Add((result.File.Path, PublicText.Of(result.Defect?.ToString() ?? "")));
                else _quarantinedMore++;
            }
        }
    }

    /// <summary>An event of an area, unless it is of a history that is read now.</summary>
    public void Tell(AreaEvent told)
    {
        if (DateTime.UtcNow - told.Event.Changed > EventText.News) return;
        Tell("burst", DateTime.UtcNow, json =>
        {
            json.WriteString("message", EventText.Line(told));
            EventText.Write(json, told);
        });
    }

    public void TellFailed(SourceBoard source, string error, bool unbalanced) =>
        Tell(unbalanced ? "unbalanced" : "failed", DateTime.UtcNow, json =>
    {
        json.WriteString("source", source.Name);
        json.WriteString("message", source.Public(error));
    });

    /// <summary>What was told is in the folder, and handed over if that is quick. The rest, the next start hands over.</summary>
    public async ValueTask DisposeAsync()
    {
        TellTogether(force: true);
        _told.Writer.TryComplete();
        await Task.WhenAny(_work, Task.Delay(TimeSpan.FromSeconds(3)));
        await _ended.CancelAsync();
        await Task.WhenAny(_work, Task.Delay(TimeSpan.FromSeconds(2)));
    }

    private void Tell(string kind, DateTime atUtc, Action<Utf8JsonWriter> members) => _told.Writer.TryWrite((atUtc, kind, members));

    private async Task WorkAsync()
    {
        var pauses = new Dictionary<string, (TimeSpan Pause, long Since)>(StringComparer.Ordinal);
        using HttpClient? client = _options.NotifyUrl is null ? null
            : new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = s_longestTry };
        long began = Stopwatch.GetTimestamp(), looked = began;
        Task<bool>? news = null;
        while (!_ended.IsCancellationRequested)
        {
            bool isOver = _told.Reader.Completion.IsCompleted;
            // One at a time: the channel keeps each that waits until something is told, which may be never.
            news ??= _told.Reader.WaitToReadAsync(_ended.Token).AsTask();
            if (!isOver) await Task.WhenAny(news, Task.Delay(s_tick, _ended.Token));
            if (news.IsCompleted) news = null;
            TellTogether(force: false);
            // At the start as soon as everything that waited is imported: until then it is not the loggers that are late.
            bool isFirst = looked == began && Stopwatch.GetElapsedTime(began) > s_start && _board.HasCaughtUp;
            if (isFirst || Stopwatch.GetElapsedTime(looked) > s_look)
            {
                looked = Stopwatch.GetTimestamp();
                TellLate(DateTime.UtcNow);
            }
            while (_told.Reader.TryRead(out var told)) Spool(told.AtUtc, told.Kind, told.Members);
            if (_late.Keep() is { } problem) await _error.WriteLineAsync($"dynamo: late loggers may be told again: {problem}");
            await HandOverAsync("url", pauses, file => PostAsync(client!, file));
            await HandOverAsync("command", pauses, RunAsync);
            if (isOver) return;
        }
    }

    /// <summary>One notice of all files that were put into quarantine in the last seconds.</summary>
    private void TellTogether(bool force)
    {
        (string File, string Problem)[] files;
        long more;
        DateTime since;
        lock (_gate)
        {
            if (_quarantinedSince is not { } began || (!force && DateTime.UtcNow - began < s_together)) return;
            (files, more, since) = ([.. _quarantined], _quarantinedMore, began);
            _quarantined.Clear();
            (_quarantinedSince, _quarantinedMore) = (null, 0);
        }
        Tell("quarantine", since, json =>
        {
            long count = files.Length + more;
            json.WriteString("message",
                $"{Shown.Count(count, "file")} put into quarantine; dynamo status shows why. {NextSteps.Retry}.");
            json.WriteNumber("count", count);
            json.WriteStartArray("files");
            foreach ((string file, string problem) in files.Take(MostNamed))
            {
                json.WriteStartObject();
                json.WriteString("file", file);
                json.WriteString("problem", problem);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    /// <summary>One notice of all loggers that have become late, and one of those that deliver again.</summary>
    private void TellLate(DateTime now)
    {
        // Who was told, and of whom it is not known now, neither delivers again nor is told again.
        (LoggerState[] newly, LoggerState[] again) = _late.Take(_board.Loggers.Late(now).First, name =>
            _board.Loggers.Of(name) is { } logger && _board.Loggers.Of(logger, now) == Lateness.InTime ? logger : null);
        if (newly.Length > 0) TellLoggers("late", newly, "silent for longer than usual");
        if (again.Length > 0) TellLoggers("delivers", again, "delivering again");

        void TellLoggers(string kind, LoggerState[] loggers, string what) => Tell(kind, now, json =>
        {
            json.WriteString("message", $"{Shown.Count(loggers.Length, "logger is", "loggers are")} {what}.");
            json.WriteNumber("count", loggers.Length);
            json.WriteStartArray("loggers");
            foreach (LoggerState logger in loggers.Take(MostNamed))
            {
                json.WriteStartObject();
                LateLoggers.Write(json, logger, _board.Loggers.Of(logger, now));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    private void Spool(DateTime atUtc, string kind, Action<Utf8JsonWriter> members)
    {
        string text = JsonText.Of(json =>
        {
            json.WriteNumber("version", StatusBoard.Version);
            json.WriteString("id", Guid.NewGuid());
            json.WriteString("kind", kind);
            json.WriteString("atUtc", atUtc);
            json.WriteString("host", Environment.MachineName);
            members(json);
        });
        foreach (string to in To())
        {
            string name = string.Create(
                CultureInfo.InvariantCulture, $"{atUtc:yyyyMMdd'T'HHmmssfff}-{Environment.ProcessId}-{_number++:D6}.{to}.json");
            try
            {
                OwnFile.Write(Path.Combine(_options.NotifySpool, name), text, OwnFile.Private);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                _error.WriteLine($"dynamo: a notice ({kind}) could not be kept: {error.Message}");
            }
        }
    }

    private IEnumerable<string> To()
    {
        if (_options.NotifyUrl is not null) yield return "url";
        if (_options.NotifyCommand.Count > 0) yield return "command";
    }

    /// <summary>Hands over what waits, the oldest first. The first that is not taken ends the round.</summary>
    private async Task HandOverAsync(
        string to, Dictionary<string, (TimeSpan Pause, long Since)> pauses, Func<string, Task<string?>> handOver)
    {
        if (!To().Contains(to)) return;
        (TimeSpan pause, long since) = pauses.GetValueOrDefault(to);
        if (Stopwatch.GetElapsedTime(since) < pause) return;
        string[] waiting;
        try
        {
            waiting = [.. Directory.EnumerateFiles(_options.NotifySpool, $"*.{to}.json", s_noLinks).Order(StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            pauses[to] = (s_longestPause, Stopwatch.GetTimestamp());
            _error.WriteLine($"dynamo: the folder of notices cannot be read: {error.Message}");
            return;
        }
        foreach ((int i, string file) in waiting.Index())
        {
            if (_ended.IsCancellationRequested) return;
            string? problem = await TryAsync(file, isTooMuch: waiting.Length - i > MostWaiting, handOver);
            if (problem is null)
            {
                pauses.Remove(to);
                continue;
            }
            if (pause == default)
            {
                await _error.WriteLineAsync(
                    $"{Shown.Utc(DateTime.UtcNow)} A notice cannot be handed over, and is tried again: {PublicText.Of(problem)}");
            }
            pause = pause == default ? TimeSpan.FromSeconds(1) : 2 * pause < s_longestPause ? 2 * pause : s_longestPause;
            pauses[to] = (pause, Stopwatch.GetTimestamp());
            return;
        }
    }

    /// <returns>Why it was not taken.</returns>
    private async Task<string?> TryAsync(string file, bool isTooMuch, Func<string, Task<string?>> handOver)
    {
        try
        {
            if (isTooMuch || DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > s_oldest)
                await _error.WriteLineAsync($"dynamo: a notice was given up: {Path.GetFileName(file)}");
            else if (await handOver(await File.ReadAllTextAsync(file)) is { } problem) return problem;
            File.Delete(file);
            return null;
        }
        catch (FileNotFoundException)
        {
            return null; // Another process with the same folder was faster.
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message;
        }
    }

    /// <returns>Why it was not taken.</returns>
    private async Task<string?> PostAsync(HttpClient client, string text)
    {
        try
        {
            using var content = new StringContent(text, new MediaTypeHeaderValue("application/json", "utf-8"));
            using var request = new HttpRequestMessage(HttpMethod.Post, _options.NotifyUrl) { Content = content };
            // The status is all that counts. A body without an end is not read.
            using HttpResponseMessage answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _ended.Token);
            if (answer.IsSuccessStatusCode) return null;
            // It would say so again, and what comes after this one waits meanwhile.
            if (answer.StatusCode is not (HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge
                or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.UnprocessableContent))
                return $"the server answers {(int)answer.StatusCode}";
            await _error.WriteLineAsync(
                $"{Shown.Utc(DateTime.UtcNow)} A notice is given up: the server does not want it and answers {(int)answer.StatusCode}.");
            return null;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return error.Message;
        }
    }

    /// <returns>Why it was not taken.</returns>
    private async Task<string?> RunAsync(string text)
    {
        string program = _options.NotifyCommand[0];
        using var late = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        late.CancelAfter(s_longestTry);
        try
        {
            (int exit, _, string error) = await OtherProgram.RunAsync(_options.NotifyCommand, text, late.Token);
            return exit == 0 ? null : $"{program} ends with {exit}: {error.Trim()}";
        }
        catch (OperationCanceledException)
        {
            return $"{program} does not end";
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            return $"{program} cannot be started: {error.Message}";
        }
    }
}
