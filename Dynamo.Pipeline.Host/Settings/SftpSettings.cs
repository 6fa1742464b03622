using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// How a server is reached. The source's address says where it is; <see cref="SourceSettings"/> say which files are taken.
/// </summary>
internal static class SftpSettings
{
    private const string DurationAllowed = "a duration above zero, such as 500ms, 5s or 2min, up to a day";
    private const string FileAllowed = "a file's path without quotes";

    private static readonly (string, SshClientKind)[] s_clients =
        [("openssh", SshClientKind.OpenSsh), ("managed", SshClientKind.Managed), ("auto", SshClientKind.Auto)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Choice("sftp:client", s_clients, (s, client) => s with { Sftp = s.Sftp with { Client = client } }),
        // Not an option: every user of the machine can read command lines.
        One("password", "text without control characters", (r, text) => r with { Password = Password(text) }) with { IsSecret = true },
        One("identityFile", FileAllowed, (r, text) => r with { IdentityFile = text }) with
        {
            Option = "--identity",
            ValueName = "FILE",
            Rebase = Rebased,
            Help = "Private key for an sftp:// source. Default: ssh's own choice.",
        },
        One("knownHostsFile", FileAllowed, (r, text) => r with { KnownHostsFile = text }) with
        {
            Option = "--known-hosts",
            ValueName = "FILE",
            Rebase = Rebased,
            Help = "Known keys of servers. Default: ssh's own file.",
        },
        One("sshConfigFile", FileAllowed, (r, text) => r with { SshConfigFile = text }) with { Rebase = Rebased },
        // Not relative to the configuration file: a bare name is looked for on the path.
        One("sshProgram", "the ssh client's name or full path", (r, text) => r with { SshProgram = text }),
        One("acceptNewHostKeys", "true or false", (r, text) => r with { AcceptNewHostKeys = SettingText.Flag(text) }) with
        {
            Words = ["true", "false"],
        },
        One("clockSkew", "a duration such as 30s or 0, up to a day", (r, text) => r with { ClockSkew = SettingText.Duration(text) }),
        One("connections", "a whole number, 1 to 16", (r, text) => r with { Connections = SettingText.Count(text) }),
        One("opensInFlight", "a whole number, 1 to 1000", (r, text) => r with { OpensInFlight = SettingText.Count(text) }),
        One("connectTimeout", DurationAllowed, (r, text) => r with { ConnectTimeout = SettingText.Duration(text) }),
        One("deadline", DurationAllowed, (r, text) => r with { Deadline = SettingText.Duration(text) }),
        One("keepAlive", DurationAllowed, (r, text) => r with { KeepAlive = SettingText.Duration(text) }),
        One("reconnects", "a whole number, 0 to 100", (r, text) => r with { Reconnects = SettingText.Count(text) }),
        One("nameEncoding", "an encoding such as utf-8 or iso-8859-1", (r, text) => r with { NameEncoding = Encoding.GetEncoding(text) }),
    ];

    /// <summary>Refuses what is set and is not for the client that is taken.</summary>
    /// <exception cref="SettingsException">There is such a setting.</exception>
    public static void Check(SftpSourceOptions server)
    {
        if (SshCommand.ClientOf(server) != SshClientKind.Managed) return;
        SettingProblem[] problems =
        [
            .. SshNetLogin.Unable(server).Select(unable => new SettingProblem(
                $"sftp:{char.ToLowerInvariant(unable.Option[0])}{unable.Option[1..]}",
                $"{unable.Why}. Remove it, or set sftp:client to 'openssh'.")),
        ];
        if (problems.Length > 0) throw new SettingsException(problems);
    }

    private static Setting One(string name, string allowed, Func<SftpSourceOptions, string, SftpSourceOptions> apply) =>
        Setting.One("sftp:" + name, allowed, (s, text) => s with { Sftp = apply(s.Sftp, text) });

    /// <summary>The password is handed to ssh as one line.</summary>
    private static string Password(string text) => text.Any(char.IsControl) ? throw new FormatException() : text;

    private static string Rebased(string text, string folder) => string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text);
}
