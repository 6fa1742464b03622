namespace Dynamo.Pipeline.Sftp;

/// <summary>The numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02) that this client uses.</summary>
internal static class SftpProtocol
{
    public const uint Version = 3;

    public const byte Init = 1, VersionReply = 2, Open = 3, Close = 4, Read = 5, Write = 6, Lstat = 7, Fstat = 8, SetStat = 9, OpenDir = 11,
        ReadDir = 12, Remove = 13, MkDir = 14, RmDir = 15, RealPath = 16, Stat = 17, Rename = 18, Status = 101, Handle = 102,
        Data = 103, Name = 104, Attrs = 105, Extended = 200, ExtendedReply = 201;

    /// <summary>OpenSSH answers with packets of up to 256 KiB; nothing this client asks for needs a longer one.</summary>
    public const int LongestPacket = 256 * 1024;

    /// <summary>
    /// What every server must serve in one READ (section 3 of the draft); proftpd drops the connection when asked for absurdly more.
    /// </summary>
    public const int SafeReadLength = 32_768;

    /// <summary>The draft leaves a handle's length open "up to 256 bytes": longer ones are a lie.</summary>
    public const int LongestHandle = 256;

    public const string PosixRename = "posix-rename@openssh.com", Limits = "limits@openssh.com";

    /// <summary><see cref="PosixRename"/> as it is sent.</summary>
    public static ReadOnlySpan<byte> PosixRenameName => "posix-rename@openssh.com"u8;
}

/// <summary>The codes of an SSH_FXP_STATUS answer. Servers send others too; whatever is not named here is a failure.</summary>
internal enum SftpCode : uint
{
    Ok = 0, EndOfFile = 1, NoSuchFile = 2, PermissionDenied = 3, Failure = 4, BadMessage = 5, NoConnection = 6, ConnectionLost = 7,
    Unsupported = 8,
}

/// <summary>A server's STATUS: its code and its own words, cut and without control characters, because they end up on terminals.</summary>
internal readonly record struct SftpStatus(SftpCode Code, string Message)
{
    public bool IsOk => Code == SftpCode.Ok;

    public override string ToString() => Message.Length == 0 ? $"status {(uint)Code}" : $"{Message} (status {(uint)Code})";
}

/// <summary>The answer to a request was a STATUS where something else was hoped for. The connection is well.</summary>
internal sealed class SftpStatusException(SftpStatus status) : Exception(status.ToString())
{
    public SftpStatus Status { get; } = status;
}

/// <summary>The server sent what no SFTP server may send. Nothing it says afterwards can be trusted: the connection is dropped.</summary>
internal sealed class SftpProtocolException(string message) : Exception(message)
{
    public static SftpProtocolException Unexpected(byte type, string request) =>
        new($"a packet of type {type} came in answer to {request}");
}

/// <summary>The connection cannot be had or was lost; every request that waited on it fails with this one.</summary>
/// <param name="message">What happened, in ssh's words where it said some, and the remedy.</param>
/// <param name="mayRecover">Whether a new connection may succeed where this one failed.</param>
/// <param name="innerException">The original error, if there is one.</param>
internal sealed class SftpConnectionException(string message, bool mayRecover, Exception? innerException = null)
    : Exception(message, innerException)
{
    public bool MayRecover { get; } = mayRecover;
}
