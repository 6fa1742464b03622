using System.Buffers;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>The default long format: <c>logger,channel,timestamp,value</c>, ISO 8601 with <c>Z</c>, three decimals, LF.</summary>
internal static class LongText
{
    private const string TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    private static readonly string[] _channelNames = ["flow", "pressure", "level", "temperature"];
    private static readonly byte[][] _channelBytes = [.. _channelNames.Select(Encoding.UTF8.GetBytes)];

    public static string ChannelName(Channel channel) => _channelNames[(int)channel];

    public static string Timestamp(long time) =>
        DateTimeOffset.FromUnixTimeSeconds(time).ToString(TimestampFormat, CultureInfo.InvariantCulture);

    public static string Value(long thousandths) =>
        string.Create(CultureInfo.InvariantCulture, $"{thousandths / 1000}.{thousandths % 1000:000}");

    /// <summary>A good file's bytes.</summary>
    public static void Write(ArrayBufferWriter<byte> text, LoggerFile file, Schedule schedule)
    {
        text.Write("logger,channel,timestamp,value\n"u8);
        Channel[] channels = schedule.Network.Channels(file.Logger);
        byte[] logger = Encoding.UTF8.GetBytes(Schedule.LoggerName(file.Logger));
        Span<byte> timestamp = stackalloc byte[20];
        for (int step = file.FirstStep; step <= file.LastStep; step++)
        {
            long time = schedule.Time(step);
            DateTimeOffset.FromUnixTimeSeconds(time).TryFormat(timestamp, out _, TimestampFormat, CultureInfo.InvariantCulture);
            foreach (Channel channel in channels)
                WriteRow(text, logger, _channelBytes[(int)channel], timestamp, schedule.Network.Thousandths(file.Logger, channel, time));
        }
    }

    private static void WriteRow(
        ArrayBufferWriter<byte> text, ReadOnlySpan<byte> logger, ReadOnlySpan<byte> channel, ReadOnlySpan<byte> timestamp, long thousandths)
    {
        text.Write(logger);
        text.Write(","u8);
        text.Write(channel);
        text.Write(","u8);
        text.Write(timestamp);
        text.Write(","u8);
        WriteValue(text, thousandths);
        text.Write("\n"u8);
    }

    private static void WriteValue(ArrayBufferWriter<byte> text, long thousandths)
    {
        Span<byte> room = text.GetSpan(24);
        (thousandths / 1000).TryFormat(room, out int length, default, CultureInfo.InvariantCulture);
        int decimals = (int)(thousandths % 1000);
        room[length++] = (byte)'.';
        room[length++] = (byte)('0' + decimals / 100);
        room[length++] = (byte)('0' + decimals / 10 % 10);
        room[length++] = (byte)('0' + decimals % 10);
        text.Advance(length);
    }
}
