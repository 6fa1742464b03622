using System.Buffers.Binary;

namespace Dynamo.Pipeline.Sftp;

internal sealed partial class SftpConnection
{
    private static readonly byte[] NoAttributes = new byte[4];

    // SSH_FXF_READ, and no attributes.
    private static readonly byte[] OpenForReading = [0, 0, 0, 1, 0, 0, 0, 0];

    // SSH_FXF_WRITE | SSH_FXF_CREAT | SSH_FXF_TRUNC.
    private static readonly byte[] OpenForCreating = [0, 0, 0, 0x1A, 0, 0, 0, 0];

    /// <summary>Whether RENAME can be had with POSIX semantics: atomic, and replacing the target.</summary>
    public bool HasPosixRename => _extensions.ContainsKey(SftpProtocol.PosixRename);

    public void SendOpen(SftpRequest request, ReadOnlySpan<byte> path) => Send(request, SftpProtocol.Open, path, OpenForReading);

    public void SendRead(SftpRequest request, ReadOnlySpan<byte> handle, long offset, int length)
    {
        Span<byte> fields = stackalloc byte[12];
        BinaryPrimitives.WriteInt64BigEndian(fields, offset);
        BinaryPrimitives.WriteInt32BigEndian(fields[8..], length);
        Send(request, SftpProtocol.Read, handle, fields);
    }

    public void SendFstat(SftpRequest request, ReadOnlySpan<byte> handle) => Send(request, SftpProtocol.Fstat, handle, []);

    /// <summary>Nobody waits for the answer: the server works in order, so that the handle is free for what is sent later.</summary>
    public void SendClose(ReadOnlySpan<byte> handle) => Send(SftpUnheard.Instance, SftpProtocol.Close, handle, []);

    public Task<byte[]> OpenFileAsync(ReadOnlySpan<byte> path) => Ask(new SftpHandleCall(), SftpProtocol.Open, path, OpenForReading);

    public Task<byte[]> OpenFolderAsync(ReadOnlySpan<byte> path) => Ask(new SftpHandleCall(), SftpProtocol.OpenDir, path, []);

    public Task<SftpEntry[]?> ReadFolderAsync(ReadOnlySpan<byte> handle) => Ask(new SftpEntriesCall(), SftpProtocol.ReadDir, handle, []);

    /// <summary>Attributes of a file or of a link itself; <see langword="null"/> when there is none.</summary>
    public Task<SftpAttributes?> LstatAsync(ReadOnlySpan<byte> path) => Ask(new SftpAttributesCall(), SftpProtocol.Lstat, path, []);

    /// <summary>Attributes of what a path leads to; <see langword="null"/> when there is nothing.</summary>
    public Task<SftpAttributes?> StatAsync(ReadOnlySpan<byte> path) => Ask(new SftpAttributesCall(), SftpProtocol.Stat, path, []);

    public Task<SftpAttributes?> FstatAsync(ReadOnlySpan<byte> handle) => Ask(new SftpAttributesCall(), SftpProtocol.Fstat, handle, []);

    public Task<SftpStatus> RemoveAsync(ReadOnlySpan<byte> path) => Ask(new SftpStatusCall(), SftpProtocol.Remove, path, []);

    public Task<SftpStatus> MakeFolderAsync(ReadOnlySpan<byte> path) => Ask(new SftpStatusCall(), SftpProtocol.MkDir, path, NoAttributes);


    /// <summary>Opens a file for writing, new or emptied.</summary>
    public Task<byte[]> CreateFileAsync(ReadOnlySpan<byte> path) => Ask(new SftpHandleCall(), SftpProtocol.Open, path, OpenForCreating);

    public Task<SftpStatus> WriteAsync(ReadOnlySpan<byte> handle, long offset, ReadOnlySpan<byte> data)
    {
        Span<byte> at = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(at, offset);
        return Ask(new SftpStatusCall(), SftpProtocol.Write, handle, [.. at, .. Text(data)]);
    }

    /// <summary>Closes a file that was written: only now the server tells whether all of it is there.</summary>
    public Task<SftpStatus> CloseAsync(ReadOnlySpan<byte> handle) => Ask(new SftpStatusCall(), SftpProtocol.Close, handle, []);

    public Task<SftpStatus> SetTimeAsync(ReadOnlySpan<byte> path, DateTime modifiedUtc)
    {
        // SSH_FILEXFER_ATTR_ACMODTIME, access time, modification time.
        var fields = new byte[12];
        fields[3] = 8;
        uint seconds = (uint)Math.Clamp((modifiedUtc - DateTime.UnixEpoch).TotalSeconds, 0, uint.MaxValue);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(4), seconds);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(8), seconds);
        return Ask(new SftpStatusCall(), SftpProtocol.SetStat, path, fields);
    }

    /// <summary>Renames; what happens to an existing target is the server's affair unless <see cref="HasPosixRename"/>, which replaces it.</summary>
    public Task<SftpStatus> RenameAsync(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        if (!HasPosixRename) return Ask(new SftpStatusCall(), SftpProtocol.Rename, from, Text(to));
        return Ask(new SftpStatusCall(), SftpProtocol.Extended, "posix-rename@openssh.com"u8, [.. Text(from), .. Text(to)]);
    }

    /// <summary>The server's absolute form of a path.</summary>
    public Task<byte[]> RealPathAsync(ReadOnlySpan<byte> path) => Ask(new SftpPathCall(), SftpProtocol.RealPath, path, []);

    private Task<T> Ask<T>(SftpCall<T> call, byte type, ReadOnlySpan<byte> text, ReadOnlySpan<byte> fields)
    {
        Send(call, type, text, fields);
        return call.Completion;
    }

    private static byte[] Text(ReadOnlySpan<byte> text)
    {
        var encoded = new byte[4 + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(encoded, text.Length);
        text.CopyTo(encoded.AsSpan(4));
        return encoded;
    }
}
