using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>How a server is reached. Where it is says the source's address; which files are taken, <see cref="SourceSettings"/>.</summary>
internal static class SftpSettings
{
    private const string DurationAllowed = "a duration above zero, such as 500ms, 5s or 2min, up to a day";
    private const string FileAllowed = "a file's path without quotes";

    public static IReadOnlyList<Setting> All { get; } =
    [
        // No option: what is on a command line, every user of the machine can read.
        Setting.One("sftp:password", "text without control characters", (s, text) => With(s, r => r with { Password = Password(text) })) with { IsSecret = true },
        Setting.One("sftp:identityFile", FileAllowed, (s, text) => With(s, r => r with { IdentityFile = text }))
            with { Option = "--identity", ValueName = "FILE", Rebase = Rebased, Help = "Private key for an sftp:// source. Default: ssh's own choice." },
        Setting.One("sftp:knownHostsFile", FileAllowed, (s, text) => With(s, r => r with { KnownHostsFile = text }))
            with { Option = "--known-hosts", ValueName = "FILE", Rebase = Rebased, Help = "Known keys of servers. Default: ssh's own file." },
        Setting.One("sftp:sshConfigFile", FileAllowed, (s, text) => With(s, r => r with { SshConfigFile = text })) with { Rebase = Rebased },
        // Not relative to the file: a bare name is looked for on the path.
        Setting.One("sftp:sshProgram", "the ssh client's name or full path", (s, text) => With(s, r => r with { SshProgram = text })),
        Setting.One("sftp:acceptNewHostKeys", "true or false", (s, text) => With(s, r => r with { AcceptNewHostKeys = SettingText.Flag(text) })) with { Words = ["true", "false"] },
        Setting.One("sftp:clockSkew", "a duration such as 30s or 0, up to a day", (s, text) => With(s, r => r with { ClockSkew = SettingText.Duration(text) })),
        Setting.One("sftp:connections", "a whole number, 1 to 16", (s, text) => With(s, r => r with { Connections = SettingText.Count(text) })),
        Setting.One("sftp:opensInFlight", "a whole number, 1 to 1000", (s, text) => With(s, r => r with { OpensInFlight = SettingText.Count(text) })),
        Setting.One("sftp:connectTimeout", DurationAllowed, (s, text) => With(s, r => r with { ConnectTimeout = SettingText.Duration(text) })),
        Setting.One("sftp:deadline", DurationAllowed, (s, text) => With(s, r => r with { Deadline = SettingText.Duration(text) })),
        Setting.One("sftp:keepAlive", DurationAllowed, (s, text) => With(s, r => r with { KeepAlive = SettingText.Duration(text) })),
        Setting.One("sftp:reconnects", "a whole number, 0 to 100", (s, text) => With(s, r => r with { Reconnects = SettingText.Count(text) })),
        Setting.One("sftp:nameEncoding", "an encoding such as utf-8 or iso-8859-1", (s, text) => With(s, r => r with { NameEncoding = Encoding.GetEncoding(text) })),
    ];

    private static HostSettings With(HostSettings settings, Func<SftpSourceOptions, SftpSourceOptions> remote) => settings with { Sftp = remote(settings.Sftp) };

    /// <summary>Askpass hands over one line.</summary>
    private static string Password(string text) => text.Any(char.IsControl) ? throw new FormatException() : text;

    private static string Rebased(string text, string folder) => string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text);
}
