namespace Dynamo.Pipeline.Tests;

/// <summary>TYPE_INFO, [MS-TDS] 2.2.5.6: the type tokens of 2.2.5.4 with their length, precision, scale and collation.</summary>
internal static class TdsTypeInfo
{
    /// <summary>SQL_Latin1_General_CP1_CI_AS: [MS-TDS] 2.2.5.1.2.</summary>
    public static ReadOnlySpan<byte> Collation => [0x09, 0x04, 0xD0, 0x00, 0x34];

    public static TdsType Read(MessageReader message, out bool isFixed)
    {
        byte token = message.Byte();
        // [MS-TDS] 2.2.5.4.2: fixed-length types carry neither length nor null.
        TdsType? fixedType = token switch
        {
            0x30 => new TdsType(TdsKind.TinyInt, 1),
            0x32 => new TdsType(TdsKind.Bit, 1),
            0x34 => new TdsType(TdsKind.SmallInt, 2),
            0x38 => TdsType.Int,
            0x3A => new TdsType(TdsKind.SmallDateTime, 4),
            0x3B => new TdsType(TdsKind.Real, 4),
            0x3D => new TdsType(TdsKind.DateTime, 8),
            0x3E => TdsType.Float,
            0x7F => TdsType.BigInt,
            _ => null,
        };
        isFixed = fixedType is not null;
        return fixedType ?? ReadVariable(message, token);
    }

    /// <summary>[MS-TDS] 2.2.5.4.3.</summary>
    private static TdsType ReadVariable(MessageReader message, byte token) => token switch
    {
        0x24 => message.Byte() is var _ ? new TdsType(TdsKind.Guid, 16) : default,
        0x26 => message.Byte() switch
        {
            1 => new TdsType(TdsKind.TinyInt, 1),
            2 => new TdsType(TdsKind.SmallInt, 2),
            4 => TdsType.Int,
            _ => TdsType.BigInt,
        },
        0x68 => message.Byte() is var _ ? new TdsType(TdsKind.Bit, 1) : default,
        0x6D => message.Byte() == 4 ? new TdsType(TdsKind.Real, 4) : TdsType.Float,
        0x6A or 0x6C => new TdsType(TdsKind.Decimal, message.Byte(), message.Byte(), message.Byte()),
        0x6F => message.Byte() == 4 ? new TdsType(TdsKind.SmallDateTime, 4) : new TdsType(TdsKind.DateTime, 8),
        0x28 => new TdsType(TdsKind.Date, 3),
        0x29 => new TdsType(TdsKind.Time, 5, 0, message.Byte()),
        0x2A => new TdsType(TdsKind.DateTime2, 8, 0, message.Byte()),
        0x2B => new TdsType(TdsKind.DateTimeOffset, 10, 0, message.Byte()),
        0xA7 => ReadText(message, TdsKind.VarChar),
        0xAF => ReadText(message, TdsKind.Char),
        0xE7 => ReadText(message, TdsKind.NVarChar),
        0xEF => ReadText(message, TdsKind.NChar),
        0x63 => ReadLongText(message),
        0xA5 => new TdsType(TdsKind.VarBinary, ReadLength(message)),
        0xAD => new TdsType(TdsKind.Binary, ReadLength(message)),
        _ => throw ServerError.NotSupported($"the type token 0x{token:X2}"),
    };

    private static TdsType ReadText(MessageReader message, TdsKind kind)
    {
        int length = ReadLength(message);
        message.Skip(5);
        return new TdsType(kind, length);
    }

    /// <summary>NTEXT, as which SqlClient sends a long statement.</summary>
    private static TdsType ReadLongText(MessageReader message)
    {
        message.Skip(4 + 5);
        return new TdsType(TdsKind.NVarChar, TdsType.LongLength);
    }

    private static int ReadLength(MessageReader message) => message.UInt16() is var length && length == 0xFFFF ? -1 : length;

    /// <summary>
    /// The token of the fixed-length form, which SqlClient expects of a column that is not nullable; null where a type has none.
    /// </summary>
    public static byte? FixedToken(TdsType type) => type.Kind switch
    {
        TdsKind.TinyInt => 0x30,
        TdsKind.Bit => 0x32,
        TdsKind.SmallInt => 0x34,
        TdsKind.Int => 0x38,
        TdsKind.SmallDateTime => 0x3A,
        TdsKind.Real => 0x3B,
        TdsKind.DateTime => 0x3D,
        TdsKind.Float => 0x3E,
        TdsKind.BigInt => 0x7F,
        _ => null,
    };

    public static void Write(TokenWriter writer, TdsType type, bool nullable)
    {
        if (!nullable && FixedToken(type) is byte token)
        {
            writer.Byte(token);
            return;
        }
        switch (type.Kind)
        {
            case TdsKind.Bit: writer.Byte(0x68).Byte(1); break;
            case TdsKind.TinyInt or TdsKind.SmallInt or TdsKind.Int or TdsKind.BigInt: writer.Byte(0x26).Byte((byte)type.Length); break;
            case TdsKind.Real or TdsKind.Float: writer.Byte(0x6D).Byte((byte)type.Length); break;
            // 17 whatever the precision, as the real server does: SqlBulkCopy always sends 16 bytes of digits under the length it
            // is told here.
            case TdsKind.Decimal: writer.Byte(0x6A).Byte(17).Byte(type.Precision).Byte(type.Scale); break;
            case TdsKind.SmallDateTime or TdsKind.DateTime: writer.Byte(0x6F).Byte((byte)type.Length); break;
            case TdsKind.Date: writer.Byte(0x28); break;
            case TdsKind.Time: writer.Byte(0x29).Byte(type.Scale); break;
            case TdsKind.DateTime2: writer.Byte(0x2A).Byte(type.Scale); break;
            case TdsKind.DateTimeOffset: writer.Byte(0x2B).Byte(type.Scale); break;
            case TdsKind.Guid: writer.Byte(0x24).Byte(16); break;
            case TdsKind.VarBinary: writer.Byte(0xA5).UInt16((ushort)type.Length); break;
            case TdsKind.Binary: writer.Byte(0xAD).UInt16((ushort)type.Length); break;
            case TdsKind.VarChar: WriteText(writer, 0xA7, type); break;
            case TdsKind.Char: WriteText(writer, 0xAF, type); break;
            case TdsKind.NVarChar: WriteText(writer, 0xE7, type); break;
            case TdsKind.NChar: WriteText(writer, 0xEF, type); break;
        }
    }

    private static void WriteText(TokenWriter writer, byte token, TdsType type) =>
        writer.Byte(token).UInt16((ushort)type.Length).Bytes(Collation);
}
