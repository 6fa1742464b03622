using System.Globalization;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Readings;

/// <summary>
/// Reads an offset from UTC as people write it: <c>Z</c>, <c>UTC</c>, <c>+01:00</c>, <c>-5</c>, <c>+0530</c>, <c>GMT-05:00</c>.
/// </summary>
internal static partial class OffsetText
{
    private const int LongestMinutes = 14 * 60;

    /// <summary>Reads an offset as ticks.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ticks">How far local time is ahead of UTC.</param>
    public static bool TryRead(string text, out long ticks)
    {
        ticks = 0;
        Match match = Written().Match(text);
        if (!match.Success) return false;
        if (!match.Groups["hours"].Success) return true;
        int hours = int.Parse(match.Groups["hours"].ValueSpan, CultureInfo.InvariantCulture);
        int minutes = match.Groups["minutes"].Success ? int.Parse(match.Groups["minutes"].ValueSpan, CultureInfo.InvariantCulture) : 0;
        int all = (hours * 60) + minutes;
        ticks = (match.Groups["sign"].ValueSpan is "-" or "\u2212" ? -all : all) * TimeSpan.TicksPerMinute;
        return minutes < 60 && all <= LongestMinutes;
    }

    [GeneratedRegex(
        @"^\s*(Z|UTC|GMT|UT)?\s*((?<sign>[+\-\u2212])?(?<hours>[0-9]{1,2})(:?(?<minutes>[0-9]{2}))?)?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Written();
}
