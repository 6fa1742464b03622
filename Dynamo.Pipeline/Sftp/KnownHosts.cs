using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Dynamo.Pipeline.Sftp;

/// <summary>What the files of known hosts say about a key that a server shows.</summary>
internal enum HostKeyStanding
{
    /// <summary>The key is in the files, for this host.</summary>
    Known,

    /// <summary>The files have no key for this host.</summary>
    Unknown,

    /// <summary>The files have keys for this host, but none of this type.</summary>
    OtherTypes,

    /// <summary>The files have another key of this type for this host.</summary>
    Changed,

    /// <summary>The key is marked <c>@revoked</c>: nobody may trust it any more.</summary>
    Revoked,
}

/// <summary>What the files of known hosts say about a key that a server shows, and where.</summary>
/// <param name="Standing">What they say.</param>
/// <param name="Key">The key they have: the same one, the other one, or one of another type. None for an unknown host.</param>
/// <param name="Place">The file and line of that key.</param>
internal readonly record struct HostKeyVerdict(HostKeyStanding Standing, KnownHostKey? Key = null, string? Place = null);

/// <summary>A public key of a server.</summary>
/// <param name="Type">Its type, such as <c>ssh-ed25519</c>.</param>
/// <param name="Blob">The key in its wire form (RFC 4253, section 6.6), of which the type is the first string.</param>
internal sealed record KnownHostKey(string Type, ReadOnlyMemory<byte> Blob)
{
    /// <summary>The fingerprint as ssh and administrators write it: <c>SHA256:…</c>.</summary>
    public string Fingerprint => "SHA256:" + Convert.ToBase64String(SHA256.HashData(Blob.Span)).TrimEnd('=');

    /// <summary>The key as a file of known hosts has it: its type and its blob in base64.</summary>
    public string Line => $"{Type} {Convert.ToBase64String(Blob.Span)}";

    /// <summary>Reads a key from its wire form; <see langword="null"/> when it has none.</summary>
    public static KnownHostKey? From(ReadOnlyMemory<byte> blob)
    {
        if (blob.Length < 4) return null;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(blob.Span);
        if (length is 0 or > 64 || length > blob.Length - 4) return null;
        ReadOnlySpan<byte> type = blob.Span.Slice(4, (int)length);
        return type.IndexOfAnyExceptInRange((byte)'!', (byte)'~') < 0 ? new KnownHostKey(Encoding.ASCII.GetString(type), blob) : null;
    }

    /// <summary>Whether it is that key, bit for bit.</summary>
    public bool IsSame(KnownHostKey other) => Blob.Span.SequenceEqual(other.Blob.Span);
}

/// <summary>
/// The keys of servers that somebody vouched for, in the format of OpenSSH's <c>known_hosts</c> (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"):
/// names with wildcards and exceptions, ports, hashed names, several keys for a host, and the markers <c>@revoked</c> and
/// <c>@cert-authority</c>. Immutable.
/// </summary>
internal sealed class KnownHosts
{
    /// <summary>The port that is not written down.</summary>
    public const int DefaultPort = 22;

    private static readonly Lock s_writing = new();

    private readonly Entry[] _entries;

    private KnownHosts(IEnumerable<Entry> entries) => _entries = [.. entries];

    /// <summary>
    /// Reads files, one after the other. A file that is not there has nothing to say; a line that is none is skipped, as ssh does.
    /// </summary>
    /// <param name="files">The files' paths.</param>
    /// <exception cref="IOException">A file is there and cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file is there and cannot be read.</exception>
    public static KnownHosts Read(IEnumerable<string> files) =>
        new(files.Where(File.Exists).SelectMany(file => File.ReadLines(file).Select((line, above) => Entry.Parse(line, file, above + 1)))
            .OfType<Entry>());

    /// <summary>Reads lines.</summary>
    public static KnownHosts Parse(string text) =>
        new(text.Split('\n').Select((line, above) => Entry.Parse(line, "known_hosts", above + 1)).OfType<Entry>());

    /// <summary>The name under which a host and port are looked for.</summary>
    public static string NameOf(string host, int port) =>
        port == DefaultPort ? host : string.Create(CultureInfo.InvariantCulture, $"[{host}]:{port}");

    /// <summary>
    /// The keys that are vouched for, for this host and port. Of a host with a port of its own, keys of the host alone count where there
    /// are no others.
    /// </summary>
    public IReadOnlyList<KnownHostKey> KeysOf(string host, int port)
    {
        Entry[] entries = [.. For(NameOf(host, port), Marker.None)];
        if (entries.Length == 0 && port != DefaultPort) entries = [.. For(host, Marker.None)];
        return [.. entries.Select(entry => entry.Key)];
    }

    /// <summary>Whether the files trust this host by a certificate authority's key.</summary>
    public bool TrustsAuthority(string host, int port) => For(NameOf(host, port), Marker.Authority).Any();

