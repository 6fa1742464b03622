using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>Keeps passwords out of terminals, logs and files.</summary>
internal static partial class Secret
{
    /// <summary>
    /// A value that the user typed, safe to show: <c>***</c> replaces the part between <c>://</c> and <c>@</c>, where people put passwords,
    /// and a whole connection string with a password.
    /// </summary>
    public static string Masked(string text)
    {
        if (text.Contains("password", StringComparison.OrdinalIgnoreCase) || text.Contains("pwd=", StringComparison.OrdinalIgnoreCase))
            return "***";
        int scheme = text.IndexOf("://", StringComparison.Ordinal), at = text.LastIndexOf('@');
        return scheme >= 0 && at > scheme ? $"{text[..(scheme + 3)]}***{text[at..]}" : text;
    }

    /// <summary>A value as somebody may paste it again: with its user, without its password.</summary>
    public static string Pasted(string text) => text.Contains("://", StringComparison.Ordinal) ? Free(text) : Masked(text);

    /// <summary>
    /// A message without the passwords of addresses and connection strings, which errors of other libraries may have brought into it.
    /// Text about passwords stays, such as that of ssh: it is needed to repair the login.
    /// </summary>
    public static string Free(string message) => Assigned().Replace(InAddress().Replace(message, "://***@"), "$1=***");

    [GeneratedRegex(@"://[^/\s@:]*:\S*@", RegexOptions.CultureInvariant)]
    private static partial Regex InAddress();

    [GeneratedRegex(
        @"\b(password|pwd|passphrase)\s*=\s*(""[^""]*""|'[^']*'|[^;\r\n]*)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Assigned();
}
