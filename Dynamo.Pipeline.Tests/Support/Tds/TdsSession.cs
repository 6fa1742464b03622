using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Dynamo.Pipeline.Tests;

/// <summary>The connection has been cut on order.</summary>
internal sealed class ConnectionCutException : Exception;

/// <summary>
/// One client. This thread answers its requests one after the other; a second one reads the socket, so that an attention or the
/// client's end is noticed while a request runs.
/// </summary>
internal sealed partial class TdsSession : IDisposable
{
    private readonly TdsEndpoint _endpoint;
    private readonly Socket _socket;
    private readonly BlockingCollection<TdsPacket> _packets = new(64);
    private readonly CancellationTokenSource _closed = new();
    private readonly MessageReader _message;
    private readonly TokenWriter _writer;
    private readonly SqlSession _sql;
    private CancellationTokenSource _request = new();
    private Stream _stream;

    public TdsSession(TdsEndpoint endpoint, Socket socket, int id)
    {
        (_endpoint, _socket) = (endpoint, socket);
        _stream = new NetworkStream(socket, ownsSocket: true);
        _writer = new TokenWriter(_stream);
        _message = new MessageReader(_packets);
        _sql = new SqlSession(endpoint.Store, id);
    }

    /// <summary>Serves until either side ends the connection.</summary>
    public void Run()
    {
        try
        {
            if (!Login()) return;
            var pump = new Thread(ReadPackets) { IsBackground = true, Name = "tds-read" };
            pump.Start();
            while (_message.NextMessage()) Answer();
        }
        catch (Exception error) when (
            error is IOException or ObjectDisposedException or ConnectionCutException or SocketException or AuthenticationException
                or InvalidOperationException or OperationCanceledException)
        {
            // The client is gone, or was cut off on order. What it left open is rolled back.
        }
    }

    public void Dispose()
    {
        Cut(reset: false);
        _sql.Dispose();
    }

    /// <summary>Ends the connection, with a reset when <paramref name="reset"/>: as if the machine had gone.</summary>
    public void Cut(bool reset)
    {
        try
        {
            if (reset) _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
        _socket.Close();
    }

    private bool Login()
    {
        (byte type, byte[] preLogin) = ReadWholeMessage();
        if (type != 0x12) return false;
        bool encrypt = PreLogin.Encryption(preLogin) is not (PreLogin.EncryptOff or PreLogin.EncryptNotSupported);
        if (encrypt && _endpoint.Certificate is null) return false;
        _writer.Bytes(PreLogin.Answer(encrypt ? PreLogin.EncryptOn : PreLogin.EncryptNotSupported)).Finish();
        if (encrypt) StartTls();
        (type, byte[] login7) = ReadWholeMessage();
        if (type != 0x10) return false;
        LoginRequest login = LoginRequest.Parse(login7);
        _endpoint.Counts.AddLogin(login);
        if (FederatedLogin.IsWanted(login7))
        {
            FederatedLogin.Ask(_writer);
            (type, byte[] token) = ReadWholeMessage();
            if (type != 0x08) return false;
            login = login with { Token = FederatedLogin.Token(token) };
        }
        try
        {
            Strike(TdsMoment.Login);
            if (!_endpoint.Accepts(login)) throw new ServerError(18456, $"Login failed for user '{login.User}'.", 14);
        }
        catch (ServerError error)
        {
            _writer.Error(error);
            _writer.Done(0xFD, Tokens.DoneStatus.Error);
            _writer.Finish();
            return false;
        }
        Welcome(login);
        return true;
    }

    private void Welcome(LoginRequest login)
    {
        int packetSize = login.PacketSize is >= 512 and <= 32767 ? login.PacketSize : 4096;
        _writer.Environment(1, "test", "master");
        _writer.Environment(7, TdsTypeInfo.Collation, []);
        _writer.LoginAck();
        if (login.Token is not null) FederatedLogin.Acknowledge(_writer);
        _writer.Environment(4, $"{packetSize}", "4096");
        _writer.Done(0xFD, Tokens.DoneStatus.Final);
        _writer.Finish();
        _writer.Resize(packetSize);
    }

    private void StartTls()
    {
        var transport = new PreLoginTlsStream(_stream);
        var tls = new SslStream(transport);
        // TLS 1.3 sends tickets after the handshake, which [MS-TDS] 7.x cannot frame.
        tls.AuthenticateAsServer(
            _endpoint.Certificate!, clientCertificateRequired: false, SslProtocols.Tls12, checkCertificateRevocation: false);
        transport.HandshakeDone = true;
        _stream = tls;
        _writer.Stream = tls;
    }

    private (byte Type, byte[] Message) ReadWholeMessage()
    {
        using var whole = new MemoryStream();
        while (true)
        {
            TdsPacket packet = ReadPacket();
            whole.Write(packet.Payload, 0, packet.Length);
            ArrayPool<byte>.Shared.Return(packet.Payload);
            if (packet.IsLast) return (packet.Type, whole.ToArray());
        }
    }

    private TdsPacket ReadPacket()
    {
        Span<byte> header = stackalloc byte[8];
        _stream.ReadExactly(header);
        int length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]) - 8;
        if (length < 0) throw new IOException("A packet shorter than its header.");
        byte[] payload = ArrayPool<byte>.Shared.Rent(Math.Max(1, length));
        _stream.ReadExactly(payload, 0, length);
        return new TdsPacket(header[0], header[1], payload, length);
    }

    /// <summary>The reading thread.</summary>
    private void ReadPackets()
    {
        try
        {
            while (true)
            {
                TdsPacket packet = ReadPacket();
                if (packet.Type == 0x06) _request.Cancel();
                _packets.Add(packet);
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            _closed.Cancel();
            _packets.CompleteAdding();
        }
    }

    /// <summary>Lets a planned fault strike here.</summary>
    private void Strike(TdsMoment moment, string? sql = null, long rows = 0)
    {
        if (_endpoint.Faults.Take(moment, sql, rows) is not TdsFault fault) return;
        if (fault.Delay != TimeSpan.Zero) Wait(fault.Delay);
        if (fault.Raised is ServerError error) throw error;
        if (fault.Bytes is byte[] garbage)
        {
            _stream.Write(garbage);
            _stream.Flush();
            Cut(reset: false);
            throw new ConnectionCutException();
        }
        if (!fault.Drops) return;
        Cut(reset: true);
        if (moment != TdsMoment.DuringCommit) throw new ConnectionCutException();
    }

    private void Wait(TimeSpan delay)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(_request.Token, _closed.Token);
        if (both.Token.WaitHandle.WaitOne(delay)) throw new RequestCancelledException(acknowledge: false);
    }
}
