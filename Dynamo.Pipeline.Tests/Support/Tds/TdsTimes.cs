using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Dates, times and decimals of the wire as the text the store keeps: fixed width, so that comparing the text compares the times
/// ([MS-TDS] 2.2.5.5.1.6, 2.2.5.5.1.8).
/// </summary>
internal static class TdsTimes
{
    public const string DateTimeFormat = "yyyy-MM-dd HH:mm:ss.fffffff";
    private const string OffsetFormat = "yyyy-MM-dd HH:mm:ss.fffffff zzz";

    public static bool TryFormat(ReadOnlySpan<byte> wire, TdsType type, Span<byte> text, out int written)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        int timeBytes = wire.Length - (type.Kind switch { TdsKind.DateTime2 => 3, TdsKind.DateTimeOffset => 5, _ => 0 });
        switch (type.Kind)
        {
            case TdsKind.Date:
                return Day(wire).TryFormat(text, out written, "yyyy-MM-dd", culture);
            case TdsKind.Time:
                return new TimeOnly(Ticks(wire, type.Scale)).TryFormat(text, out written, "HH:mm:ss.fffffff", culture);
            case TdsKind.DateTime2:
                return Day(wire[timeBytes..]).AddTicks(Ticks(wire[..timeBytes], type.Scale)).TryFormat(
                    text, out written, DateTimeFormat, culture);
            case TdsKind.DateTimeOffset:
                DateTime utc = Day(wire[timeBytes..]).AddTicks(Ticks(wire[..timeBytes], type.Scale));
                var offset = TimeSpan.FromMinutes(BinaryPrimitives.ReadInt16LittleEndian(wire[^2..]));
                return new DateTimeOffset(
                    DateTime.SpecifyKind(utc + offset, DateTimeKind.Unspecified),
                    offset).TryFormat(text, out written, OffsetFormat, culture);
            default:
                return Legacy(wire).TryFormat(text, out written, DateTimeFormat, culture);
        }
    }

    public static string Decimal(ReadOnlySpan<byte> wire, int scale)
    {
        var magnitude = new BigInteger(wire[1..], isUnsigned: true);
        string digits = magnitude.ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        string text = scale == 0 ? digits : $"{digits[..^scale]}.{digits[^scale..]}";
        return wire[0] == 0 && !magnitude.IsZero ? "-" + text : text;
    }

    private static DateTime Legacy(ReadOnlySpan<byte> wire)
    {
        var origin = new DateTime(1900, 1, 1);
        if (wire.Length == 4)
            return origin.AddDays(BinaryPrimitives.ReadUInt16LittleEndian(wire)).AddMinutes(
                BinaryPrimitives.ReadUInt16LittleEndian(wire[2..]));
        // 1/300 s, shown in milliseconds as the server shows it.
        double milliseconds = Math.Round(BinaryPrimitives.ReadUInt32LittleEndian(wire[4..]) * 10 / 3.0);
        return origin.AddDays(BinaryPrimitives.ReadInt32LittleEndian(wire)).AddMilliseconds(milliseconds);
    }

    private static DateTime Day(ReadOnlySpan<byte> wire) => DateTime.MinValue.AddDays(wire[0] | (wire[1] << 8) | (wire[2] << 16));

    private static long Ticks(ReadOnlySpan<byte> wire, int scale)
    {
        long ticks = 0;
        for (int i = wire.Length - 1; i >= 0; i--) ticks = (ticks << 8) | wire[i];
        for (int i = scale; i < 7; i++) ticks *= 10;
        return ticks;
    }
}
