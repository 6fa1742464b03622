namespace Dynamo.Pipeline;

/// <summary>
/// Turns one line of a CSV file into a row of your own type, or returns why to reject it. <see cref="CsvFormat{TRow}"/> calls it for each
/// line that has as many fields as the header, from several threads at once. Bad content is data: return a defect for it, do not throw.
/// <code>
/// static Defect? Parse(in CsvRecord line, out PumpEvent row)
/// {
///     row = line.TryName(0, out string? pump, out Defect? defect) &amp;&amp; line.TryDouble(1, out double kilowatt, out defect)
///         ? new PumpEvent(pump, kilowatt) : default;
///     return defect;
/// }
/// </code>
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
/// <param name="record">The line. Its columns are numbered from 0, in the order of the names that were given to the format.</param>
/// <param name="row">The row; <see langword="default"/> if the line is rejected.</param>
/// <returns>
/// <see langword="null"/> to keep the row; a defect to reject it. The format adds the line and the raw text if the defect has none.
/// A defect from <see cref="CsvRecord.Defect"/> has both.
/// </returns>
public delegate Defect? CsvRecordParser<TRow>(in CsvRecord record, out TRow? row);

/// <summary>
/// The shape of a list of columns and a parser. A row depends only on its line, so all files with the same header share one table.
/// Immutable.
/// </summary>
internal sealed class CsvColumns<TRow> : ICsvShape<TRow>
{
    private readonly string[] _names;
    private readonly CsvRecordParser<TRow> _parse;

    public CsvColumns(IReadOnlyList<string> names, CsvRecordParser<TRow> parse, CsvText text)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(parse);
        if (names.Count == 0) throw new ArgumentException("Name at least one column.", nameof(names));
        if (names.Any(string.IsNullOrWhiteSpace)) throw new ArgumentException("A column's name is empty.", nameof(names));
        _names = [.. names.Select(name => name.Trim())];
        string? twice = _names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null) throw new ArgumentException($"The column '{twice}' is named twice.", nameof(names));
        (_parse, Text) = (parse, text);
    }

    public CsvText Text { get; }

    public ICsvTable<TRow> Bind(CsvHeader header)
    {
        string expected = string.Join(header.Text.Separator, _names);
        return new Table([.. _names.Select(name => header.Column(name, expected))], _parse);
    }

    private sealed class Table(int[] columns, CsvRecordParser<TRow> parse) : ICsvTable<TRow>, ICsvRowParser<TRow>
    {
        public ICsvRowParser<TRow> Open(in CsvFile file) => this;

        public void Parse(in CsvRecord record, RowBatch<TRow> rows)
        {
            if (parse(record.Of(columns), out TRow? row) is { } defect)
                rows.Reject(Located(defect, record));
            else
                rows.Add(row ?? throw NoRow(record.Line), record.Line);
        }

        private static Defect Located(Defect defect, in CsvRecord record)
        {
            if (defect.Line is null) defect = defect with { Line = record.Line };
            return defect.RawText is null ? defect with { RawText = record.RawText } : defect;
        }

        private static InvalidOperationException NoRow(long line) => new(
            $"The parser of {typeof(TRow).Name} gave neither a row nor a defect for line {line}. Return a defect where there is no row.");
    }
}
