using System.Globalization;

namespace Dynamo.Pipeline.Files;

/// <summary>
/// An archive folder as it is set: its root, and below that the folders that are named by the UTC day, such as <c>{yyyy}/{MM}/{dd}</c>,
/// by the month or the year, or none. Paths below the root have <c>/</c> between their names. Immutable.
/// </summary>
internal sealed class ArchivePattern
{
    private static readonly string[] s_fields = ["yyyy", "MM", "dd"];
    private static readonly string[] s_days = ["{yyyy}", "{MM}", "{dd}"];
    private static readonly char[] s_separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    private readonly string[] _parts;

    private ArchivePattern(string root, string[] parts) => (Root, _parts) = (root, parts);

    /// <summary>The folders of the default, where files may be that were archived before another archive was set.</summary>
    public static ArchivePattern Default { get; } = new("", s_days);

    /// <summary>The part before the first folder with a placeholder, as it is set.</summary>
    public string Root { get; }

    /// <summary>Whether there are folders named by the time.</summary>
    public bool HasDays => _parts.Length > 0;

    /// <exception cref="ArgumentException">
    /// There is another placeholder, a part of the day without what it is part of, or no root.
    /// </exception>
    public static ArchivePattern Parse(string text, string name)
    {
        int brace = text.AsSpan().IndexOfAny('{', '}');
        if (brace < 0) return new ArchivePattern(text, []);
        int root = text[..brace].LastIndexOfAny(s_separators);
        if (root <= 0) throw Refused("has no folder before the first placeholder");
        string[] parts = text[(root + 1)..].TrimEnd(s_separators).Split(s_separators);
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (string part in parts)
        {
            if (part is "" or "." or "..") throw Refused($"has the folder '{part}' after a placeholder");
            for (int at = 0; (at = part.AsSpan(at).IndexOfAny('{', '}') is var next and >= 0 ? at + next : -1) >= 0; at++)
            {
                int end = part.IndexOf('}', at);
                string placeholder = end < 0 ? part[at..] : part[at..(end + 1)];
                if (part[at] == '}' || end < 0 || !s_fields.Contains(placeholder[1..^1])) throw Refused($"has '{placeholder}'");
                used.Add(placeholder[1..^1]);
                at = end;
            }
        }
        if (!s_fields.Take(used.Count).All(used.Contains)) throw Refused("names a month without its year, or a day without its month");
        return new ArchivePattern(text[..root], parts);

        ArgumentException Refused(string what) => new(
            $"{name} is '{text}', which {what}; allowed are {{yyyy}}, {{MM}} and {{dd}} below a folder, such as "
            + "archive/{yyyy}/{MM}/{dd}",
            name);
    }

    /// <summary>The folder below the root for files that are archived at this time; empty for the root itself.</summary>
    public string Of(DateTime utc) => string.Join('/', _parts.Select(part => s_fields.Aggregate(part, (folder, field) =>
        folder.Replace($"{{{field}}}", utc.ToString(field, CultureInfo.InvariantCulture), StringComparison.Ordinal))));

    /// <summary>
    /// Where a file may be that was imported at some time and archived until now, the likely places first: the day of its import and those
    /// after it, and the root of an older archive without days.
    /// </summary>
    public IEnumerable<string> Since(DateTime importedUtc, DateTime nowUtc)
    {
        // Two clocks, of the database's host and of this one, may have different days.
        int days = Math.Max(1, (int)(nowUtc.Date - importedUtc.Date).TotalDays + 1);
        return Enumerable.Range(0, days).Append(-1).Select(day => Of(importedUtc.AddDays(day))).Append("").Distinct();
    }

    /// <summary>Which time a folder below the root is for; <see langword="null"/> if its name says none.</summary>
    public ArchiveDay? DayOf(string folder)
    {
        string[] names = folder.Split('/');
        Span<int> values = stackalloc int[s_fields.Length];
        for (int i = 0; i < Math.Min(names.Length, _parts.Length); i++)
            if (!Fits(_parts[i], names[i], values)) return null;
        (int year, int month, int day) = (values[0], values[1], values[2]);
        if (year is 0 or > 9998 || month > 12 || (day > 0 && day > DateTime.DaysInMonth(year, month))) return null;
        var start = new DateTime(year, Math.Max(month, 1), Math.Max(day, 1), 0, 0, 0, DateTimeKind.Utc);
        DateTime end = month == 0 ? start.AddYears(1) : day == 0 ? start.AddMonths(1) : start.AddDays(1);
        return new ArchiveDay(end, names.Length < _parts.Length ? null : string.Join('/', names[_parts.Length..]));
    }

    private static bool Fits(string part, string name, Span<int> values)
    {
        int at = 0;
        for (int i = 0; i < part.Length; i++)
        {
            if (part[i] != '{')
            {
                if (at >= name.Length || name[at++] != part[i]) return false;
                continue;
            }
            int end = part.IndexOf('}', i), field = Array.IndexOf(s_fields, part[(i + 1)..end]), digits = s_fields[field].Length;
            if (name.Length - at < digits
                || !int.TryParse(name.AsSpan(at, digits), NumberStyles.None, CultureInfo.InvariantCulture, out int value)
                || value == 0 || (values[field] != 0 && values[field] != value)) return false;
            values[field] = value;
            (at, i) = (at + digits, end);
        }
        return at == name.Length;
    }
}

/// <summary>What the name of a folder of an archive says.</summary>
/// <param name="endUtc">When the last day that it is for is over.</param>
/// <param name="below">
/// The rest of its path below the folder of its day, month or year, empty for that itself; <see langword="null"/> for one above.
/// </param>
internal readonly struct ArchiveDay(DateTime endUtc, string? below)
{
    public DateTime EndUtc => endUtc;

    public string? Below => below;
}
