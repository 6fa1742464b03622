using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>Reads the timestamps and values of readings, and words what is wrong with them. Thread-safe.</summary>
internal sealed class ReadingFields(ReadingFormat format)
{
    private readonly TimestampText _timestamps = format.Timestamps();
    private readonly ValueText _values = new(format.DecimalSeparator);

    public bool TryTimestamp(in CsvRecord record, int column, out DateTime utc, [NotNullWhen(false)] out Defect? defect)
    {
        TimestampProblem problem = _timestamps.Read(record.Field(column), out utc);
        defect = problem == TimestampProblem.None ? null : record.Defect(column, problem.Text(), _timestamps.Expected, problem.Remedy());
        return defect is null;
    }

    public bool TryValue(in CsvRecord record, int column, out double value, [NotNullWhen(false)] out Defect? defect)
    {
        ReadOnlySpan<byte> text = record.Field(column);
        string? problem = _values.Read(text, out value);
        defect = problem is null ? null : BadValue(record, column, problem, text);
        return defect is null;
    }

    private Defect BadValue(in CsvRecord record, int column, string problem, ReadOnlySpan<byte> text)
    {
        char other = format.DecimalSeparator == '.' ? ',' : '.';
        bool otherSeparator = new ValueText(other).Read(text, out _) is null;
        string expected = format.DecimalSeparator == '.' ? "a decimal number such as 12.5" : "a decimal number such as 12,5";
        return record.Defect(column, $"the value {problem}", expected, otherSeparator ? $"If decimals follow '{other}', set DecimalSeparator in the format" : null);
    }
}
