namespace Dynamo.Pipeline.Sftp;

/// <summary>What is asked of an open file.</summary>
internal sealed partial class SftpFetch
{
    /// <summary>The FSTAT behind the last READ; a server that refuses it leaves the size as the only witness.</summary>
    private sealed class LastLook(SftpFetch fetch) : SftpRequest
    {
        public override void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Attrs) fetch.Looked(body.Attributes());
            else if (type == SftpProtocol.Status) fetch.Looked(null);
            else throw Unexpected(type, "FSTAT");
        }

        public override void Fail(Exception cause) => fetch.Fail(cause);
    }

    /// <summary>One READ of the file.</summary>
    private sealed class Chunk(SftpFetch fetch, int offset, int length) : SftpRequest
    {
        public int Offset => offset;

        public int Length => length;

        public override void Answer(byte type, SftpReader body)
        {
            if (type == SftpProtocol.Data) fetch.Take(this, body.Bytes());
            else if (type != SftpProtocol.Status) throw Unexpected(type, "READ");
            else if (body.Status() is { Code: not SftpCode.EndOfFile } status) fetch.Refused(status);
            else fetch.TakeEnd(this);
        }

        public override void Fail(Exception cause) => fetch.Fail(cause);
    }
}
