using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Serves the page, its data, health and metrics by HTTP. It reads the board, and asks neither source nor sink, so that it answers while
/// they do not. Beyond this machine every answer but those about health needs the token.
/// </summary>
internal sealed class StatusServer : IAsyncDisposable
{
    private const int MostConnections = 200, MostReaders = 50;

    private const string Html = "text/html; charset=utf-8", JsonType = "application/json; charset=utf-8";

    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1), s_fresh = TimeSpan.FromSeconds(0.7),
        s_longestSilence = TimeSpan.FromSeconds(15);

    private readonly StatusBoard _board;
    private readonly ObserveOptions _options;
    private readonly MeterProvider _metrics;
    private readonly Socket _socket;
    private readonly Task<WebApplication> _app;
    private readonly OpenConnections _connections = new(MostConnections);
    private readonly CancellationTokenSource _ending = new();
    private readonly string _page, _policy;
    private readonly Lock _gate = new();
    private (long Changes, long At, string Text)? _newest;
    private int _readers;

    private StatusServer(StatusBoard board, ObserveOptions options, MeterProvider metrics, Socket socket, TextWriter error)
    {
        (_board, _options, _metrics, _socket) = (board, options, metrics, socket);
        (_page, _policy) = Page();
        _app = Task.Run(() => ServeAsync(error));
    }

    /// <summary>The address that it listens on, with the port that was found if none was given.</summary>
    public string Address => $"http://{_socket.LocalEndPoint}";

    /// <summary>
    /// Takes the address, and begins to serve it beside the import, which need not wait for that: who asks meanwhile is answered then.
    /// </summary>
    /// <exception cref="SettingsException">The address cannot be had.</exception>
    public static StatusServer Start(StatusBoard board, ObserveOptions options, MeterProvider metrics, TextWriter error)
    {
        try
        {
            Socket socket = SocketTransportOptions.CreateDefaultBoundListenSocket(options.Listen!);
            socket.Listen(MostConnections);
            return new StatusServer(board, options, metrics, socket, error);
        }
        catch (Exception failed) when (failed is IOException or SocketException)
        {
            throw new SettingsException("observe:listen", $"{options.Listen} cannot be listened on: {failed.Message} Choose another port.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await ((Task)_app).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_app.IsCompletedSuccessfully)
        {
            using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await _app.Result.StopAsync(soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _app.Result.DisposeAsync();
        }
        _socket.Dispose();
        _ending.Dispose();
    }

    private async Task<WebApplication> ServeAsync(TextWriter error)
    {
        try
        {
            // Neither appsettings.json nor ASPNETCORE_ variables say what it does.
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Limits.MaxRequestBodySize = 0;
                kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
                kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
                kestrel.Listen(
                    _options.Listen!, listen => listen.Use(next => connection => _connections.ServeAsync(connection, next)));
            });
            builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = _ => _socket);
            WebApplication app = builder.Build();
            app.Use(_connections.AnswerAsync);
            app.Use(Checked);
            app.UseOpenTelemetryPrometheusScrapingEndpoint(_metrics, null, "/metrics", null, null);
            app.Run(AnswerAsync);
            await app.StartAsync(_ending.Token);
            return app;
        }
        catch (Exception failed) when (!_ending.IsCancellationRequested)
        {
            await error.WriteLineAsync($"dynamo: the status page cannot be served: {PublicText.Of(failed.Message)}");
            throw;
        }
    }

    /// <summary>Refuses what a stranger, or a page of somebody else in the reader's browser, should not get.</summary>
    private Task Checked(HttpContext context, RequestDelegate next)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = _policy;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            return RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "Only GET is answered.");
        if (context.Request.Path.StartsWithSegments("/health")) return next(context);
        if (_options.Token is null)
        {
            // A name that somebody else's page has led here (DNS rebinding) is not this machine's.
            return IsThisMachine(context.Request.Host.Host) ? next(context)
                : RefuseAsync(context, StatusCodes.Status421MisdirectedRequest, "This page is for localhost.");
        }
        if (IsToken(Given(context.Request))) return next(context);
        headers.WWWAuthenticate = "Bearer";
        return RefuseAsync(context, StatusCodes.Status401Unauthorized,
            "A token is needed: open /?token=… once, or send the header Authorization: Bearer …");
    }

    private Task AnswerAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        switch (request.Path.Value)
        {
            case "/" when _options.Token is not null && request.Query.ContainsKey("token"):
                // The address bar and the history keep the token no longer than needed.
                context.Response.Cookies.Append(
                    Cookie(request), request.Query["token"]!,
                    new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Strict, Path = "/" });
                context.Response.Redirect("/");
                return Task.CompletedTask;
            case "/":
                return WriteAsync(context, Html, _page);
            case "/api/status":
                return WriteAsync(context, JsonType, _board.Json());
            case "/api/loggers":
                return WriteAsync(context, JsonType, _board.LoggersJson(request.Query["search"]));
            case "/api/areas":
                return WriteAsync(context, JsonType, _board.AreasJson(request.Query["search"], request.Query["name"]));
            case "/api/events":
                return EventsAsync(context);
            case "/health/live":
                return HealthAsync(context, _board.Pulse.IsWell, "nothing moves although files wait");
            case "/health/ready":
                return HealthAsync(context, _board.IsReady, "source or sink cannot be reached, or it is starting");
            default:
                return RefuseAsync(context, StatusCodes.Status404NotFound, "There is no such page.");
        }
    }

    /// <summary>Server-sent events (html.spec.whatwg.org, 9.2): the board, at most once a second, whenever it has changed.</summary>
    private async Task EventsAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        if (HttpMethods.IsHead(context.Request.Method)) return;
        // Connections are left for health and metrics, however many pages are open. One that gets no events asks again and again.
        if (Interlocked.Increment(ref _readers) > MostReaders)
        {
            Interlocked.Decrement(ref _readers);
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "Too many pages are open.");
            return;
        }
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _ending.Token);
        long told = -1, at = 0;
        try
        {
            while (true)
            {
                (long changes, string text) = Newest();
                if (changes != told || TimeProvider.System.GetElapsedTime(at) > s_longestSilence)
                {
                    (told, at) = (changes, TimeProvider.System.GetTimestamp());
                    await context.Response.WriteAsync($"data: {text}\n\n", gone.Token);
                    await context.Response.Body.FlushAsync(gone.Token);
                }
                await Task.Delay(s_tick, gone.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The reader has left, or the import ends.
        }
        finally
        {
            Interlocked.Decrement(ref _readers);
        }
    }

    /// <summary>Written once a second, however many read it.</summary>
    private (long Changes, string Text) Newest()
    {
        lock (_gate)
        {
            long now = TimeProvider.System.GetTimestamp();
            if (_newest is not { } known || TimeProvider.System.GetElapsedTime(known.At, now) > s_fresh)
                _newest = known = (_board.Changes, now, _board.Json());
            return (known.Changes, known.Text);
        }
    }

    private static Task HealthAsync(HttpContext context, bool isWell, string otherwise)
    {
        if (!isWell) context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return WriteAsync(context, "text/plain", isWell ? "ok\n" : otherwise + "\n");
    }

    private static Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, "text/plain", why + "\n");
    }

    private static Task WriteAsync(HttpContext context, string type, string text)
    {
        context.Response.ContentType = type;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    /// <summary>Browsers send a cookie to all ports of a machine, where there may be another page with another token.</summary>
    private static string Cookie(HttpRequest request) => $"dynamo-{request.HttpContext.Connection.LocalPort}";

    /// <summary>A token in the address comes before a cookie, which may be of a former token.</summary>
    private static string? Given(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return header["Bearer ".Length..].Trim();
        return request.Path == "/" && request.Query.ContainsKey("token")
            ? request.Query["token"].ToString() : request.Cookies[Cookie(request)];
    }

    /// <summary>How long it takes says nothing about how much of it is right.</summary>
    private bool IsToken(string? given) => given is not null && CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(_options.Token!)));

    /// <summary>The page, and the policy that lets its own script and style run and nothing else.</summary>
    private static (string Page, string Policy) Page()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("page.html")!;
        string page = new StreamReader(stream).ReadToEnd().ReplaceLineEndings("\n");
        return (page, "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            + $"script-src {Hash("script")}; style-src {Hash("style")}");

        string Hash(string element)
        {
            int from = page.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
            int to = page.IndexOf($"</{element}>", StringComparison.Ordinal);
            return $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[from..to])))}'";
        }
    }
}
