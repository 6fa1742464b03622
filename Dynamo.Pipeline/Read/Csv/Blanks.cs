namespace Dynamo.Pipeline;

/// <summary>Spaces and tabs around a field.</summary>
internal static class Blanks
{
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text)
    {
        // Nearly every field has none.
        if (text.IsEmpty || (text[0] > ' ' && text[^1] > ' ')) return text;
        return text.Trim(" \t"u8);
    }
}
