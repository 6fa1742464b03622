using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>The files of known hosts, as OpenSSH writes and reads them.</summary>
public sealed class KnownHostsTests
{
    private static readonly KnownHostKey Ed25519 = Key("ssh-ed25519", 1), Other = Key("ssh-ed25519", 2), Rsa = Key("ssh-rsa", 3);

    [TestCase("example.org", "example.org", 22, true)]
    [TestCase("EXAMPLE.org", "Example.ORG", 22, true)]
    [TestCase("example.org", "www.example.org", 22, false)]
    [TestCase("a,example.org,b", "example.org", 22, true)]
    [TestCase("*.example.org", "www.example.org", 22, true)]
    [TestCase("*.example.org", "example.org", 22, false)]
    [TestCase("*.example.org,!www.example.org", "www.example.org", 22, false)]
    [TestCase("!www.example.org,*.example.org", "www.example.org", 22, false)]
    [TestCase("!www.example.org,*.example.org", "ftp.example.org", 22, true)]
    [TestCase("10.0.0.?", "10.0.0.7", 22, true)]
    [TestCase("10.0.0.?", "10.0.0.77", 22, false)]
    [TestCase("*", "anything", 22, true)]
    [TestCase("[example.org]:2222", "example.org", 2222, true)]
    [TestCase("[example.org]:2222", "example.org", 22, false)]
    [TestCase("[example.org]:2222", "example.org", 2223, false)]
    [TestCase("[*.example.org]:2222", "www.example.org", 2222, true)]
    [TestCase("[::1]:2222", "::1", 2222, true)]
    [TestCase("::1", "::1", 22, true)]
    [TestCase("example.org", "example.org", 2222, true, Description = "as ssh does: without the port, if it is that key")]
    [TestCase("a*b*c", "aXbYbZc", 22, true)]
    [TestCase("a*b*c", "aXbYbZ", 22, false)]
    public void A_name_is_found_by_its_pattern(string pattern, string host, int port, bool found)
    {
        KnownHosts known = KnownHosts.Parse($"{pattern} {Ed25519.Line} a comment\n");

        Assert.That(known.Judge(host, port, Ed25519).Standing, Is.EqualTo(found ? HostKeyStanding.Known : HostKeyStanding.Unknown));
    }

    [TestCase("Example.org", 22)]
    [TestCase("example.org", 2222)]
    public async Task A_name_that_ssh_keygen_hashed_is_found(string host, int port)
    {
        using var scratch = new ScratchFolder();
        string file = scratch["known_hosts"];
        await File.WriteAllTextAsync(file, $"other {Other.Line}\n{KnownHosts.NameOf(host.ToLowerInvariant(), port)} {Ed25519.Line}\n");
        await External.RunAsync("ssh-keygen", "-q", "-H", "-f", file);

        Assert.That(await File.ReadAllTextAsync(file), Does.StartWith("|1|").And.Not.Contain("example"));
        Assert.That(KnownHosts.Read([file]).Judge(host, port, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Known));
        Assert.That(KnownHosts.Read([file]).Judge(host, port, Other).Standing, Is.EqualTo(HostKeyStanding.Changed));
        Assert.That(KnownHosts.Read([file]).Judge("another", port, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Unknown));
    }

    [Test]
    public void Another_key_of_a_known_type_is_a_changed_one_and_one_of_another_type_is_told_apart()
    {
        KnownHosts known = KnownHosts.Parse($"h {Ed25519.Line}\n");

        Assert.That(known.Judge("h", 22, Other).Standing, Is.EqualTo(HostKeyStanding.Changed));
        Assert.That(known.Judge("h", 22, Rsa).Standing, Is.EqualTo(HostKeyStanding.OtherTypes));
    }

    [Test]
    public void A_verdict_names_the_key_it_rests_on_with_file_and_line()
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(scratch["mine"], $"# mine\n\nh {Ed25519.Line}\n");
        File.WriteAllText(scratch["machine"], $"other {Other.Line}\n@revoked * {Rsa.Line}\n");
        KnownHosts known = KnownHosts.Read([scratch["mine"], scratch["none"], scratch["machine"]]);

        HostKeyVerdict same = known.Judge("h", 22, Ed25519), changed = known.Judge("h", 22, Other), revoked = known.Judge("h", 22, Rsa);