    /// <summary>What the files say about a key that a server shows.</summary>
    public HostKeyVerdict Judge(string host, int port, KnownHostKey shown)
    {
        string name = NameOf(host, port);
        if (Same(For(name, Marker.Revoked).Concat(For(host, Marker.Revoked))) is { } revoked) return revoked.Says(HostKeyStanding.Revoked);
        Entry[] known = [.. For(name, Marker.None)];
        if (Same(known) is { } same) return same.Says(HostKeyStanding.Known);
        if (known.FirstOrDefault(entry => entry.Key.Type == shown.Type) is { } other) return other.Says(HostKeyStanding.Changed);
        if (known.Length > 0) return known[0].Says(HostKeyStanding.OtherTypes);
        // As ssh does: a key of the host without its port counts if it is that key, and says nothing if it is another one.
        if (port != DefaultPort && Same(For(host, Marker.None)) is { } portless) return portless.Says(HostKeyStanding.Known);
        return new HostKeyVerdict(HostKeyStanding.Unknown);

        Entry? Same(IEnumerable<Entry> entries) => entries.FirstOrDefault(entry => shown.IsSame(entry.Key));
    }

    /// <summary>
    /// Adds a key to a file, which is made with its folder where it is missing. What is in the file already is not added again.
    /// </summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written.</exception>
    public static void Add(string file, string host, int port, KnownHostKey key)
    {
        // Several connections of one source meet an unknown host at the same time.
        lock (s_writing)
        {
            if (Read([file]).For(NameOf(host, port), Marker.None).Any(entry => key.IsSame(entry.Key))) return;
            string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            using FileStream stream = new(file, Writing());
            stream.Seek(0, SeekOrigin.End);
            stream.Write(Encoding.UTF8.GetBytes($"{(EndsInALine(stream) ? "" : "\n")}{NameOf(host, port)} {key.Line}\n"));
        }
    }

    private static FileStreamOptions Writing()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }

    private static bool EndsInALine(FileStream stream)
    {
        if (stream.Length == 0) return true;
        stream.Seek(-1, SeekOrigin.End);
        return stream.ReadByte() == '\n';
    }

    private IEnumerable<Entry> For(string name, Marker marker) => _entries.Where(entry => entry.Marker == marker && entry.IsFor(name));

    private enum Marker
    {
        None,
        Authority,
        Revoked,
    }

    /// <summary>One line: a marker, the hosts it is about, and a key.</summary>
    private sealed record Entry(Marker Marker, string Hosts, KnownHostKey Key, string File, int Line)
    {
        public HostKeyVerdict Says(HostKeyStanding standing) =>
            new(standing, Key, string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}"));

        public static Entry? Parse(string line, string file, int number)
        {
            string[] fields = line.TrimStart('\uFEFF').Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 0 || fields[0].StartsWith('#')) return null;
            Marker? marker = fields[0] switch
            {
                "@cert-authority" => Marker.Authority,
                "@revoked" => Marker.Revoked,
                _ => fields[0].StartsWith('@') ? null : Marker.None,
            };
            if (marker is null) return null;
            int hosts = marker == Marker.None ? 0 : 1;
            if (fields.Length < hosts + 3) return null;
            var blob = new byte[fields[hosts + 2].Length];
            if (!Convert.TryFromBase64String(fields[hosts + 2], blob, out int length)) return null;
            // A key that is not of the type that stands before it is a damaged line.
            return KnownHostKey.From(blob.AsMemory(0, length)) is { } key && key.Type == fields[hosts + 1]
                ? new Entry(marker.Value, fields[hosts], key, file, number) : null;
        }

        public bool IsFor(string name)
        {
            name = name.ToLowerInvariant();
            if (Hosts.StartsWith("|1|", StringComparison.Ordinal)) return IsHashOf(name);
            bool isFor = false;
            foreach (Range range in Hosts.AsSpan().Split(','))
            {
                ReadOnlySpan<char> pattern = Hosts.AsSpan()[range];
                bool isException = pattern.StartsWith('!');
                if (!Matches(pattern[(isException ? 1 : 0)..], name)) continue;
                // An exception holds wherever it stands in the line.
                if (isException) return false;
                isFor = true;
            }
            return isFor;
        }

        /// <summary><c>|1|salt|hash</c>: HMAC-SHA1 of the name, so that a stolen file does not tell whom its owner visits.</summary>
        private bool IsHashOf(string name)
        {
            string[] parts = Hosts.Split('|');
            byte[] salt = new byte[Hosts.Length], hash = new byte[Hosts.Length];
            if (parts.Length != 4 || !Convert.TryFromBase64String(parts[2], salt, out int saltLength)
                || !Convert.TryFromBase64String(parts[3], hash, out int hashLength)) return false;
#pragma warning disable CA5350 // The format's own hash. It hides names; no trust hangs on it.
            byte[] own = HMACSHA1.HashData(salt.AsSpan(0, saltLength), Encoding.UTF8.GetBytes(name));
#pragma warning restore CA5350
            return own.AsSpan().SequenceEqual(hash.AsSpan(0, hashLength));
        }

        /// <summary><c>*</c> stands for any characters, <c>?</c> for one; everything else, brackets too, for itself.</summary>
        private static bool Matches(ReadOnlySpan<char> pattern, string name)
        {
            int p = 0, n = 0, star = -1, from = 0;
            while (n < name.Length)
            {
                if (p < pattern.Length && pattern[p] == '*') (star, from, p) = (p, n, p + 1);
                else if (p < pattern.Length && (pattern[p] == '?' || char.ToLowerInvariant(pattern[p]) == name[n])) (p, n) = (p + 1, n + 1);
                else if (star >= 0) (p, n, from) = (star + 1, from + 1, from + 1);
                else return false;
            }
            while (p < pattern.Length && pattern[p] == '*') p++;
            return p == pattern.Length;
        }
    }
}
