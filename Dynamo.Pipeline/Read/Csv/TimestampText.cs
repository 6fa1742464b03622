using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>Reads timestamps as a format describes them, to UTC. Thread-safe.</summary>
internal sealed class TimestampText
{
    private const int Longest = 64;

    private readonly string[] _withOffset;
    private readonly string[] _local;
    private readonly LocalClock? _clock;

    public TimestampText(IReadOnlyList<string> formats, TimeZoneInfo? zone)
    {
        _withOffset = [.. formats.Where(HasOffset)];
        _local = [.. formats.Where(f => !HasOffset(f))];
        _clock = zone is null ? null : new LocalClock(zone);
        Expected = formats.Count == 0
            ? $"ISO 8601 such as 2026-01-31T12:00:00{(zone is null ? "Z" : "")}"
            : string.Join(" or ", formats);
    }

    /// <summary>What a timestamp should look like.</summary>
    public string Expected { get; }

    /// <summary>Reads a field.</summary>
    /// <param name="text">The field, trimmed.</param>
    /// <param name="utc">The timestamp.</param>
    /// <returns>What is wrong with it.</returns>
    public TimestampProblem Read(ReadOnlySpan<byte> text, out DateTime utc)
    {
        utc = default;
        if (text.IsEmpty) return TimestampProblem.Empty;
        bool iso = _withOffset.Length + _local.Length == 0;
        TimestampProblem problem = iso ? IsoTimestamp.Read(text, out long clock, out long? offset) : ReadExact(text, out clock, out offset);
        if (problem != TimestampProblem.None) return problem;
        long ticks = clock - offset.GetValueOrDefault();
        if (offset is null)
        {
            if (_clock is null) return TimestampProblem.NoZone;
            problem = _clock.ToUtc(clock, out ticks);
            if (problem != TimestampProblem.None) return problem;
        }
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks) return TimestampProblem.OutOfRange;
        utc = new DateTime(ticks, DateTimeKind.Utc);
        return TimestampProblem.None;
    }

    private TimestampProblem ReadExact(ReadOnlySpan<byte> utf8, out long clock, out long? offset)
    {
        (clock, offset) = (0, null);
        Span<char> buffer = stackalloc char[Longest];
        if (utf8.Length > Longest || !Encoding.UTF8.TryGetChars(utf8, buffer, out int length)) return TimestampProblem.Unreadable;
        ReadOnlySpan<char> text = buffer[..length];
        if (_local.Length > 0 && DateTime.TryParseExact(text, _local, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime local))
        {
            clock = local.Ticks;
            return TimestampProblem.None;
        }
        if (_withOffset.Length == 0
            || !DateTimeOffset.TryParseExact(text, _withOffset, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset stamp))
            return TimestampProblem.Unreadable;
        (clock, offset) = (stamp.Ticks, stamp.Offset.Ticks);
        return TimestampProblem.None;
    }

    /// <summary>Whether a format holds <c>z</c> outside of quotes and escapes.</summary>
    internal static bool HasOffset(string format)
    {
        char quoted = '\0';
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            if (c == '\\') i++;
            else if (quoted != '\0') quoted = c == quoted ? '\0' : quoted;
            else if (c is '\'' or '"') quoted = c;
            else if (c == 'z') return true;
        }
        return false;
    }
}
