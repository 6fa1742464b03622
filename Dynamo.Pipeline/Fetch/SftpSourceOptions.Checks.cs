using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline;

public sealed partial record SftpSourceOptions
{
    private static string FolderOf(string path)
    {
        if (path is "/~" or "/~/") return ".";
        if (path.StartsWith("/~/", StringComparison.Ordinal)) path = path[3..];
        string trimmed = path.TrimEnd('/');
        if (trimmed.Length > 0) return trimmed;
        return path.Length > 0 ? "/" : ".";
    }

    private static string WithoutUser(string url) => url.LastIndexOf('@') is var at and > 0 ? "…" + url[at..] : url;

    [GeneratedRegex(@"^sftp://(?:(?<user>[^/]*)@)?(?<host>\[[^\]/]*\]|[^:/@]*)(?::(?<port>[^/]*))?(?<path>/.*)?$", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Url();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._@\\+$-]{0,254}\z", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    private static string CheckHost(string value, string name)
    {
        bool isAddress = IPAddress.TryParse(value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6 && !value.Contains('[');
        if (isAddress || HostName().IsMatch(value ?? "")) return value!;
        throw new ArgumentException($"Host is '{value}'; expected a name of letters, digits, '.', '-' and '_' that does not begin with '-', or an IP address", name);
    }

    private static string? CheckUser(string? value, string name) => value is null || UserName().IsMatch(value)
        ? value
        : throw new ArgumentException("User is no user's name: expected letters, digits and . _ - @ \\ + $, not beginning with '-'", name);

    private static int? CheckPort(int? value, string name) => value is null or (>= 1 and <= 65535)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, "Port must be between 1 and 65535");

    private static string CheckFolder(string value, string name) => !string.IsNullOrEmpty(value) && !value.Contains('\0')
        ? value
        : throw new ArgumentException($"{name} is empty or contains a NUL; expected a folder on the server", name);

    private static string? CheckFile(string? value, string name) => value is null || (value.Length > 0 && !value.Contains('"') && !value.Any(char.IsControl))
        ? value
        : throw new ArgumentException($"{name} is '{value}'; expected a path without quotes and control characters", name);

    private static string CheckPattern(string value, string name)
    {
        if (string.IsNullOrWhiteSpace(value?.Replace(";", "", StringComparison.Ordinal)))
            throw new ArgumentException("Pattern is empty; expected something like *.csv", name);
        if (value.AsSpan().IndexOfAny('/', '\0') >= 0)
            throw new ArgumentException($"Pattern is '{value}', but it matches names, not paths; leave the folder out and set Recursive", name);
        return value;
    }

    private static string? CheckMarker(string? value, string name) => value is null || (value.Length > 0 && value.AsSpan().IndexOfAny('/', '\0') < 0)
        ? value
        : throw new ArgumentException($"DoneMarker is '{value}'; expected an ending such as .done, or null for none", name);

    private static AfterCommit CheckAfterCommit(AfterCommit value, string name) => Enum.IsDefined(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, "AfterCommit must be Keep, Archive or Delete");

    private static int Within(int value, int least, int most, string name) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and {most}");

    private static TimeSpan Within(TimeSpan value, TimeSpan least, string name) => value >= least && value <= Longest
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and one day");

    private static TimeSpan Positive(TimeSpan value, string name) => Within(value, TimeSpan.FromMilliseconds(1), name);
}
