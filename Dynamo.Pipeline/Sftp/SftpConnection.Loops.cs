namespace Dynamo.Pipeline.Sftp;

internal sealed partial class SftpConnection
{
    private void Write()
    {
        try
        {
            while (NextBatch())
            {
                _transport.Output.Write(_leaving.Written);
                _transport.Output.Flush();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The reader sees the end of the transport and knows better why; should it see nothing, the deadline does.
        }
        finally
        {
            _writerEnded.TrySetResult();
        }
    }

    /// <summary>Waits until there is something to write and takes all of it; false when the session is over.</summary>
    private bool NextBatch()
    {
        lock (_gate)
        {
            while (_outbox.Length == 0 && _cause is null)
            {
                _writerWaits = true;
                Monitor.Wait(_gate);
            }
            _writerWaits = false;
            (_outbox, _leaving) = (_leaving, _outbox);
            _outbox.Clear();
            return _cause is null;
        }
    }

    private void Read()
    {
        try
        {
            ReadPackets();
            End(_transport.Explain() ?? new SftpConnectionException("the server ended the SFTP session", mayRecover: true));
        }
        catch (SftpProtocolException e)
        {
            End(new SftpConnectionException($"the server does not speak SFTP as it should: {e.Message}", mayRecover: false, e));
        }
        catch (Exception e)
        {
            End(_transport.Explain() ?? new SftpConnectionException($"the SFTP session broke: {e.Message}", mayRecover: true, e));
        }
        finally
        {
            _readerEnded.TrySetResult();
        }
    }

    private void ReadPackets()
    {
        var received = new byte[SftpProtocol.LongestPacket + 64 * 1024];
        int filled = 0;
        for (int read; (read = _transport.Input.Read(received, filled, received.Length - filled)) > 0;)
        {
            filled += read;
            int taken = TakeIn(received.AsSpan(0, filled));
            received.AsSpan(taken, filled - taken).CopyTo(received);
            filled -= taken;
            lock (_gate)
            {
                if (_cause is not null) return;
                if (_writerWaits && _outbox.Length > 0) Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Hands every whole packet to its request; returns how many bytes that were.</summary>
    private int TakeIn(ReadOnlySpan<byte> received)
    {
        int taken = 0;
        for (int length; (length = SftpReader.FrameLength(received[taken..])) >= 0; taken += 4 + length)
            Dispatch(received.Slice(taken + 4, length));
        return taken;
    }

    private void Dispatch(ReadOnlySpan<byte> packet)
    {
        var reader = new SftpReader(packet);
        byte type = reader.Byte();
        if (type == SftpProtocol.VersionReply)
        {
            TakeVersion(ref reader);
            return;
        }
        uint id = reader.UInt32();
        SftpRequest? request;
        lock (_gate)
        {
            if (!_pending.Remove(id, out request) && _cause is null)
                throw new SftpProtocolException($"a packet of type {type} answers request {id}, which does not wait for an answer");
        }
        try
        {
            request?.Answer(type, reader);
        }
        catch (SftpProtocolException e)
        {
            request?.Fail(new SftpConnectionException($"the server does not speak SFTP as it should: {e.Message}", mayRecover: false, e));
            throw;
        }
    }
}
