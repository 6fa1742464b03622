namespace Dynamo.Pipeline.Host;

/// <summary>
/// A database, SQLite or SQL Server, as the commands use it. <see cref="ILedger"/> says what was imported into it.
/// It connects with each call, and not before.
/// </summary>
internal interface IStore
{
    /// <summary>Its name in JSON: no user, no password.</summary>
    string Name { get; }

    /// <summary>Its name for people.</summary>
    string Shown { get; }

    IBatchSink<Reading> Sink();

    /// <exception cref="SinkException">A run would fail.</exception>
    Task<StoreTrial> CheckAsync(CancellationToken cancellationToken);

    /// <summary>Asks the ledger, if there is one, for a dry run.</summary>
    Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken);

    /// <summary>Keeps runs of a source from beginning.</summary>
    Task<IAsyncDisposable> LeaseAsync(string source, CancellationToken cancellationToken);

    /// <summary>Whether somebody holds such a lease.</summary>
    Task<bool> IsLeasedAsync(string source, CancellationToken cancellationToken);

    /// <summary>How often a watch looks whether somebody asks for its source: often where that costs nothing.</summary>
    TimeSpan BetweenTurns { get; }

    /// <summary>How many bytes it takes, where that is known.</summary>
    long? Bytes { get; }
}

/// <summary>What a check of the database found.</summary>
/// <param name="IsReady">Whether the tables are there already; else the first run creates them.</param>
/// <param name="Plan">How rows would be written, where there is a choice.</param>
/// <param name="Missing">What is lost because the table lacks a column that it may lack.</param>
internal sealed record StoreTrial(bool IsReady, SqlServerPlan? Plan = null, string? Missing = null)
{
    /// <summary>Tables beside that of the readings which are missing, and which the first run creates.</summary>
    public IReadOnlyList<string> ToCreate { get; init; } = [];
}
