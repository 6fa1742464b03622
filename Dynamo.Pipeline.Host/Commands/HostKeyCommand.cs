using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo hostkey</c>: shows a server's key, and adds it to the known keys once somebody has confirmed it.</summary>
internal sealed class HostKeyCommand : Command, ISettingsCommand, IExamples
{
    private readonly Argument<string> _host = new("HOST[:PORT]") { Description = "The server, as in the source's address." };
    private readonly Option<string?> _yes =
        ValueOption.Named("--yes", "FINGERPRINT", "Add the key that has this fingerprint, and no other, without asking.");

    public HostKeyCommand(CommandContext context)
        : base("hostkey", "Shows a server's host key, and adds it to the known ones after approval.")
    {
        Arguments.Add(_host);
        Settings = new SettingOptions(this, "sftp:knownHostsFile");
        Options.Add(_yes);
        SetAction((parsed, _) => AddAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo hostkey files.example.org
          dynamo hostkey files.example.org:2222 --yes SHA256:uNiVztksCsDhcc0u9e8BrrzHWEKyU9qDDzVvfvu24rE

        Compare the fingerprint with the one that the server's administrator gave you, by another way than this network.
        """;

    private async Task<int> AddAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed);
        SftpSourceOptions server = Server(settings, parsed.GetValue(_host)!);
        HostKeys keys = await HostKeys.OfAsync(server, context.Stopping);
        KnownHostKey key = Chosen(await keys.ScanAsync(context.Stopping), parsed.GetValue(_yes));
        context.Out.WriteLine($"{server.Host} shows the key {key.Type} {key.Fingerprint}");
        HostKeyVerdict verdict = keys.Judge(key);
        switch (verdict.Standing)
        {
            case HostKeyStanding.Known:
                context.Out.WriteLine($"It is known already, in {Shown.Path(verdict.Place!)}.");
                return (int)ExitCode.Ok;
            case HostKeyStanding.Revoked:
                throw new SourceException(
                    $"This key is marked as revoked, in {verdict.Place}: whoever shows it is not to be trusted. Nothing was added. "
                    + "Ask the server's administrator.");
            case HostKeyStanding.Changed:
                throw new SourceException(
                    $"Another key of this kind is known for {server.Host}: {verdict.Key!.Fingerprint}, in {verdict.Place}. "
                    + "Either the server's key was replaced, or this is another server. Ask its administrator; only then remove the old "
                    + "key, which is that line (or with ssh-keygen -R), and add the new one.");
            case HostKeyStanding.OtherTypes:
                context.Out.WriteLine(
                    $"Known so far is another key of it: {verdict.Key!.Type} {verdict.Key.Fingerprint}, in {Shown.Path(verdict.Place!)}.");
                break;
        }
        if (parsed.GetValue(_yes) is null && !IsApproved(context))
        {
            string command = Pasted.Command("hostkey", settings, "sftp:knownHostsFile");
            context.Out.WriteLine(
                $"Nothing was added. Once the fingerprint is verified: {command} {parsed.GetValue(_host)} --yes {key.Fingerprint}");
            return (int)ExitCode.DoneWithBadData;
        }
        keys.Add(key);
        context.Out.WriteLine($"Added to {Shown.Path(keys.KnownHostsFile)}.");
        return (int)ExitCode.Ok;
    }

    private static KnownHostKey Chosen(IReadOnlyList<KnownHostKey> shown, string? fingerprint)
    {
        if (fingerprint is null) return shown[0];
        string all = string.Join(", ", shown.Select(key => $"{key.Fingerprint} ({key.Type})"));
        return shown.FirstOrDefault(key => key.Fingerprint == fingerprint) ?? throw new SourceException(
            $"The server shows no key with the fingerprint {Shown.Name(fingerprint)}, but {all}. "
            + "Nothing was added: this may be another server.");
    }

    private static bool IsApproved(CommandContext context)
    {
        if (Console.IsInputRedirected || Console.IsOutputRedirected) return false;
        context.Out.Write("Is this the fingerprint its administrator told you? Type yes to add the key: ");
        return Console.In.ReadLine()?.Trim() == "yes";
    }

    /// <summary>Reads the address as a source would, so that no host can become an option of ssh.</summary>
    private static SftpSourceOptions Server(HostSettings settings, string host)
    {
        try
        {
            bool isAddress = host.StartsWith("sftp://", StringComparison.OrdinalIgnoreCase);
            SftpSourceOptions address = SftpSourceOptions.Parse(isAddress ? host : "sftp://" + host);
            return settings.Sftp with { Host = address.Host, User = address.User, Port = address.Port };
        }
        catch (ArgumentException error)
        {
            throw new SettingsException("hostkey", SettingProblem.Sentence(error));
        }
    }
}
