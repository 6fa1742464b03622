using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Answers the messages of a client that is logged in: [MS-TDS] 2.2.1.</summary>
internal sealed partial class TdsSession
{
    private readonly Dictionary<int, (string Parameters, string Sql)> _prepared = [];
    private int _nextHandle = 1;

    private void Answer()
    {
        if (_message.Type == 0x06)
        {
            _message.Drain();
            _request = new CancellationTokenSource();
            AcknowledgeAttention();
            return;
        }
        var response = new Response(_writer, procedure: _message.Type == 0x03);
        try
        {
            if (_message.ResetsConnection)
            {
                _sql.Reset();
                // ENVCHANGE 18 acknowledges the reset.
                _writer.Environment(18, [], []);
            }
            Dispatch(response);
            _writer.Finish();
        }
        catch (ServerError error)
        {
            _message.Drain();
            Refuse(response, error);
        }
        catch (RequestCancelledException cancelled)
        {
            GiveUp(cancelled.Acknowledge);
        }
        catch (OperationCanceledException)
        {
            GiveUp(acknowledge: false);
        }
        catch (Exception error) when (
            error is NullReferenceException or ArgumentException or InvalidCastException or FormatException or KeyNotFoundException
                or InvalidDataException)
        {
            // A statement beyond the subset, or a mistake of ours: the test shall see it where it asked.
            _message.Drain();
            Refuse(response, new ServerError(50000, $"The tests' endpoint failed: {error}"));
        }
    }

    private void Dispatch(Response response)
    {
        switch (_message.Type)
        {
            case 0x01: Batch(response); break;
            case 0x03: Rpc(response); break;
            case 0x07: Bulk(response); break;
            case 0x0E: TransactionManager(response); break;
            default: throw new IOException($"Message type 0x{_message.Type:X2}.");
        }
    }

    private CancellationToken Cancellation => CancellationTokenSource.CreateLinkedTokenSource(_request.Token, _closed.Token).Token;

    private void Refuse(Response response, ServerError error)
    {
        _endpoint.Counts.AddError();
        response.Error(error);
        _sql.EndTransactionAfter(error, response);
        if (_message.Type == 0x03) response.EndProcedure(0, [], more: false);
        else response.End();
        _writer.Finish();
        if (!error.EndsConnection) return;
        Cut(reset: false);
        throw new ConnectionCutException();
    }

    /// <summary>
    /// The client has cancelled: what is left of its message is thrown away, and the attention is answered now or when it is read.
    /// </summary>
    private void GiveUp(bool acknowledge)
    {
        _writer.Discard();
        try
        {
            if (!acknowledge) _message.Drain();
        }
        catch (RequestCancelledException met)
        {
            acknowledge = met.Acknowledge;
        }
        if (!acknowledge) return;
        _request = new CancellationTokenSource();
        AcknowledgeAttention();
    }

    /// <summary>DONE with DONE_ATTN: [MS-TDS] 2.2.7.6.</summary>
    private void AcknowledgeAttention()
    {
        _endpoint.Counts.AddAttention();
        _writer.Done(0xFD, Tokens.DoneStatus.Attention);
        _writer.Finish();
    }

    /// <summary>ALL_HEADERS, [MS-TDS] 2.2.5.3: the transaction's descriptor must be the session's.</summary>
    private void SkipHeaders()
    {
        int total = _message.Int32();
        for (int left = total - 4; left > 0;)
        {
            int length = _message.Int32();
            ushort type = _message.UInt16();
            if (type == 2)
            {
                long descriptor = (long)_message.UInt64();
                _message.Skip(length - 14);
                if (descriptor != _sql.Transaction && !_endpoint.Store.IsBabelfish)
                    throw new ServerError(
                        3971,
                        "The server failed to resume the transaction. Desc:" + descriptor.ToString(
                            "x", System.Globalization.CultureInfo.InvariantCulture) + ".");
            }
            else _message.Skip(length - 6);
            left -= length;
        }
    }

