namespace Dynamo.Pipeline.Readings;

/// <summary>Splits an interval in one field into its start and its end.</summary>
internal static class IntervalText
{
    /// <summary>
    /// The start or the end of an interval. A text that is no interval stays as it is, so that it is rejected, and so does one whose end
    /// is wanted and has no date of its own.
    /// </summary>
    public static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> text, IntervalTime which)
    {
        foreach (ReadOnlySpan<byte> between in (ReadOnlySpan<byte[]>)[s_dash, s_long, s_to, s_slash])
        {
            // A slash or a dash may also be part of a date, so the two halves must be alike.
            int at = -1;
            while (text[(at + 1)..].IndexOf(between) is var next and >= 0)
            {
                at += 1 + next;
                ReadOnlySpan<byte> start = text[..at].Trim((byte)' '), end = text[(at + between.Length)..].Trim((byte)' ');
                bool areAlike = Math.Abs(start.Length - end.Length) <= MostApart;
                bool isShortEnd = which == IntervalTime.Start && end.Length > 0 && between.Length > 1 && end.Length < start.Length;
                if (start.Length > 0 && (areAlike || isShortEnd)) return which == IntervalTime.Start ? start : end;
            }
        }
        return text;
    }

    // 9:00 and 10:00, 1.1.2026 and 31.12.2026.
    private const int MostApart = 3;

    private static readonly byte[] s_dash = " - "u8.ToArray(), s_long = "–"u8.ToArray(), s_to = " to "u8.ToArray(),
        s_slash = "/"u8.ToArray();
}
