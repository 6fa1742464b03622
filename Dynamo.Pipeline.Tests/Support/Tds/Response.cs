namespace Dynamo.Pipeline.Tests;

/// <summary>
/// One response under way. The DONE of a statement is held back until something follows it, since only then it is known whether to
/// say that more is to come: [MS-TDS] 2.2.7.6.
/// </summary>
internal sealed class Response(TokenWriter writer, bool procedure) : ISqlOutput
{
    private (ushort Command, long? Rows, bool Failed)? _held;
    private IReadOnlyList<TdsColumn> _columns = [];

    /// <summary>Whether an error has been reported.</summary>
    public bool Failed { get; private set; }

    public void Columns(IReadOnlyList<TdsColumn> columns)
    {
        Release(more: true);
        _columns = columns;
        writer.Columns(columns);
    }

    public void Row(IReadOnlyList<object?> values) => writer.Row(_columns, values);

    public void StatementDone(ushort command, long? rows)
    {
        Release(more: true);
        _held = (command, rows, false);
    }

    public void Error(ServerError error)
    {
        Release(more: true);
        writer.Error(error);
        Failed = true;
        _held = (0, null, true);
    }

    public void Info(string message)
    {
        Release(more: true);
        writer.Info(0, message);
    }

    public void Began(long transaction)
    {
        Release(more: true);
        writer.Began(transaction);
    }

    public void Committed(long transaction)
    {
        Release(more: true);
        writer.Committed(transaction);
    }

    public void RolledBack(long transaction)
    {
        Release(more: true);
        writer.RolledBack(transaction);
    }

    /// <summary>The end of a batch.</summary>
    public void End()
    {
        if (_held is null) writer.Done(0xFD, Tokens.DoneStatus.Final);
        else Release(more: false);
    }

    /// <summary>The end of a procedure: DONEPROC after status and output values.</summary>
    public void EndProcedure(int status, IReadOnlyList<SqlArgument> arguments, bool more)
    {
        Release(more: true);
        if (!Failed) writer.ReturnStatus(status);
        for (int i = 0; i < arguments.Count; i++)
        {
            if (arguments[i].Output) writer.ReturnValue(i, arguments[i].Name, arguments[i].Type, arguments[i].Result);
        }
        writer.Done(0xFE, (more ? Tokens.DoneStatus.More : Tokens.DoneStatus.Final) | (Failed ? Tokens.DoneStatus.Error : 0));
        (_held, Failed) = (null, false);
    }

    private void Release(bool more)
    {
        if (_held is not (ushort command, var rows, bool failed)) return;
        _held = null;
        Tokens.DoneStatus status = (more ? Tokens.DoneStatus.More : 0) | (
            rows is null ? 0 : Tokens.DoneStatus.Count) | (failed ? Tokens.DoneStatus.Error : 0);
        writer.Done(procedure ? (byte)0xFF : (byte)0xFD, status, command, rows ?? 0);
    }
}
