using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo check</c> finds of the broker. Nothing is made there.</summary>
internal sealed class BrokerTrial
{
    private readonly string _address, _version, _policy;
    private readonly IReadOnlyList<(string Queue, uint? Waiting)> _queues;

    private BrokerTrial(string address, string version, string policy, IReadOnlyList<(string, uint?)> queues) =>
        (_address, _version, _policy, _queues) = (address, version, policy, queues);

    /// <exception cref="SettingsException">
    /// It cannot be reached, refuses the login, or has a queue of another making; or the other settings do not fit.
    /// </exception>
    public static async Task<BrokerTrial> RunAsync(HostSettings settings, CancellationToken cancellationToken)
    {
        QueueOptions options = QueueSettings.Checked(settings);
        var names = new QueueNames(options);
        var queues = new List<(string, uint?)>();
        string address = "", version = "";
        try
        {
            foreach (string queue in names.All)
            {
                // Asking for a queue that is not there ends the connection.
                await using Broker broker = await Broker.OpenAsync(options, "dynamo check", cancellationToken);
                (address, version) = (broker.Address, broker.Version);
                uint? waiting = await broker.WaitingAsync(queue, cancellationToken);
                if (waiting is not null) await broker.DeclareAsync(queue, names, cancellationToken);
                queues.Add((queue, waiting));
            }
        }
        catch (BrokerException error)
        {
            throw new SettingsException("queue:url", error.Message);
        }
        string policy = $"quorum queues, {options.DeliveryLimit} deliveries, {Shown.Count(options.ChunkFiles, "file")} a chunk, "
            + $"{options.Prefetch} chunks a worker{(options.FreshFirst ? ", fresh files first" : "")}";
        return new BrokerTrial(address, version, policy, queues);
    }

    public void Write(TextWriter to)
    {
        to.WriteLine($"broker    {Shown.Name(_address)}: {_version}");
        to.WriteLine($"          {_policy}");
        foreach ((string queue, uint? waiting) in _queues)
        {
            string what = waiting is { } count ? Shown.Count(count, "message") : "is made when a dispatcher or worker starts";
            to.WriteLine($"          {queue}: {what}");
        }
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject("broker");
        json.WriteString("address", _address);
        json.WriteString("version", _version);
        json.WriteString("policy", _policy);
        json.WriteStartArray("queues");
        foreach ((string queue, uint? waiting) in _queues)
        {
            json.WriteStartObject();
            json.WriteString("name", queue);
            if (waiting is { } count) json.WriteNumber("messages", count);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
