namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Looks at a database as a run would, and changes nothing in it: would its tables take the rows, and which files does its ledger have? For
/// checks before the first run, and for dry runs. A database that does not exist is not created. Not thread-safe.
/// </summary>
internal sealed class SqliteInspection<TRow>
{
    private readonly string _path;
    private readonly RowMap<TRow> _map;
    private readonly SqliteSinkOptions _options;

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
        SqliteVisit.CheckWritable(_path);
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
    public Task<LedgerEntry?[]> LookUpAsync(string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken) => Exists
        ? SqliteVisit.ReadAsync(_path, uri => Task.FromResult(LookUp(uri, source, files, cancellationToken)))
        : Task.FromResult(new LedgerEntry?[files.Count]);

    /// <summary>Keeps runs of a source from beginning until the result is disposed.</summary>
    /// <exception cref="AlreadyRunningException">A run holds this source and database.</exception>
    /// <exception cref="SinkException">There is no such database, or its lock file cannot be opened.</exception>
    public SqliteLease Lease(string source)
    {
        if (!Exists) throw new SinkException($"The database {_path} does not exist. Run an import first, or name another file.");
        return SqliteLease.Take(_path, source);
    }

    /// <summary>Whether somebody holds such a lease. Nothing is made.</summary>
    public bool IsLeased(string source) => SqliteLease.IsTaken(_path, source);

    private void CheckFolder()
    {
        string folder = Path.GetDirectoryName(_path) ?? _path;
        if (!Directory.Exists(folder))
            throw new SinkException($"The folder {folder} of the database does not exist. Create it, or name another file.");
        if (_options.CreateTables) return;
        throw new SinkException(
            $"The database {_path} does not exist and {OptionName.Of(nameof(SqliteSinkOptions.CreateTables))} is off. "
                + $"Create it with its tables, or set {OptionName.Of(nameof(SqliteSinkOptions.CreateTables))}.");
    }

    private LedgerEntry?[] LookUp(string uri, string source, IReadOnlyList<SourceFile> files, CancellationToken cancellationToken)
    {
        SqliteDb db = SqliteDb.OpenToRead(uri, _path);
        bool hasLedger = db.Number(
            "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE", _options.LedgerTable) is not null;
        if (!hasLedger)
        {
            db.Dispose();
            return new LedgerEntry?[files.Count];
        }
        using var reader = new SqliteLedgerReader(db, _options, LedgerKey.OfView(_options, source));
        return reader.Find(files, cancellationToken);
    }
}
