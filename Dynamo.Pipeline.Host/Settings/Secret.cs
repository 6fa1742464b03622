namespace Dynamo.Pipeline.Host;

/// <summary>What must not reach a terminal, a log or a file.</summary>
internal static class Secret
{
    /// <summary>The text without what stands between <c>://</c> and <c>@</c>, where people put passwords, and without all of a connection string.</summary>
    public static string Masked(string text)
    {
        if (text.Contains("password", StringComparison.OrdinalIgnoreCase) || text.Contains("pwd=", StringComparison.OrdinalIgnoreCase)) return "***";
        int scheme = text.IndexOf("://", StringComparison.Ordinal), at = text.LastIndexOf('@');
        return scheme >= 0 && at > scheme ? $"{text[..(scheme + 3)]}***{text[at..]}" : text;
    }
}
