using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>A header whose names are written over several lines, such as <c>Temp</c> above <c>Out</c>.</summary>
/// <param name="Top">Its first line.</param>
/// <param name="Parts">The cells of its lines.</param>
/// <param name="Spans">Whether empty cells in the upper lines belong to the text to their left.</param>
/// <param name="Names">The names, put together as the format's reader does.</param>
internal sealed partial record HeaderLinesGuess(int Top, IReadOnlyList<string[]> Parts, bool Spans, string[] Names)
{
    /// <summary>Whether the lower lines tell all columns apart without the first one.</summary>
    public bool IsDoubtful { get; private init; }

    private const int MostAbove = 3, MostBelow = 2;

    public int Bottom => Top + Parts.Count - 1;

    /// <summary>
    /// Looks whether the lines beside a header complete its names: they tell columns apart that the header does not, or stand above its
    /// columns and leave out the timestamp's. <see langword="null"/>: the header is one line.
    /// </summary>
    /// <param name="at">The header's line.</param>
    /// <param name="header">Its names.</param>
    /// <param name="usual">How many columns there are.</param>
    /// <param name="rows">Some of the data.</param>
    /// <param name="cells">The cells of a line, <see langword="null"/> if it is empty, a comment or data.</param>
    public static HeaderLinesGuess? Of(int at, string[] header, int usual, string[][] rows, Func<int, string[]?> cells)
    {
        bool[] hasData = [.. Enumerable.Range(0, usual).Select(i => rows.Any(row => i < row.Length && row[i].Length > 0))];
        int[] times = [
            .. Enumerable.Range(0, usual).Where(
                i => rows.Count(row => i < row.Length && Cell.KindOf(row[i]) == CellKind.Time) * 2 > rows.Length)];
        int named = hasData.Count(has => has);
        int best = Told(header);
        int top = at, bottom = at;
        while (at - top < MostAbove && cells(top - 1) is { } above && IsPart(above)) top--;
        while (bottom - at < MostBelow && cells(bottom + 1) is { } below && IsPart(below) && !IsUnits(below)) bottom++;
        HeaderLinesGuess? found = null;
        if (best < named)
            foreach (HeaderLinesGuess one in All(top, at, bottom).OrderBy(one => one.Parts.Count).ThenBy(one => one.Spans))
                if (Told(one.Names) is var told && told > best)
                    (best, found) = (told, one with { IsDoubtful = !one.Names.Any(ColumnNames.IsTime) });
        // The line above what was found: groups of the columns, or their station.
        int first = found?.Top ?? at;
        if (first == at && top < at && cells(at - 1) is { } groups && AreGroups(groups))
        {
            string[][] parts = [groups, .. found?.Parts ?? [header]];
            bool isStation = parts.Length > 2 && groups.Where((cell, i) => !times.Contains(i)).Distinct().Count() == 1;
            found = With(at - 1, parts, found is { Spans: true } || IsMostlyEmpty(groups)) with { IsDoubtful = !isStation };
        }
        return found;

        bool IsPart(string[] line) => line.Length >= 2 && line.Length <= usual + 3 && line.Any(cell => cell.Length > 0)
            && !line.Any(cell => Cell.IsNumber(cell) || Cell.KindOf(cell) == CellKind.Time)
            && line.Length * 2 >= usual;
        // The columns that have a name of their own.
        int Told(string[] names) => names.Take(usual).Where((name, i) => name.Length > 0 && hasData[i]).Distinct().Count();
        bool AreGroups(string[] line) => line.Count(cell => cell.Length > 0) >= 2 && times.Length > 0
            && times.All(i => i >= line.Length || line[i].Length == 0)
            && !IsUnits(line) && (IsOne(line) ? !line.Any(cell => cell.Contains(':')) : !line.Any(cell => Volatile().IsMatch(cell)))
            && !line.All(cell => cell.Length == 0 || Kind().IsMatch(cell));
        bool IsOne(string[] line) => line.Where(cell => cell.Length > 0).Distinct().Count() == 1;
        bool IsMostlyEmpty(string[] line) =>
            Array.FindIndex(line, cell => cell.Length > 0) is var from
            && Enumerable.Range(from, Math.Max(0, usual - from)).Count(i => i >= line.Length || line[i].Length == 0) * 2 >= usual - from;
        IEnumerable<HeaderLinesGuess> All(int from, int middle, int to)
        {
            for (int t = from; t <= middle; t++)
                for (int b = middle; b <= to; b++)
                    if (b > t)
                        foreach (bool spans in (bool[])[false, true])
                            yield return With(t, [.. Enumerable.Range(t, b - t + 1).Select(i => cells(i)!)], spans);
        }
    }

    private static HeaderLinesGuess With(int top, string[][] parts, bool spans)
    {
        int width = parts.Max(line => line.Length);
        string[][] filled = spans ? [.. parts[..^1].Select(line => Spanned(line, width)), parts[^1]] : parts;
        string[] names = [
            .. Enumerable.Range(0, width).Select(column => string.Join(
                ' ', filled.Select(line => column < line.Length ? line[column] : "").Where(cell => cell.Length > 0).Distinct()))];
        return new HeaderLinesGuess(top, filled, spans, names);
    }

    private static string[] Spanned(string[] cells, int width)
    {
        string[] spanned = [.. cells, .. Enumerable.Repeat("", width - cells.Length)];
        for (int i = 1; i < spanned.Length; i++)
            if (spanned[i].Length == 0) spanned[i] = spanned[i - 1];
        return spanned;
    }

    private static bool IsUnits(string[] line) => line.Count(Cell.IsUnit) * 2 >= line.Count(cell => cell.Length > 0);

    /// <summary>How a column's values were taken.</summary>
    [GeneratedRegex(@"^(smp|sample|avg|average|mean|min|max|tot|total|sum|std|inst|now|value|raw|calc|counter|analog|digital)\.?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Kind();

    [GeneratedRegex("[0-9]{4,}", RegexOptions.CultureInvariant)]
    private static partial Regex Volatile();
}
