namespace Dynamo.Pipeline.SqlServer;

/// <summary>The map and the table it goes to, found to fit each other: what the statements are made of. Immutable.</summary>
internal sealed class SqlServerTarget<TRow>
{
    public SqlServerTarget(RowMap<TRow> map, SqlServerTable table, SqlServerSinkOptions options)
    {
        Map = map;
        Name = SqlServerText.Quote(options.Schema, map.Name);
        Columns = [.. map.Columns.Select(c => SqlServerColumn<TRow>.For(c, table.Find(c.Name)!))];
        Table = table;
        Parts = new SqlServerKeyParts<TRow>(Keys);
        Plan = SqlServerPlan.For(table, [.. Keys.Select(c => c.Target.Name)], Parts.Column, options);
    }

    public RowMap<TRow> Map { get; }

    public SqlServerTable Table { get; }

    public SqlServerPlan Plan { get; }

    /// <summary>Quoted, with its schema.</summary>
    public string Name { get; }

    public SqlServerColumn<TRow>[] Columns { get; }

    public IEnumerable<SqlServerColumn<TRow>> Keys => Columns.Where(c => c.Column.IsKey);

    public SqlServerKeyParts<TRow> Parts { get; }

    /// <summary>A row that does not fit, with its coordinates; null for one that does.</summary>
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
