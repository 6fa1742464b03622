using System.Text;
using Dynamo.Pipeline.Csv;

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
    private readonly bool _readsOther;

    public ReadingFields(ReadingFormat format)
    {
        _format = format;
        _values = new ValueText(format.DecimalSeparator, format.ThousandsSeparator);
        _nulls = NullTokens.Of(format.NullTokens, _values);
        _readsOther = format.Words.Count > 0 || format.BeyondLimit != BeyondLimit.Reject || format.ValuesHaveUnits;
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
        if (_nulls is not null && _nulls.Has(text)) return ValueState.Null;
        return _readsOther ? ReadOther(text, out value, ref problem) : ValueState.Bad;
    }

    /// <summary>Reads a text that is not a plain number: a word, a value beyond the limit, or one with its unit.</summary>
    private ValueState ReadOther(ReadOnlySpan<byte> text, out double value, ref string? problem)
    {
        value = 0;
        if (_format.Words.Count > 0 && _format.Words.TryGetValue(Encoding.UTF8.GetString(text), out value)) return Good(out problem);
        if (_format.BeyondLimit != BeyondLimit.Reject && text is [(byte)'<' or (byte)'>', .. var limit])
        {
            bool isBelow = text[0] == '<';
            if (limit is [(byte)'=', .. var after]) limit = after;
            if (_values.Read(Blanks.Trim(limit), out value) is null)
            {
                if (_format.BeyondLimit == BeyondLimit.Skip) return ValueState.Null;
                if (isBelow && _format.BeyondLimit != BeyondLimit.Limit) value = _format.BeyondLimit == BeyondLimit.Half ? value / 2 : 0;
                return Good(out problem);
            }
        }
        if (!_format.ValuesHaveUnits) return ValueState.Bad;
        // A currency's sign stands before its amount.
        int sign = text.StartsWith((byte)'$') ? 1 : text.StartsWith("€"u8) ? 3 : text.StartsWith("£"u8) ? 2 : 0;
        text = Blanks.Trim(text[sign..]);
        int end = text.Length;
        while (end > 0 && !char.IsAsciiDigit((char)text[end - 1])) end--;
        // A unit may have digits itself: 12.5 m3/h. What is before the blank is the value.
        int blank = text.IndexOf((byte)' ');
        ReadOnlySpan<byte> number = text[..end];
        if (_values.Read(number, out value) is null || (blank > 0 && _values.Read(text[..blank], out value) is null))
            return Good(out problem);
        return ValueState.Bad;

        ValueState Good(out string? problem)
        {
            problem = null;
            return ValueState.Value;
        }
    }

    private Defect BadValue(in CsvRecord record, int column, string problem, ReadOnlySpan<byte> text)
    {
        char other = _format.DecimalSeparator == '.' ? ',' : '.';
        bool otherSeparator = new ValueText(other).Read(text, out _) is null;
        string expected = _format.DecimalSeparator == '.' ? "a decimal number such as 12.5" : "a decimal number such as 12,5";
        string? remedy = otherSeparator
            ? $"If decimals follow '{other}', set {OptionName.Of(nameof(ReadingFormat.DecimalSeparator))} in the format"
            : problem is "is empty" or "is NaN, not a number"
                ? "If that is how the logger writes that it has no value, "
                    + $"add it to {OptionName.Of(nameof(ReadingFormat.NullTokens))} in the format"
            : null;
        return record.Defect(column, $"the value {problem}", expected, remedy);
    }
}

/// <summary>The texts that a logger writes if it has no value. Immutable.</summary>
internal sealed class NullTokens
{
    private readonly byte[][] _texts;
    private readonly double[] _numbers;

    private NullTokens(byte[][] texts, double[] numbers) => (_texts, _numbers) = (texts, numbers);

    /// <summary>Creates the tokens, or null if there are none.</summary>
    public static NullTokens? Of(IReadOnlyList<string> tokens, ValueText values)
    {
        if (tokens.Count == 0) return null;
        byte[][] texts = [.. tokens.Select(token => Encoding.UTF8.GetBytes(token.Trim()))];
        // A token that is a number also matches other notations of that number: -9999.00 is -9999.
        var plain = new ValueText('.');
        var numbers = new List<double>();
        foreach (byte[] text in texts)
            if (values.Read(text, out double number) is null || plain.Read(text, out number) is null) numbers.Add(number);
        return new NullTokens(texts, [.. numbers]);
    }

    public bool Has(double value) => _numbers.Length > 0 && _numbers.AsSpan().Contains(value);

    public bool Has(ReadOnlySpan<byte> text)
    {
        foreach (byte[] token in _texts)
            if (text.SequenceEqual(token) || (text.Length == token.Length && !text.IsEmpty && Ascii.EqualsIgnoreCase(text, token)))
                return true;
        return false;
    }
}
