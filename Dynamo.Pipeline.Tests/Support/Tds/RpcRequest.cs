namespace Dynamo.Pipeline.Tests;

/// <summary>RPCRequest, [MS-TDS] 2.2.6.6, behind its headers.</summary>
internal sealed record RpcRequest(string Procedure, List<SqlArgument> Arguments)
{
    private const byte BatchFlag = 0xFF;
    private const byte ByReference = 0x01;

    /// <summary>The well-known procedures by number.</summary>
    private static readonly string[] ByNumber =
        ["", "sp_cursor", "sp_cursoropen", "sp_cursorprepare", "sp_cursorexecute", "sp_cursorprepexec", "sp_cursorunprepare",
            "sp_cursorfetch", "sp_cursoroption", "sp_cursorclose",
            "sp_executesql", "sp_prepare", "sp_execute", "sp_prepexec", "sp_prepexecrpc", "sp_unprepare"];

    /// <summary>The statement's text where there is one, for faults that look for it.</summary>
    public string Text =>
        Procedure is "sp_executesql"
            ? Arguments[0].Value as string ?? ""
            : Procedure is "sp_prepexec" or "sp_prepare"
            ? Arguments[2].Value as string ?? ""
            : Procedure;

    public static List<RpcRequest> ReadAll(MessageReader message)
    {
        var requests = new List<RpcRequest>();
        var cell = new TdsCell();
        while (!message.AtEnd) requests.Add(Read(message, cell));
        return requests;
    }

    private static RpcRequest Read(MessageReader message, TdsCell cell)
    {
        ushort nameLength = message.UInt16();
        string name = nameLength == 0xFFFF ? ByNumber[message.UInt16()] : message.Unicode(nameLength);
        message.UInt16();
        var arguments = new List<SqlArgument>();
        while (!message.AtEnd)
        {
            byte length = message.Byte();
            if (length == BatchFlag) break;
            string argument = message.Unicode(length);
            byte status = message.Byte();
            TdsType type = TdsTypeInfo.Read(message, out bool isFixed);
            cell.Read(message, type, isFixed);
            if (cell.IsNotANumber)
                throw new ServerError(
                    8023,
                    "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Parameter "
                        + $"{arguments.Count} (\"{argument}\"): The supplied value is not a valid instance of data type float.");
            arguments.Add(new SqlArgument(argument, type, cell.ToObject(), (status & ByReference) != 0));
        }
        return new RpcRequest(name, arguments);
    }
}
