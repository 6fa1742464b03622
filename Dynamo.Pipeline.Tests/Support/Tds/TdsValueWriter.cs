using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>Writes a value as the store keeps it (null, long, double, string, bytes) in the form of its type: [MS-TDS] 2.2.5.5.</summary>
internal static class TdsValueWriter
{
    public static void Write(TokenWriter writer, TdsType type, bool nullable, object? value)
    {
        if (type.IsText || type.IsBinary) WriteVariable(writer, type, value is null ? null : Encode(type, value));
        else if (value is null) writer.Byte(0);
        else
        {
            bool isFixed = !nullable && TdsTypeInfo.FixedToken(type) is not null;
            if (!isFixed) writer.Byte((byte)ScalarLength(type));
            WriteScalar(writer, type, value);
        }
    }

    private static int ScalarLength(TdsType type) => type.Kind switch
    {
        TdsKind.Time => TimeBytes(type.Scale),
        TdsKind.DateTime2 => TimeBytes(type.Scale) + 3,
        TdsKind.DateTimeOffset => TimeBytes(type.Scale) + 5,
        _ => type.Length,
    };

    private static byte[] Encode(TdsType type, object value)
    {
        if (type.IsBinary) return value as byte[] ?? Encoding.UTF8.GetBytes(Text(value));
        string text = Text(value);
        if (type.Kind is TdsKind.Char or TdsKind.NChar) text = text.PadRight(Math.Max(0, type.Characters));
        return (type.IsUnicode ? Encoding.Unicode : Tokens.Windows1252).GetBytes(text);
    }

    private static void WriteVariable(TokenWriter writer, TdsType type, byte[]? bytes)
    {
        if (type.Length >= 0)
        {
            if (bytes is null) writer.UInt16(0xFFFF);
            else writer.UInt16((ushort)bytes.Length).Bytes(bytes);
            return;
        }
        // PARTLENTYPE, [MS-TDS] 2.2.5.2.3: the whole length, one chunk, a terminator.
        if (bytes is null)
        {
            writer.Int64(-1);
            return;
        }
        writer.Int64(bytes.Length);
        if (bytes.Length > 0) writer.Int32(bytes.Length).Bytes(bytes);
        writer.Int32(0);
    }

    private static void WriteScalar(TokenWriter writer, TdsType type, object value)
    {
        Span<byte> bytes = stackalloc byte[17];
        switch (type.Kind)
        {
            case TdsKind.Real:
                writer.Int32(BitConverter.SingleToInt32Bits((float)Number(value)));
                return;
            case TdsKind.Float:
                writer.Int64(BitConverter.DoubleToInt64Bits(Number(value)));
                return;
            case TdsKind.Decimal:
                WriteDecimal(writer, type, Text(value));
                return;
            case TdsKind.Guid:
                writer.Bytes(Guid.Parse(Text(value)).ToByteArray());
                return;
            case TdsKind.Bit or TdsKind.TinyInt or TdsKind.SmallInt or TdsKind.Int or TdsKind.BigInt:
                BinaryPrimitives.WriteInt64LittleEndian(bytes, Integer(value));
                writer.Bytes(bytes[..type.Length]);
                return;
            default:
                WriteTime(writer, type, Text(value));
                return;
        }
    }

    /// <summary>By its digits: SQL Server's have more of them than .NET's.</summary>
    private static void WriteDecimal(TokenWriter writer, TdsType type, string text)
    {
        if (text.Contains('E', StringComparison.OrdinalIgnoreCase))
            text = decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        string[] parts = text.TrimStart('-').Split('.');
        string decimals = parts.Length > 1 ? parts[1] : "";
        string digits = parts[0] + (decimals.Length > type.Scale ? decimals[..type.Scale] : decimals.PadRight(type.Scale, '0'));
        Span<byte> magnitude = stackalloc byte[16];
        magnitude.Clear();
        BigInteger.Parse("0" + digits, CultureInfo.InvariantCulture).TryWriteBytes(magnitude, out _, isUnsigned: true);
        writer.Byte(text[0] == '-' ? (byte)0 : (byte)1).Bytes(magnitude[..(type.Length - 1)]);
    }

    private static void WriteTime(TokenWriter writer, TdsType type, string text)
    {
        if (type.Kind == TdsKind.Time)
        {
            WriteTicks(writer, type.Scale, TimeSpan.Parse(text, CultureInfo.InvariantCulture).Ticks);
            return;
        }
        if (type.Kind == TdsKind.DateTimeOffset)
        {
            DateTimeOffset at = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
            WriteTicks(writer, type.Scale, at.UtcDateTime.TimeOfDay.Ticks);
            WriteDay(writer, at.UtcDateTime);
            writer.UInt16((ushort)(short)at.TotalOffsetMinutes);
            return;
        }
        DateTime time = DateTime.Parse(text, CultureInfo.InvariantCulture);
        switch (type.Kind)
        {
            case TdsKind.Date:
                WriteDay(writer, time);
                break;
            case TdsKind.DateTime2:
                WriteTicks(writer, type.Scale, time.TimeOfDay.Ticks);
                WriteDay(writer, time);
                break;
            case TdsKind.DateTime:
                // Days since 1900 and 1/300 s since midnight: [MS-TDS] 2.2.5.5.1.8.
                writer.Int32(
                    (int)(time.Date - new DateTime(1900, 1, 1)).TotalDays).Int32((int)Math.Round(time.TimeOfDay.Ticks * 3 / 100_000.0));
                break;
            default:
                writer.UInt16((ushort)(time.Date - new DateTime(1900, 1, 1)).TotalDays).UInt16((ushort)time.TimeOfDay.TotalMinutes);
                break;
        }
    }

    /// <summary>3, 4 or 5 bytes by scale: [MS-TDS] 2.2.5.5.1.8.</summary>
    public static int TimeBytes(int scale) => scale switch { <= 2 => 3, <= 4 => 4, _ => 5 };

    private static void WriteTicks(TokenWriter writer, int scale, long ticks)
    {
        for (int i = scale; i < 7; i++) ticks /= 10;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, ticks);
        writer.Bytes(bytes[..TimeBytes(scale)]);
    }

    private static void WriteDay(TokenWriter writer, DateTime time)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)(time.Ticks / TimeSpan.TicksPerDay));
        writer.Bytes(bytes[..3]);
    }

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;

    private static double Number(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

    private static long Integer(object value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
