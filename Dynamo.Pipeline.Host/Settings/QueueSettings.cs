namespace Dynamo.Pipeline.Host;

/// <summary>How <c>dynamo dispatch</c> and <c>dynamo work</c> meet at a broker.</summary>
internal sealed record QueueOptions
{
    /// <summary>The addresses of the broker, of which one is enough. Default none.</summary>
    public IReadOnlyList<Uri> Urls { get; init; } = [];

    /// <summary>What the names of all queues begin with.</summary>
    public string Name { get; init; } = "dynamo";

    /// <summary>How many files a chunk has at most.</summary>
    public int ChunkFiles { get; init; } = 200;

    /// <summary>How many chunks of fresh files and of others a worker holds at once.</summary>
    public int Prefetch { get; init; } = 4;

    /// <summary>How often a chunk may end its worker before its files are tried one by one, and a file before it is bad.</summary>
    public int DeliveryLimit { get; init; } = 3;

    /// <summary>Whether fresh files have a queue of their own, which workers empty first.</summary>
    public bool FreshFirst { get; init; } = true;

    /// <summary>How long a dispatcher that hangs keeps the source.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The certificate that the broker's is checked with; <see langword="null"/>: those that the machine trusts.</summary>
    public string? CaFile { get; init; }

    /// <summary>The certificate to log in with, and its key. Default none.</summary>
    public string? CertificateFile { get; init; }

    /// <inheritdoc cref="CertificateFile"/>
    public string? CertificateKeyFile { get; init; }
}

/// <summary>The settings of the broker.</summary>
internal static class QueueSettings
{
    private const int MostFiles = 5_000, MostPrefetch = 100, MostDeliveries = 100;

    private static readonly TimeSpan s_shortestLease = TimeSpan.FromSeconds(3), s_longestLease = TimeSpan.FromMinutes(10);

    public static IReadOnlyList<Setting> All { get; } =
    [
        new("queue:url", "amqp:// or amqps:// addresses of one broker, such as amqps://dynamo:secret@mq1.example.org/water",
            (s, texts) => s with { Queue = s.Queue with { Urls = [.. texts.Select(Url)] } })
        {
            IsList = true,
            IsSecret = true, // Not an option: every user of the machine can read command lines.
        },
        One("name", "letters, digits, points and dashes, up to 100", (q, text) => q with { Name = Name(text) }),
        One("chunkFiles", $"a whole number, 1 to {MostFiles}", (q, text) => q with { ChunkFiles = Count(text, MostFiles) }),
        One("prefetch", $"a whole number, 1 to {MostPrefetch}", (q, text) => q with { Prefetch = Count(text, MostPrefetch) }),
        One("deliveryLimit", $"a whole number, 2 to {MostDeliveries}", (q, text) => q with
        {
            DeliveryLimit = Count(text, MostDeliveries) is >= 2 and var limit ? limit : throw new FormatException(),
        }),
        One("freshFirst", "true or false", (q, text) => q with { FreshFirst = SettingText.Flag(text) }),
        One("lease", "a duration of 3s to 10min", (q, text) => q with { Lease = Lease(text) }),
        File("caFile", (q, path) => q with { CaFile = path }),
        File("certificateFile", (q, path) => q with { CertificateFile = path }),
        File("certificateKeyFile", (q, path) => q with { CertificateKeyFile = path }),
    ];

    /// <exception cref="SettingsException">There is no broker, or the database cannot be shared.</exception>
    public static QueueOptions Checked(HostSettings settings)
    {
        QueueOptions queue = settings.Queue;
        if (queue.Urls.Count == 0)
        {
            throw new SettingsException("queue:url", "nothing says where the broker is. Put its address into the configuration, or into "
                + "DYNAMO__QUEUE__URL in the environment, such as amqp://user:password@localhost/.");
        }
        if (!settings.UsesSqlServer)
        {
            throw new SettingsException(
                "sink", "several workers need a database that several machines can write at once: SQLite is one file "
                + "with one writer. Name SQL Server with --sink sqlserver, or use dynamo watch, which needs no broker.");
        }
        if (settings.Sources.Count > 0)
            throw new SettingsException(SeveralSources.Key, "a dispatcher and its workers have one source. Name it with --source.");
        if (queue.CertificateFile is null != queue.CertificateKeyFile is null)
            throw new SettingsException("queue:certificateFile", "it needs queue:certificateKeyFile, and the other way round.");
        return queue;
    }

    private static Setting One(string name, string allowed, Func<QueueOptions, string, QueueOptions> apply) =>
        Setting.One("queue:" + name, allowed, (s, text) => s with { Queue = apply(s.Queue, text) });

    private static Setting File(string name, Func<QueueOptions, string, QueueOptions> apply) =>
        One(name, "the path of a PEM file",
            (q, text) => apply(q, string.IsNullOrWhiteSpace(text) ? throw new FormatException() : text)) with
        {
            Rebase = static (text, folder) => Path.Combine(folder, text),
        };

    private static Uri Url(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri is { Scheme: "amqp" or "amqps", Host.Length: > 0 }
            ? uri : throw new FormatException();

    private static string Name(string text) =>
        text.Length is > 0 and <= 100 && text.All(one => char.IsAsciiLetterOrDigit(one) || one is '.' or '-' or '_')
            ? text : throw new FormatException();

    private static int Count(string text, int most) =>
        SettingText.Count(text) is >= 1 and var count && count <= most ? count : throw new FormatException();

    private static TimeSpan Lease(string text) =>
        SettingText.Duration(text) is var time && time >= s_shortestLease && time <= s_longestLease ? time : throw new FormatException();
}
