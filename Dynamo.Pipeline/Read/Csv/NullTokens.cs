using System.Text;

namespace Dynamo.Pipeline;

/// <summary>What a logger writes where it has no value. Immutable.</summary>
internal sealed class NullTokens
{
    private readonly byte[][] _texts;
    private readonly double[] _numbers;

    private NullTokens(byte[][] texts, double[] numbers) => (_texts, _numbers) = (texts, numbers);

    /// <summary>Makes the tokens, or gives null when there are none.</summary>
    public static NullTokens? Of(IReadOnlyList<string> tokens, ValueText values)
    {
        if (tokens.Count == 0) return null;
        byte[][] texts = [.. tokens.Select(token => Encoding.UTF8.GetBytes(token.Trim()))];
        // A token that is a number is that number however it is written: -9999.00 is -9999.
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
            if (text.SequenceEqual(token) || (text.Length == token.Length && !text.IsEmpty && Ascii.EqualsIgnoreCase(text, token))) return true;
        return false;
    }
}
