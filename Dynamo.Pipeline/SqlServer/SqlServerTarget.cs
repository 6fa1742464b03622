namespace Dynamo.Pipeline.SqlServer;

/// <summary>A row map and the table that fits it. The statements are made from both. Immutable.</summary>
internal sealed class SqlServerTarget<TRow>
{
    public SqlServerTarget(RowMap<TRow> map, SqlServerTable table, SqlServerSinkOptions options, TdsDialect dialect)
    {
        (Map, Dialect) = (map, dialect);
        Name = SqlServerText.Quote(options.Schema, map.Name);
        Columns = [.. map.Columns.Select(c => SqlServerColumn<TRow>.For(c, table.Find(c.Name)!))];
        FileColumn = options.Procedure is null ? FileColumnOf(map, table, options) : null;
        Triggers = table.Triggers;
        Parts = new SqlServerKeyParts<TRow>(Keys);
        Plan = SqlServerPlan.For(table, [.. Keys.Select(c => c.Column.Name)], Parts.Column, options);
    }

    public RowMap<TRow> Map { get; }

    public TdsDialect Dialect { get; }

    /// <summary>How many enabled triggers the table has.</summary>
    public int Triggers { get; }

    public SqlServerPlan Plan { get; }

    /// <summary>The table's name, quoted and with its schema.</summary>
    public string Name { get; }

    public SqlServerColumn<TRow>[] Columns { get; }

    /// <summary>The column of each row's file. Null if the table has none.</summary>
    public SqlServerTableColumn? FileColumn { get; }

    public IEnumerable<SqlServerColumn<TRow>> Keys => Columns.Where(c => c.Column.IsKey);

    public SqlServerKeyParts<TRow> Parts { get; }

    /// <summary>Tables that the first run creates, in a database that was only looked at.</summary>
    public IReadOnlyList<string> ToCreate { get; set; } = [];

    /// <summary>The column for each row's file, unless it has another type or purpose.</summary>
    public static SqlServerTableColumn? FileColumnOf(RowMap<TRow> map, SqlServerTable table, SqlServerSinkOptions options) =>
        table.Find(options.FileColumn) is { IsReadOnly: false, Type: "int" or "bigint" } found
            && !options.Constants.ContainsKey(found.Name)
            && !map.Columns.Any(c => c.Name.Equals(found.Name, StringComparison.OrdinalIgnoreCase))
            ? found : null;

    /// <summary>What is wrong with a row that does not fit, with its line and column; null for a row that fits.</summary>
    public Defect? Judge(TRow row, long line)
    {
        foreach (SqlServerColumn<TRow> column in Columns)
        {
            if (column.Judge(row) is not { } misfit) continue;
            return new Defect(misfit.Problem)
            {
                Line = line,
                Column = column.Column.Name,
                Found = column.Show(row),
                Expected = misfit.Expected,
                RawText = Show(row),
            };
        }
        return null;
    }

    private string Show(TRow row) => string.Join(", ", Columns.Select(c => c.Show(row) ?? "NULL"));
}
