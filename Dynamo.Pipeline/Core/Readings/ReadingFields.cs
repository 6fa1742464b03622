namespace Dynamo.Pipeline.Readings;

/// <summary>The content of a field in which a value is expected.</summary>
internal enum ValueState
{
    Value,
    Null,
    Bad,
}

/// <summary>Reads the values of readings, and describes what is wrong with them. Immutable.</summary>
internal sealed class ReadingFields
{
    private readonly ReadingFormat _format;
    private readonly ValueText _values;
    private readonly NullTokens? _nulls;

    public ReadingFields(ReadingFormat format)
    {
        _format = format;
        _values = new ValueText(format.DecimalSeparator, format.ThousandsSeparator);
        _nulls = NullTokens.Of(format.NullTokens, _values);
    }

    public ValueState Read(in CsvRecord record, int column, out double value, out Defect? defect)
    {
        ReadOnlySpan<byte> text = record.Field(column);
        ValueState state = Read(text, out value, out string? problem);
        defect = state == ValueState.Bad ? BadValue(record, column, problem!, text) : null;
        return state;
    }

    public ValueState Read(ReadOnlySpan<byte> text, out double value, out string? problem)
    {
        problem = _values.Read(text, out value);
        if (problem is null) return _nulls is null || !_nulls.Has(value) ? ValueState.Value : ValueState.Null;
        return _nulls is not null && _nulls.Has(text) ? ValueState.Null : ValueState.Bad;
    }

    private Defect BadValue(in CsvRecord record, int column, string problem, ReadOnlySpan<byte> text)
    {
        char other = _format.DecimalSeparator == '.' ? ',' : '.';
        bool otherSeparator = new ValueText(other).Read(text, out _) is null;
        string expected = _format.DecimalSeparator == '.' ? "a decimal number such as 12.5" : "a decimal number such as 12,5";
        string? remedy = otherSeparator ? $"If decimals follow '{other}', set DecimalSeparator in the format"
            : problem is "is empty" or "is NaN, not a number"
                ? "If that is how the logger writes that it has no value, add it to NullTokens in the format"
            : null;
        return record.Defect(column, $"the value {problem}", expected, remedy);
    }
}
