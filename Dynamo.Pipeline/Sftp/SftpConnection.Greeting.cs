using System.Text;

namespace Dynamo.Pipeline.Sftp;

internal sealed partial class SftpConnection
{
    private readonly Dictionary<string, string> _extensions = new(StringComparer.Ordinal);

    /// <summary>The extensions the server announced, with their versions. A server's text: show it, trust it in nothing.</summary>
    public IReadOnlyDictionary<string, string> Extensions => _extensions;

    /// <summary>What the server says it can take.</summary>
    public SftpLimits Limits { get; private set; }

    /// <summary>One small request and its answer, measured while nothing else was under way.</summary>
    public TimeSpan RoundTrip { get; private set; }

    /// <summary>The longest READ that is asked for.</summary>
    public int ReadLength { get; private set; } = SftpProtocol.SafeReadLength;

    /// <summary>How many files may be open at once.</summary>
    public SftpWindow Files { get; private set; } = new(1);

    private async Task GreetAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _version.Task.WaitAsync(_timing.Connect, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new SftpConnectionException($"no SFTP server answered within {_timing.Connect.TotalSeconds:0.###} s", mayRecover: true);
        }
        if (_extensions.ContainsKey(SftpProtocol.Limits)) Limits = await AskLimitsAsync(cancellationToken).ConfigureAwait(false);
        // A question of its own: what the first answer takes is our own start as much as the distance.
        long asked = _time.GetTimestamp();
        await RealPathAsync("."u8).WaitAsync(cancellationToken).ConfigureAwait(false);
        RoundTrip = _time.GetElapsedTime(asked);
        // An advertised limit is the other side's word: believe it where it is lower, use it where it helps.
        if (Limits.ReadLength > 0) ReadLength = (int)Math.Clamp(Limits.ReadLength, 512, SftpProtocol.LongestPacket - 1024);
        Files = new SftpWindow(SftpWindow.Initial(RoundTrip, Limits.OpenHandles), SftpWindow.Most(Limits.OpenHandles));
    }

    private async Task<SftpLimits> AskLimitsAsync(CancellationToken cancellationToken)
    {
        var call = new SftpLimitsCall();
        Send(call, SftpProtocol.Extended, Encoding.ASCII.GetBytes(SftpProtocol.Limits), []);
        try
        {
            return await call.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SftpStatusException)
        {
            return default;
        }
    }

    /// <summary>On the reader thread.</summary>
    private void TakeVersion(ref SftpReader reader)
    {
        if (_version.Task.IsCompleted) throw new SftpProtocolException("a second greeting");
        uint version = reader.UInt32();
        if (version < SftpProtocol.Version) throw new SftpProtocolException($"it offers version {version}, and 3 is needed");
        while (reader.Remaining > 0)
        {
            string name = SftpReader.Printable(reader.Bytes());
            _extensions[name] = SftpReader.Printable(reader.Bytes());
        }
        _version.TrySetResult();
    }
}