    /// <summary>SQLBatch: [MS-TDS] 2.2.6.7.</summary>
    private void Batch(Response response)
    {
        SkipHeaders();
        string sql = Encoding.Unicode.GetString(_message.Rest());
        _endpoint.Counts.AddBatch(sql);
        Strike(TdsMoment.Request, sql);
        if (sql == "COMMIT TRANSACTION")
        {
            // Babelfish tells the client about a commit only if it was a request.
            Commit(response, _endpoint.Store.IsBabelfish ? null : response);
            return;
        }
        if (!_sql.TryDescribeForBulk(sql, response, Cancellation))
            _sql.RunBatch(sql, new(StringComparer.OrdinalIgnoreCase), response, Cancellation);
        Strike(TdsMoment.RequestDone, sql);
        response.End();
    }

    private void Rpc(Response response)
    {
        SkipHeaders();
        List<RpcRequest> requests = RpcRequest.ReadAll(_message);
        for (int i = 0; i < requests.Count; i++)
        {
            RpcRequest request = requests[i];
            _endpoint.Counts.AddRpc(request.Text);
            Strike(TdsMoment.Request, request.Text);
            int status = Call(request, response);
            Strike(TdsMoment.RequestDone, request.Text);
            response.EndProcedure(status, request.Arguments, more: i + 1 < requests.Count);
        }
    }

    /// <summary>Prepared statements are the session's own matter; every other procedure is the server's.</summary>
    private int Call(RpcRequest request, Response response)
    {
        List<SqlArgument> arguments = request.Arguments;
        switch (request.Procedure)
        {
            case "sp_prepare" or "sp_prepexec":
                _prepared[_nextHandle] = (arguments[1].Value as string ?? "", (string)arguments[2].Value!);
                arguments[0].Result = (long)_nextHandle++;
                return request.Procedure == "sp_prepare" ? 0 : ExecutePrepared(_nextHandle - 1, arguments.Skip(3), response);
            case "sp_execute":
                return ExecutePrepared(
                    Convert.ToInt32(arguments[0].Value, System.Globalization.CultureInfo.InvariantCulture), arguments.Skip(1), response);
            case "sp_unprepare":
                return 0;
            default:
                return _sql.RunProcedure(request.Procedure, arguments, response, Cancellation);
        }
    }

    private int ExecutePrepared(int handle, IEnumerable<SqlArgument> values, Response response)
    {
        if (!_prepared.TryGetValue(handle, out (string Parameters, string Sql) prepared))
            throw new ServerError(8179, $"Could not find prepared statement with handle {handle}.");
        SqlArgument[] arguments = [
            new("", TdsType.LongText, prepared.Sql, false), new("", TdsType.LongText, prepared.Parameters, false), .. values];
        return _sql.RunProcedure("sp_executesql", arguments, response, Cancellation);
    }

    private void Bulk(Response response)
    {
        _endpoint.Counts.AddBulkLoad();
        using SqlBulkInsert insert = _sql.OpenBulk(Cancellation);
        bool faults = _endpoint.Faults.Pending > 0;
        new BulkLoad(_message).Run(insert, count =>
        {
            _endpoint.Counts.AddBulkRow();
            if (faults) Strike(TdsMoment.BulkRows, rows: count);
        });
        Strike(TdsMoment.BulkEnd);
        insert.Complete();
        response.StatementDone(SqlCommandKind.BulkInsert, insert.Rows);
        response.End();
    }

    /// <summary>Transaction Manager Request: [MS-TDS] 2.2.6.9.</summary>
    private void TransactionManager(Response response)
    {
        SkipHeaders();
        ushort type = _message.UInt16();
        _message.Drain();
        switch (type)
        {
            case 5:
                _sql.Begin(response);
                break;
            case 7:
                Commit(response, response);
                return;
            case 8:
                Strike(TdsMoment.RollBack);
                _endpoint.Counts.AddRollback();
                _sql.Rollback(response);
                break;
            default:
                throw ServerError.NotSupported($"the transaction manager request {type}");
        }
        response.End();
    }

    private void Commit(Response response, ISqlOutput? told)
    {
        Strike(TdsMoment.BeforeCommit);
        Strike(TdsMoment.DuringCommit);
        _sql.Commit(told);
        _endpoint.Counts.AddCommit();
        Strike(TdsMoment.AfterCommit);
        response.End();
        if (_endpoint.Faults.Take(TdsMoment.CommitAnswered) is null) return;
        _writer.Finish();
        Cut(reset: false);
        throw new ConnectionCutException();
    }
}
