using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// A request that waits for its answer. Exactly one of <see cref="Answer"/> and <see cref="Fail"/> is called, once, on the connection's
/// reader thread (or on the thread that ended the connection): neither may block, and waiting callers must continue elsewhere.
/// </summary>
internal interface ISftpRequest
{
    /// <summary>Takes the answer.</summary>
    /// <param name="type">The packet's type.</param>
    /// <param name="body">What follows the id; valid during the call only.</param>
    /// <exception cref="SftpProtocolException">It is no answer to this request.</exception>
    void Answer(byte type, SftpReader body);

    /// <summary>The connection ended before the answer came.</summary>
    void Fail(Exception cause);
}

/// <summary>A request whose answer nobody waits for: the CLOSE of a handle, the keep-alive.</summary>
internal sealed class SftpUnheard : ISftpRequest
{
    public static readonly SftpUnheard Instance = new();

    public void Answer(byte type, SftpReader body) { }

    public void Fail(Exception cause) { }
}

/// <summary>A request with one awaited answer.</summary>
internal abstract class SftpCall<T> : ISftpRequest
{
    // The reader thread completes it and must not run what comes after.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Completion => _completion.Task;

    public void Answer(byte type, SftpReader body)
    {
        if (TryDecode(type, ref body, out T? value)) _completion.TrySetResult(value);
        else if (type == SftpProtocol.Status) _completion.TrySetException(new SftpStatusException(body.Status()));
        else throw SftpProtocolException.Unexpected(type, GetType().Name);
    }

    public void Fail(Exception cause)
    {
        _completion.TrySetException(cause);
        // Whoever was cancelled meanwhile does not look at it any more.
        _ = _completion.Task.Exception;
    }

    /// <summary>Decodes the hoped-for answer; a STATUS that is not one becomes a <see cref="SftpStatusException"/>.</summary>
    protected abstract bool TryDecode(byte type, ref SftpReader body, [MaybeNullWhen(false)] out T value);
}

/// <summary>MKDIR, REMOVE, RENAME: any STATUS is the answer.</summary>
internal sealed class SftpStatusCall : SftpCall<SftpStatus>
{
    protected override bool TryDecode(byte type, ref SftpReader body, out SftpStatus value)
    {
        value = type == SftpProtocol.Status ? body.Status() : default;
        return type == SftpProtocol.Status;
    }
}

/// <summary>OPEN, OPENDIR.</summary>
internal sealed class SftpHandleCall : SftpCall<byte[]>
{
    protected override bool TryDecode(byte type, ref SftpReader body, [MaybeNullWhen(false)] out byte[] value)
    {
        value = type == SftpProtocol.Handle ? body.Handle() : null;
        return value is not null;
    }
}

/// <summary>STAT, LSTAT, FSTAT; <see langword="null"/> when there is no such file.</summary>
internal sealed class SftpAttributesCall : SftpCall<SftpAttributes?>
{
    protected override bool TryDecode(byte type, ref SftpReader body, out SftpAttributes? value)
    {
        value = null;
        if (type == SftpProtocol.Attrs)
        {
            value = body.Attributes();
            return true;
        }
        SftpReader ahead = body;
        return type == SftpProtocol.Status && ahead.Status().Code == SftpCode.NoSuchFile;
    }
}

/// <summary>READDIR; an empty array at the end of the folder, and never otherwise from a sane server.</summary>
internal sealed class SftpEntriesCall : SftpCall<SftpEntry[]?>
{
    protected override bool TryDecode(byte type, ref SftpReader body, out SftpEntry[]? value)
    {
        value = null;
        if (type == SftpProtocol.Name)
        {
            value = Entries(ref body);
            return true;
        }
        SftpReader ahead = body;
        return type == SftpProtocol.Status && ahead.Status().Code == SftpCode.EndOfFile;
    }

    private static SftpEntry[] Entries(ref SftpReader body)
    {
        uint count = body.UInt32();
        // Two lengths and the attributes' flags: what an entry takes at least.
        if (count > body.Remaining / 12) throw new SftpProtocolException($"a listing claims {count} names in {body.Remaining} bytes");
        var entries = new SftpEntry[count];
        for (int i = 0; i < entries.Length; i++)
        {
            byte[] name = body.Bytes().ToArray();
            body.Bytes();
            entries[i] = new SftpEntry(name, body.Attributes());
        }
        return entries;
    }
}

/// <summary>REALPATH: one name.</summary>
internal sealed class SftpPathCall : SftpCall<byte[]>
{
    protected override bool TryDecode(byte type, ref SftpReader body, [MaybeNullWhen(false)] out byte[] value)
    {
        value = null;
        if (type != SftpProtocol.Name) return false;
        if (body.UInt32() != 1) throw new SftpProtocolException("REALPATH was not answered with one name");
        value = body.Bytes().ToArray();
        return true;
    }
}

/// <summary>limits@openssh.com.</summary>
internal sealed class SftpLimitsCall : SftpCall<SftpLimits>
{
    protected override bool TryDecode(byte type, ref SftpReader body, out SftpLimits value)
    {
        value = default;
        if (type != SftpProtocol.ExtendedReply) return false;
        body.UInt64();
        ulong read = body.UInt64();
        body.UInt64();
        value = new SftpLimits(read, body.UInt64());
        return true;
    }
}

/// <summary>What a server says it can take; 0 where it says nothing.</summary>
/// <param name="ReadLength">The longest READ, in bytes.</param>
/// <param name="OpenHandles">Handles open at once.</param>
internal readonly record struct SftpLimits(ulong ReadLength, ulong OpenHandles);
