namespace Dynamo.Pipeline.SqlServer;

/// <summary>A row map and the table that fits it. The statements are made from both. Immutable.</summary>
internal sealed class SqlServerTarget<TRow>
{
    public SqlServerTarget(RowMap<TRow> map, SqlServerTable table, SqlServerSinkOptions options, TdsDialect dialect)
    {
        (Map, Dialect) = (map, dialect);
        Name = SqlServerText.Quote(options.Schema, map.Name);
        Columns = [.. map.Columns.Select(c => SqlServerColumn<TRow>.For(c, table.Find(c.Name)!))];
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

    public IEnumerable<SqlServerColumn<TRow>> Keys => Columns.Where(c => c.Column.IsKey);

    public SqlServerKeyParts<TRow> Parts { get; }

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
