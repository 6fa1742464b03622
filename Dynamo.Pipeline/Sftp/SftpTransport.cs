namespace Dynamo.Pipeline.Sftp;

/// <summary>A duplex byte stream to an SFTP server: an ssh process, or in tests a pipe to anything that answers.</summary>
internal abstract class SftpTransport : IDisposable
{
    /// <summary>What the server sends. Read synchronously by one thread; must end when <see cref="Abort"/> was called.</summary>
    public abstract Stream Input { get; }

    /// <summary>What the server is sent. Written synchronously by one thread; a write must fail when <see cref="Abort"/> was called.</summary>
    public abstract Stream Output { get; }

    /// <summary>Ends the transport at once, from any thread. Idempotent.</summary>
    public abstract void Abort();

    /// <summary>After the input ended: why, in the transport's own words, or <see langword="null"/> when it has none. May take a moment.</summary>
    public abstract SftpConnectionException? Explain();

    public abstract void Dispose();
}