        Assert.That((same.Place, changed.Place, revoked.Place), Is.EqualTo((scratch["mine"] + ":3", scratch["mine"] + ":3",
            scratch["machine"] + ":2")));
        Assert.That((changed.Standing, changed.Key!.IsSame(Ed25519)), Is.EqualTo((HostKeyStanding.Changed, true)));
        Assert.That(known.Judge("unknown", 22, Other), Is.EqualTo(new HostKeyVerdict(HostKeyStanding.Unknown)));
    }

    [Test]
    public void A_host_may_have_several_keys_even_of_one_type()
    {
        KnownHosts known = KnownHosts.Parse($"h {Other.Line}\nh {Ed25519.Line}\nh {Rsa.Line}\n");

        foreach (KnownHostKey key in (KnownHostKey[])[Ed25519, Other, Rsa])
            Assert.That(known.Judge("h", 22, key).Standing, Is.EqualTo(HostKeyStanding.Known));
        Assert.That(known.KeysOf("h", 22), Has.Count.EqualTo(3));
    }

    [Test]
    public void A_revoked_key_is_refused_even_where_it_is_known_and_whatever_the_port(
        [Values(22, 2222)] int port, [Values] bool revokedFirst)
    {
        string revoked = $"@revoked h {Ed25519.Line}\n", trusted = $"{KnownHosts.NameOf("h", port)} {Ed25519.Line}\n";

        KnownHosts known = KnownHosts.Parse(revokedFirst ? revoked + trusted : trusted + revoked);

        Assert.That(known.Judge("h", port, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Revoked));
        Assert.That(known.Judge("h", port, Other).Standing, Is.Not.EqualTo(HostKeyStanding.Revoked));
    }

    [Test]
    public void An_authority_vouches_for_no_plain_key()
    {
        KnownHosts known = KnownHosts.Parse($"@cert-authority *.example.org {Ed25519.Line}\n");

        Assert.That(known.Judge("www.example.org", 22, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Unknown));
        Assert.That(known.TrustsAuthority("www.example.org", 22));
        Assert.That(known.TrustsAuthority("example.com", 22), Is.False);
    }

    [TestCase("")]
    [TestCase("# h ssh-ed25519 AAAA")]
    [TestCase("h")]
    [TestCase("h ssh-ed25519")]
    [TestCase("h ssh-ed25519 not!base64")]
    [TestCase("h ssh-ed25519 AAAA")]
    [TestCase("@unknown-marker h ssh-ed25519 KEY")]
    [TestCase("h ssh-rsa KEY")]
    [TestCase("|1|salt h ssh-ed25519 KEY")]
    [TestCase("|1|!!|!! ssh-ed25519 KEY")]
    public void A_line_that_is_none_is_skipped_and_the_next_one_counts(string line)
    {
        line = line.Replace("KEY", Ed25519.Line.Split(' ')[1], StringComparison.Ordinal);

        KnownHosts known = KnownHosts.Parse($"\uFEFF{line}\r\n\t h2  {Ed25519.Line}\r\n");

        Assert.That(known.Judge("h", 22, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Unknown));
        Assert.That(known.Judge("h2", 22, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Known));
    }

    [Test]
    public async Task A_key_is_added_once_by_many_at_once_and_ssh_keygen_finds_it()
    {
        using var scratch = new ScratchFolder();
        string file = scratch["new/known_hosts"];
        Directory.CreateDirectory(scratch["new"]);
        await File.WriteAllTextAsync(file, $"other {Other.Line}");

        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => KnownHosts.Add(file, "example.org", 2222, Ed25519))));

        Assert.That(await File.ReadAllLinesAsync(file), Is.EqualTo(new[] { $"other {Other.Line}", $"[example.org]:2222 {Ed25519.Line}" }));
        await External.RunAsync("ssh-keygen", "-q", "-F", "[example.org]:2222", "-f", file);
    }

    [Test]
    public void A_file_and_its_folder_are_made_for_their_owner_alone()
    {
        using var scratch = new ScratchFolder();
        string file = scratch["ssh/known_hosts"];

        KnownHosts.Add(file, "h", 22, Ed25519);

        Assert.That(KnownHosts.Read([scratch["missing"], file]).Judge("h", 22, Ed25519).Standing, Is.EqualTo(HostKeyStanding.Known));
        if (OperatingSystem.IsWindows()) return;
        Assert.That(File.GetUnixFileMode(file) & (UnixFileMode)0x3F, Is.EqualTo(UnixFileMode.None));
        Assert.That(File.GetUnixFileMode(scratch["ssh"]) & (UnixFileMode)0x3F, Is.EqualTo(UnixFileMode.None));
    }

    [Test]
    public void A_blob_that_lies_about_its_type_is_none([Values(0, 3, 4, 100)] int length)
    {
        var blob = new byte[length];
        if (length >= 4) BinaryPrimitives.WriteUInt32BigEndian(blob, 200);

        Assert.That(KnownHostKey.From(blob), Is.Null);
    }

    [Test]
    public void A_fingerprint_is_written_as_ssh_writes_it() =>
        Assert.That(Ed25519.Fingerprint, Is.EqualTo("SHA256:" + Convert.ToBase64String(SHA256.HashData(Ed25519.Blob.Span)).TrimEnd('=')));

    private static KnownHostKey Key(string type, int seed)
    {
        var key = new byte[32];
        new Random(seed).NextBytes(key);
        byte[] blob = [.. Length(type.Length), .. Encoding.ASCII.GetBytes(type), .. Length(key.Length), .. key];
        return KnownHostKey.From(blob)!;
    }

    private static byte[] Length(int length)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        return bytes;
    }
}
