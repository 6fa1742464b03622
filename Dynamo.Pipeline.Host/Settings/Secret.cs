using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>What must not reach a terminal, a log or a file.</summary>
internal static partial class Secret
{
    /// <summary>A value of a stranger's without what stands between <c>://</c> and <c>@</c>, where people put passwords, and without all of a connection string.</summary>
    public static string Masked(string text)
    {
        if (text.Contains("password", StringComparison.OrdinalIgnoreCase) || text.Contains("pwd=", StringComparison.OrdinalIgnoreCase)) return "***";
        int scheme = text.IndexOf("://", StringComparison.Ordinal), at = text.LastIndexOf('@');
        return scheme >= 0 && at > scheme ? $"{text[..(scheme + 3)]}***{text[at..]}" : text;
    }

    /// <summary>
    /// A message of ours without passwords in addresses and connection strings that came into it by way of somebody else's error. Words about passwords,
    /// such as those of ssh, stay: without them nobody could mend the login.
    /// </summary>
    public static string Free(string message) => Assigned().Replace(InAddress().Replace(message, "://***@"), "$1=***");

    [GeneratedRegex(@"://[^/\s@:]*:\S*@", RegexOptions.CultureInvariant)]
    private static partial Regex InAddress();

    [GeneratedRegex(@"\b(password|pwd|passphrase)\s*=\s*(""[^""]*""|'[^']*'|[^;\r\n]*)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Assigned();
}
