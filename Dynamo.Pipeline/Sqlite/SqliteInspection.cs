namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Looks at a database as a run would, and changes nothing in it: would its tables take the rows, and which files does its ledger have? For
/// checks before the first run, and for dry runs. A database that does not exist is not created. Not thread-safe.
/// </summary>
internal sealed class SqliteInspection<TRow> : IDisposable
{
    private readonly string _path;
    private readonly RowMap<TRow> _map;
    private readonly SqliteSinkOptions _options;
    private SqliteLedgerReader? _reader;

    /// <summary>Names the database. Nothing is opened yet.</summary>
    /// <exception cref="ArgumentException">The path is empty, or two tables have the same name.</exception>
    public SqliteInspection(string path, RowMap<TRow> map, SqliteSinkOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        (_path, _map, _options) = (SqliteLease.Resolved(Path.GetFullPath(path)), map, options);
        SqliteDdl.RefuseSameNames(map, _options);
    }

    /// <summary>Whether there is a database yet.</summary>
    public bool Exists => File.Exists(_path);

    /// <summary>
    /// Creates and compares the tables inside a transaction that is rolled back. Needs the right to write, as a run does.
    /// </summary>
    /// <exception cref="SinkException">
    /// A run would fail: the folder is missing, the file is no database, newer or locked, or a table does not fit.
    /// </exception>
    /// <returns>Whether the row table has a column for each row's file, or will have it.</returns>
    public bool Check()
    {
        if (!Exists)
        {
            CheckFolder();
            return true;
        }
        using SqliteDb db = SqliteDb.Open(_path, create: false);
        db.Execute($"PRAGMA busy_timeout={(int)_options.BusyTimeout.TotalMilliseconds}; BEGIN IMMEDIATE", "checking it");
        try
        {
            var check = new SqliteSchemaCheck<TRow>(db, _map, _options);
            check.Run();
            return check.HasFiles;
        }
        finally
        {
            db.Rollback();
        }
    }

    /// <summary>Asks the ledger which of these files are done. A database without a ledger has none.</summary>
    /// <param name="source">The source's <see cref="IFileSource.Name"/>; the same for all calls.</param>
    /// <param name="files">The files.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>In step with <paramref name="files"/>: the entry, or <see langword="null"/>.</returns>
    /// <exception cref="SinkException">The database cannot be read.</exception>
    public LedgerEntry?[] LookUp(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        if (_reader is null && HasLedger()) _reader = new SqliteLedgerReader(_path, _options, source);
        return _reader?.Find(files, cancellationToken) ?? new LedgerEntry?[files.Count];
    }

    /// <summary>Keeps runs of a source from beginning until the result is disposed.</summary>
    /// <exception cref="AlreadyRunningException">A run holds this source and database.</exception>
    /// <exception cref="SinkException">There is no such database, or its lock file cannot be opened.</exception>
    public SqliteLease Lease(string source)
    {
        if (!Exists) throw new SinkException($"The database {_path} does not exist. Run an import first, or name another file.");
        return SqliteLease.Take(_path, source);
    }

    /// <summary>Closes the database.</summary>
    public void Dispose() => _reader?.Dispose();

    private void CheckFolder()
    {
        string folder = Path.GetDirectoryName(_path) ?? _path;
        if (!Directory.Exists(folder))
            throw new SinkException($"The folder {folder} of the database does not exist. Create it, or name another file.");
        if (_options.CreateTables) return;
        throw new SinkException(
            $"The database {_path} does not exist and CreateTables is off. Create it with its tables, or set CreateTables.");
    }

    private bool HasLedger()
    {
        if (!Exists) return false;
        using SqliteDb db = SqliteDb.Open(_path, create: false);
        return db.Number("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", _options.LedgerTable) is not null;
    }
}
