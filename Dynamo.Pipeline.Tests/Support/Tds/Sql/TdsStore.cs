using System.Collections.Concurrent;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The tables behind an endpoint: one SQLite file in write-ahead mode. Readers outside a transaction see what is committed; whoever
/// changes base tables, or reads them inside a
/// transaction, holds <see cref="Writer"/> until the transaction ends. That is stricter than SQL Server: there is no native
/// deadlock here, only an ordered one.
/// </summary>
internal sealed class TdsStore : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dynamo-tds-").FullName;
    private long _transactions = 0x1000;

    /// <param name="babelfish">Whether it behaves like Babelfish.</param>
    public TdsStore(bool babelfish)
    {
        IsBabelfish = babelfish;
        using StoreConnection store = Open();
        SqlCatalogue.CreateMain(store);
    }

    public bool IsBabelfish { get; }

    /// <summary>What the user may do: everything, until a test says otherwise.</summary>
    public StoreRights Rights { get; } = new();

    public SemaphoreSlim Writer { get; } = new(1, 1);

    public AppLocks AppLocks { get; } = new();

    /// <summary>Bodies of stored procedures by flat name. Not transactional.</summary>
    public ConcurrentDictionary<string, SqlProcedure> Procedures { get; } = new(StringComparer.OrdinalIgnoreCase);

    public long NextTransaction() => Interlocked.Increment(ref _transactions);

    public StoreConnection Open() => new(Path.Combine(_folder, "store.db"), IsBabelfish, Rights);

    public void Dispose()
    {
        Writer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

internal sealed record SqlProcedure(List<(string Name, TdsType Type)> Parameters, List<SqlToken> Body);
