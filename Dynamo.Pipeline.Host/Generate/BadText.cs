using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>The bytes of the unusual and broken files. They are small and rare, so they are made from strings.</summary>
internal static class BadText
{
    private const int LongLineBytes = (1 << 20) + 4096;
    private const string Header = "logger,channel,timestamp,value";

    public static byte[] Of(LoggerFile file, Schedule schedule)
    {
        BadKind kind = file.Bad!.Value;
        List<string[]> rows = Rows(file, schedule);
        return kind switch
        {
            BadKind.EmptyFile => [],
            BadKind.HeaderOnly => Utf8(Header + "\n"),
            BadKind.UnknownHeader => Text("Messstelle;Kanal;Zeit;Wert", rows, row => string.Join(';', row)),
            BadKind.MissingColumn => Text("logger,channel,timestamp", rows, row => string.Join(',', row[..3])),
            BadKind.DoubledColumn => Text(Header + ",value", rows, row => $"{string.Join(',', row)},{row[3]}"),
            BadKind.OtherColumns => Text("battery,timestamp,value,site,logger,channel", rows,
                row => $"3.6,{row[2]},{row[3]},\"Mill Lane, North\",{row[0]},{row[1]}"),
            BadKind.UnclosedQuote => Text(Header, rows, row => (row == rows[^1] ? "\"" : "") + string.Join(',', row)),
            BadKind.ReadingTwice => Text(Header, [.. rows, rows[file.BadRow]]),
            BadKind.Utf8Mark => [.. Encoding.UTF8.Preamble, .. Text(Header, rows)],
            BadKind.CrLfLineEnds => Text(Header, rows, "\r\n"),
            BadKind.CrLineEnds => Text(Header, rows, "\r"),
            BadKind.Utf16LittleEndian => [.. Encoding.Unicode.Preamble, .. Convert(Text(Header, rows), Encoding.Unicode)],
            BadKind.Utf16BigEndian => [.. Encoding.BigEndianUnicode.Preamble, .. Convert(Text(Header, rows), Encoding.BigEndianUnicode)],
            BadKind.NulBytes => WithNulTail(Text(Header, rows), rows[^1][3].Length),
            BadKind.InvalidUtf8 => WithInvalidUtf8(Text(Header, Changed(rows, file.BadRow, kind))),
            BadKind.LastLineCutOff => Text(Header, rows)[..^(rows[^1][3].Length + ":00Z,\n".Length)],
            BadKind.BinaryFile => Binary(file),
            BadKind.OneLongLine => LongLine(Text(Header, rows, "")),
            _ => Text(Header, Changed(rows, file.BadRow, kind)),
        };
    }

    private static List<string[]> Rows(LoggerFile file, Schedule schedule)
    {
        var rows = new List<string[]>(file.Rows);
        for (int step = file.FirstStep; step <= file.LastStep; step++)
        {
            long time = schedule.Time(step);
            foreach (Channel channel in schedule.Network.Channels(file.Logger))
            {
                rows.Add([Schedule.LoggerName(file.Logger), LongText.ChannelName(channel), LongText.Timestamp(time),
                    LongText.Value(schedule.Network.Thousandths(file.Logger, channel, time))]);
            }
        }
        return rows;
    }

    private static List<string[]> Changed(List<string[]> rows, int badRow, BadKind kind)
    {
        rows[badRow] = Change(rows[badRow], kind);
        return rows;
    }

    private static string[] Change(string[] row, BadKind kind) => kind switch
    {
        BadKind.TextValue => [.. row[..3], "defect"],
        BadKind.EmptyValue => [.. row[..3], ""],
        BadKind.NotANumber => [.. row[..3], "NaN"],
        BadKind.InfiniteValue => [.. row[..3], "-Infinity"],
        BadKind.OverflowingValue => [.. row[..3], "1e999"],
        BadKind.TooFewFields => row[..3],
        BadKind.TooManyFields => [.. row[..3], row[3].Replace('.', ',')],
        BadKind.TextTimestamp => [row[0], row[1], "yesterday", row[3]],
        BadKind.ImpossibleTimestamp => [row[0], row[1], $"{row[2].AsSpan(0, 4)}-02-30T00:00:00Z", row[3]],
        BadKind.OutOfRangeTimestamp => [row[0], row[1], "0001-01-01T00:00:00+14:00", row[3]],
        BadKind.NoOffset => [row[0], row[1], row[2][..^1], row[3]],
        BadKind.InvalidUtf8 => [row[0], row[1] + "~", row[2], row[3]],
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "This kind does not change a row."),
    };

    private static byte[] Text(string header, List<string[]> rows, string lineEnd = "\n") =>
        Text(header, rows, row => string.Join(',', row), lineEnd);

    private static byte[] Text(string header, List<string[]> rows, Func<string[], string> line, string lineEnd = "\n") =>
        Utf8(string.Concat(rows.Select(line).Prepend(header).Select(text => text + lineEnd)));

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Convert(byte[] utf8, Encoding encoding) => Encoding.Convert(Encoding.UTF8, encoding, utf8);

    /// <summary>As if the end of the file had been allocated but never written.</summary>
    private static byte[] WithNulTail(byte[] text, int length)
    {
        text.AsSpan(text.Length - length).Clear();
        return text;
    }

    /// <summary>0xE9 is é in Latin-1. In UTF-8 it begins a character of three bytes, so it is invalid before a comma.</summary>
    private static byte[] WithInvalidUtf8(byte[] text)
    {
        text.AsSpan().Replace((byte)'~', (byte)0xE9);
        return text;
    }

    /// <summary>The beginning of a gzip file, then random bytes.</summary>
    private static byte[] Binary(LoggerFile file)
    {
        byte[] bytes = new byte[512];
        ((ReadOnlySpan<byte>)[0x1F, 0x8B, 8, 0, 0, 0, 0, 0]).CopyTo(bytes);
        for (int i = 8; i < bytes.Length; i++)
            bytes[i] = (byte)SplitMix.Hash(15, (ulong)file.Logger, (ulong)file.Step, (ulong)i);
        return bytes;
    }

    private static byte[] LongLine(byte[] text)
    {
        byte[] line = new byte[LongLineBytes];
        for (int at = 0; at < line.Length; at += text.Length)
            text.AsSpan(0, Math.Min(text.Length, line.Length - at)).CopyTo(line.AsSpan(at));
        return line;
    }
}
