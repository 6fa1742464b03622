using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>The tokens of a response: [MS-TDS] 2.2.7.</summary>
internal static class Tokens
{
    private const string ServerName = "endpoint";

    [Flags]
    internal enum DoneStatus : ushort
    {
        Final = 0x0,
        More = 0x1,
        Error = 0x2,
        InTransaction = 0x4,
        Count = 0x10,
        Attention = 0x20,
    }

    /// <summary>DONE, DONEPROC, DONEINPROC: [MS-TDS] 2.2.7.6, 2.2.7.8, 2.2.7.7.</summary>
    public static void Done(this TokenWriter writer, byte token, DoneStatus status, ushort command = 0, long rows = 0) =>
        writer.Byte(token).UInt16((ushort)status).UInt16(command).Int64(rows);

    /// <summary>ERROR: [MS-TDS] 2.2.7.10.</summary>
    public static void Error(this TokenWriter writer, ServerError error) =>
        Message(writer, 0xAA, error.Number, error.State, error.Severity, error.Message);

    /// <summary>INFO: [MS-TDS] 2.2.7.13.</summary>
    public static void Info(this TokenWriter writer, int number, string message) => Message(writer, 0xAB, number, 1, 0, message);

    private static void Message(TokenWriter writer, byte token, int number, byte state, byte severity, string message)
    {
        int length = 4 + 1 + 1 + 2 + (2 * message.Length) + 1 + (2 * ServerName.Length) + 1 + 4;
        writer.Byte(token).UInt16((ushort)length).Int32(number).Byte(state).Byte(severity).LongText(message).ShortText(ServerName)
            .ShortText("").Int32(1);
    }

    /// <summary>LOGINACK: [MS-TDS] 2.2.7.14. TDS 7.4, and the version of SQL Server 2022.</summary>
    public static void LoginAck(this TokenWriter writer)
    {
        const string program = "Microsoft SQL Server";
        writer.Byte(0xAD).UInt16(
            (ushort)(
                1 + 4 + 1 + (2 * program.Length) + 4)).Byte(1).Bytes([0x74, 0x00, 0x00, 0x04]).ShortText(program)
                    .Bytes([16, 0, 0x03, 0xE8]);
    }

    /// <summary>ENVCHANGE with texts, such as 1 (database), 4 (packet size): [MS-TDS] 2.2.7.9.</summary>
    public static void Environment(this TokenWriter writer, byte type, string now, string before) =>
        writer.Byte(0xE3).UInt16((ushort)(1 + 1 + (2 * now.Length) + 1 + (2 * before.Length))).Byte(type).ShortText(now).ShortText(before);

    /// <summary>
    /// ENVCHANGE with bytes, such as 7 (collation), 8 (a transaction begins), 9 (it is committed), 10 (it is rolled back): [MS-TDS]
    /// 2.2.7.9.
    /// </summary>
    public static void Environment(this TokenWriter writer, byte type, ReadOnlySpan<byte> now, ReadOnlySpan<byte> before) =>
        writer.Byte(0xE3).UInt16(
            (ushort)(
                1 + 1 + now.Length + 1 + before.Length)).Byte(type).Byte((byte)now.Length).Bytes(now).Byte((byte)before.Length)
                    .Bytes(before);

    public static void Began(this TokenWriter writer, long transaction) => writer.Environment(8, BitConverter.GetBytes(transaction), []);

    public static void Committed(this TokenWriter writer, long transaction) =>
        writer.Environment(9, [], BitConverter.GetBytes(transaction));

    public static void RolledBack(this TokenWriter writer, long transaction) =>
        writer.Environment(10, [], BitConverter.GetBytes(transaction));

    /// <summary>COLMETADATA: [MS-TDS] 2.2.7.4.</summary>
    public static void Columns(this TokenWriter writer, IReadOnlyList<TdsColumn> columns)
    {
        writer.Byte(0x81).UInt16((ushort)columns.Count);
        foreach (TdsColumn column in columns)
        {
            writer.Int32(0).UInt16(Flags(column));
            TdsTypeInfo.Write(writer, column.Type, column.Nullable);
            writer.ShortText(column.Name);
        }
    }

    /// <summary>fNullable 0x1, usUpdateable 0x8 (read/write), fIdentity 0x10, fComputed 0x20.</summary>
    private static ushort Flags(TdsColumn column) =>
        (ushort)((column.Nullable ? 0x1 : 0) | (column.Identity ? 0x10 : 0x8) | (column.Computed ? 0x20 : 0));

    /// <summary>ROW: [MS-TDS] 2.2.7.20.</summary>
    public static void Row(this TokenWriter writer, IReadOnlyList<TdsColumn> columns, IReadOnlyList<object?> values)
    {
        writer.Byte(0xD1);
        for (int i = 0; i < columns.Count; i++) TdsValueWriter.Write(writer, columns[i].Type, columns[i].Nullable, values[i]);
    }

    /// <summary>RETURNSTATUS: [MS-TDS] 2.2.7.18.</summary>
    public static void ReturnStatus(this TokenWriter writer, int status) => writer.Byte(0x79).Int32(status);

    /// <summary>RETURNVALUE: [MS-TDS] 2.2.7.19.</summary>
    public static void ReturnValue(this TokenWriter writer, int ordinal, string name, TdsType type, object? value)
    {
        writer.Byte(0xAC).UInt16((ushort)ordinal).ShortText(name).Byte(1).Int32(0).UInt16(0);
        TdsTypeInfo.Write(writer, type, nullable: true);
        TdsValueWriter.Write(writer, type, nullable: true, value);
    }

    public static Encoding Windows1252 { get; } = CodePagesEncodingProvider.Instance.GetEncoding(1252)!;
}
