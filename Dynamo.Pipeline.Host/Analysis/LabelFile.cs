using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Reads the leaks that are known to have been there, a line each: <c>start</c> and <c>end</c> in UTC; as far as they are known
/// <c>name</c>, <c>kind</c> (abrupt or incipient), <c>peak</c> (when it was fully there), <c>size</c> in the unit of the inflow,
/// <c>pipe</c>, and <c>area</c>; without that a leak is one of every area.
/// </summary>
internal static class LabelFile
{
    private const string Option = "--labels";

    private static readonly string[] s_needed = ["start", "end"], s_known = ["name", "kind", "peak", "size", "pipe", "area", "type"];

    /// <exception cref="SettingsException">It cannot be read, or what is in it is wrong.</exception>
    public static IReadOnlyList<BurstLabel> Read(string path)
    {
        string[] columns = [.. s_needed, .. s_known.Intersect(SideFile.Header(path), StringComparer.OrdinalIgnoreCase)];
        return [.. SideFile.Read<BurstLabel>(Option, path, columns, (in CsvRecord line, out BurstLabel? label) =>
        {
            label = null;
            if (!TryTime(line, 0, out DateTime start, out Defect? defect) || !TryTime(line, 1, out DateTime end, out defect)) return defect;
            int at = Of("peak");
            DateTime peak = start;
            if (at >= 0 && !TryTime(line, at, out peak, out defect)) return defect;
            double size = 0;
            if ((at = Of("size")) >= 0 && !line.TryDouble(at, out size, out defect)) return defect;
            string? kind = TextOf(line, "kind") ?? TextOf(line, "type"), pipe = TextOf(line, "pipe");
            if (kind is not (null or "abrupt" or "incipient"))
                return line.Defect(Math.Max(Of("kind"), Of("type")), "it is no kind of leak", "abrupt or incipient");
            if (end < start) return line.Defect(1, "it ends before it starts", "a time after the start");
            label = new BurstLabel(TextOf(line, "name") ?? pipe ?? "a leak", start, end, kind != "incipient", peak, size)
            {
                Pipe = pipe, Area = TextOf(line, "area"),
            };
            return null;
        }).Select(label => label.Row)];

        int Of(string column) => Array.FindIndex(columns, one => one.Equals(column, StringComparison.OrdinalIgnoreCase));

        string? TextOf(in CsvRecord line, string column) =>
            Of(column) is >= 0 and int at && line.TryTextOrNull(at, out string? text, out _) && text is { Length: > 0 }
                ? text.Trim() : null;
    }

    private static bool TryTime(in CsvRecord line, int column, out DateTime time, out Defect? defect)
    {
        time = default;
        if (!line.TryText(column, out string? text, out defect)) return false;
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (DateTime.TryParse(text, CultureInfo.InvariantCulture, Utc, out time) && text.Contains('-')) return true;
        defect = line.Defect(column, "it is no time", "a time in UTC such as 2025-01-31 14:15");
        return false;
    }
}
