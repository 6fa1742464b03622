using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipes;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Debian's sftp-server alone on a pipe: the real answers without ssh in between.</summary>
internal sealed class SftpServerTransport : SftpTransport
{
    private readonly Process _process;

    /// <param name="openFiles">How many files it may hold open; 0 for the usual.</param>
    /// <param name="arguments">Its own arguments, such as <c>-R</c> for a server that only gives.</param>
    public SftpServerTransport(int openFiles = 0, string arguments = "")
    {
        Sshd.Require();
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{(openFiles == 0 ? "" : $"ulimit -n {openFiles}; ")}exec {Sshd.SftpServer} {arguments}");
        _process = Process.Start(start)!;
    }

    public override Stream Input => _process.StandardOutput.BaseStream;

    public override Stream Output => _process.StandardInput.BaseStream;

    public override void Abort()
    {
        if (!_process.HasExited) _process.Kill();
    }

    public override SftpConnectionException? Explain() => null;

    public override void Dispose() => _process.Dispose();
}

/// <summary>A server that a test wrote: it reads requests and answers what it likes.</summary>
internal sealed class ScriptedTransport : SftpTransport
{
    private readonly AnonymousPipeServerStream _toServer = new(PipeDirection.Out), _toClient = new(PipeDirection.Out);
    private readonly AnonymousPipeClientStream _atServer, _atClient;
    private readonly Thread _thread;

    public ScriptedTransport(Action<ScriptedServer> script)
    {
        _atServer = new AnonymousPipeClientStream(PipeDirection.In, _toServer.ClientSafePipeHandle);
        _atClient = new AnonymousPipeClientStream(PipeDirection.In, _toClient.ClientSafePipeHandle);
        _thread = new Thread(() =>
        {
            try
            {
                script(new ScriptedServer(_atServer, _toClient));
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The client hung up.
            }
            _toClient.Dispose();
        })
        { IsBackground = true, Name = "scripted SFTP server" };
        _thread.Start();
    }

    public override Stream Input => _atClient;

    public override Stream Output => _toServer;

    // The end of its input ends the script, and the end of the script ends ours.
    public override void Abort() => _toServer.Dispose();

    public override SftpConnectionException? Explain() => null;

    public override void Dispose()
    {
        _thread.Join(TimeSpan.FromSeconds(10));
        _atClient.Dispose();
        _atServer.Dispose();
    }
}

/// <summary>The server's side of a scripted conversation.</summary>
internal sealed class ScriptedServer(Stream input, Stream output)
{
    public readonly record struct Request(byte Type, uint Id, byte[] Body)
    {
        /// <summary>The string every request begins with: path or handle.</summary>
        public string Text => Encoding.Latin1.GetString(Body, 4, BinaryPrimitives.ReadInt32BigEndian(Body));

        /// <summary>The second string of a request that has two.</summary>
        public string SecondText =>
            Encoding.Latin1.GetString(Body, 8 + Text.Length, BinaryPrimitives.ReadInt32BigEndian(Body.AsSpan(4 + Text.Length)));
    }

    /// <summary>Greets as a plain version 3 server and answers the client's first question.</summary>
    public void Greet()
    {
        Read();
        Send(SftpProtocol.VersionReply, U32(3));
        Request question = Read();
        Send(SftpProtocol.Name, U32(question.Id), U32(1), Text("/home"), Text("longname"), U32(0));
    }

    public Request Read()
    {
        Span<byte> length = stackalloc byte[4];
        input.ReadExactly(length);
        var packet = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        input.ReadExactly(packet);
        return new Request(packet[0], BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(1)), packet[5..]);
    }

    /// <summary>Reads until a request of that type comes; what comes before is left unanswered.</summary>
    public Request ReadUntil(byte type)
    {
        while (true)
            if (Read() is var request && request.Type == type) return request;
    }

    public void Send(byte type, params byte[][] fields)
    {
        byte[] body = [.. fields.SelectMany(field => field)];
        Raw([.. U32((uint)body.Length + 1), type, .. body]);
    }

    public void Raw(byte[] bytes)
    {
        output.Write(bytes);
        output.Flush();
    }

    public void Status(uint id, SftpCode code, string words = "") =>
        Send(SftpProtocol.Status, U32(id), U32((uint)code), Text(words), Text(""));

    public void Names(uint id, params byte[][] names) =>
        Send(SftpProtocol.Name,
            [U32(id), U32((uint)names.Length), .. names.SelectMany(name => new[] { String(name), Text("long"), File(10) })]);

    /// <summary>Attributes of a regular file of some age.</summary>
    public static byte[] File(long size) =>
        [.. U32(1 | 4 | 8), .. U64((ulong)size), .. U32(0x81A4), .. U32(1_700_000_000), .. U32(1_700_000_000)];

    /// <summary>Attributes of a symbolic link.</summary>
    public static byte[] Link() => [.. U32(1 | 4 | 8), .. U64(7), .. U32(0xA1FF), .. U32(1_700_000_000), .. U32(1_700_000_000)];

    /// <summary>Attributes of a folder.</summary>
    public static byte[] Folder() => [.. U32(4), .. U32(0x41ED)];

    public static byte[] Text(string text) => String(Encoding.UTF8.GetBytes(text));

    public static byte[] String(byte[] bytes) => [.. U32((uint)bytes.Length), .. bytes];

    public static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U64(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
