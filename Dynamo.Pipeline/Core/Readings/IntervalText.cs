using System.Buffers;

namespace Dynamo.Pipeline.Readings;

/// <summary>Splits an interval in one field into its start and its end.</summary>
internal static class IntervalText
{
    /// <summary>
    /// Finds the start and the end of an interval. The end may be a time alone, which is one of the start's day or, if it is not after the
    /// start, of the next.
    /// </summary>
    /// <returns>Whether the text is an interval. If not, it is read as it is, so that it is rejected.</returns>
    public static bool TrySplit(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> start, out ReadOnlySpan<byte> end)
    {
        foreach (ReadOnlySpan<byte> between in (ReadOnlySpan<byte[]>)[s_dash, s_long, s_to, s_slash, s_hyphen])
        {
            // A slash or a dash may also be part of a date, so the two halves must be alike, or the second one a time.
            int at = -1;
            while (text[(at + 1)..].IndexOf(between) is var next and >= 0)
            {
                at += 1 + next;
                start = text[..at].Trim((byte)' ');
                end = text[(at + between.Length)..].Trim((byte)' ');
                if (start.IsEmpty || end.IsEmpty) continue;
                bool haveTimes = start.Contains((byte)':') && end.Contains((byte)':');
                bool areAlike = Math.Abs(start.Length - end.Length) <= MostApart && (between.Length > 1 || between[0] == '/' || haveTimes);
                if (areAlike || (haveTimes && IsTime(end))) return true;
            }
        }
        start = text;
        end = default;
        return false;
    }

    /// <summary>Whether a text has no date: 0:15, 00:15:00, 12:15 AM.</summary>
    public static bool IsTime(ReadOnlySpan<byte> text)
    {
        int colon = text.IndexOf((byte)':');
        return colon is 1 or 2 && text.Length <= LongestTime && !text.ContainsAnyExcept(s_ofTimes);
    }

    /// <summary>A timestamp up to its time of day, with the blank or <c>T</c> between them; empty if it has no date.</summary>
    public static ReadOnlySpan<byte> DateOf(ReadOnlySpan<byte> start)
    {
        int colon = start.IndexOf((byte)':');
        return colon < 0 ? default : start[..(start[..colon].LastIndexOfAny((byte)' ', (byte)'T') + 1)];
    }

    // 9:00 and 10:00, 1.1.2026 and 31.12.2026.
    private const int MostApart = 3;
    private const int LongestTime = 14;

    private static readonly SearchValues<byte> s_ofTimes = SearchValues.Create("0123456789:. APMapm"u8);

    private static readonly byte[] s_dash = " - "u8.ToArray(), s_long = "–"u8.ToArray(), s_to = " to "u8.ToArray(),
        s_slash = "/"u8.ToArray(), s_hyphen = "-"u8.ToArray();
}
