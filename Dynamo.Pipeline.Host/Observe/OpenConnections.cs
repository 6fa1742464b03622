using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The connections to the page. Of more than fit, the one that has asked nothing for longest is closed, not the one that comes: whoever
/// holds many open without asking, or asks too slowly, keeps nobody from health and metrics. Thread-safe.
/// </summary>
internal sealed class OpenConnections(int most)
{
    private static readonly object s_key = new();

    private readonly Lock _gate = new();

    /// <summary>The one that has asked nothing for longest comes first.</summary>
    private readonly LinkedList<One> _open = new();

    /// <summary>A connection, from its beginning to its end.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var one = new One(connection);
        One? leaves = null;
        lock (_gate)
        {
            one.Place = _open.AddLast(one);
            if (_open.Count > most)
            {
                leaves = _open.FirstOrDefault(open => open.Requests == 0) ?? _open.First!.Value;
                Leave(leaves);
            }
        }
        leaves?.Connection.Abort(new ConnectionAbortedException("Others want to ask."));
        connection.Items[s_key] = one;
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_gate) Leave(one);
        }
    }

    /// <summary>A request of a connection, from its beginning to its answer.</summary>
    public async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        var one = context.Features.Get<IConnectionItemsFeature>()?.Items[s_key] as One;
        if (one is not null) Asks(one, 1);
        try
        {
            await next(context);
        }
        finally
        {
            if (one is not null) Asks(one, -1);
        }
    }

    private void Asks(One one, int change)
    {
        lock (_gate)
        {
            one.Requests += change;
            if (one.Place is not { } place) return;
            _open.Remove(place);
            _open.AddLast(place);
        }
    }

    private void Leave(One one)
    {
        if (one.Place is null) return;
        _open.Remove(one.Place);
        one.Place = null;
    }

    private sealed class One(ConnectionContext connection)
    {
        public ConnectionContext Connection => connection;

        /// <summary>Where it is in the list; <see langword="null"/>: it is closed.</summary>
        public LinkedListNode<One>? Place { get; set; }

        public int Requests { get; set; }
    }
}
