using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>One way to see a sample as a table.</summary>
/// <param name="Separator">The character between fields.</param>
/// <param name="Comment">The character with which comments begin, or null.</param>
/// <param name="Header">The header's names, or null if there is no header.</param>
/// <param name="HeaderLine">The header's line as it is written.</param>
/// <param name="Between">The lines between the header and the data, split.</param>
/// <param name="Rows">The data.</param>
/// <param name="Above">The lines above the table, as they are written.</param>
/// <param name="Below">The lines below the table, if they are few.</param>
/// <param name="Odd">Lines between the first and the last row that are not like the others.</param>
internal sealed record SampleTable(
    char Separator, char? Comment, string[]? Header, string HeaderLine, IReadOnlyList<string[]> Between, IReadOnlyList<string[]> Rows,
    IReadOnlyList<string> Above, IReadOnlyList<string> Below, IReadOnlyList<string> Odd)
{
    /// <summary>The lines of the header if its names are put together from several, from top to bottom; otherwise empty.</summary>
    public IReadOnlyList<string[]> HeaderParts { get; init; } = [];

    /// <summary>Whether empty cells in the upper lines of the header belong to the text to their left.</summary>
    public bool HeaderSpans { get; init; }

    /// <summary>Whether the names might be told apart by the lower lines of the header alone.</summary>
    public bool IsHeaderDoubtful { get; init; }

    /// <summary>Whether comments are among the rows or between header and rows.</summary>
    public bool HasCommentsInside { get; init; }

    /// <summary>How many of the lines between header and rows look like data, so that leaving them out may lose something.</summary>
    public int LikeDataBetween { get; init; }

    /// <summary>Whether some rows end early.</summary>
    public bool HasShortRows { get; init; }

    public int Fields { get; } = Math.Max(Header?.Length ?? 0, Rows.Max(row => row.Length));

    /// <summary>The fields of a column, an empty text where a row ends early.</summary>
    public string[] Column(int index) => [.. Rows.Select(row => index < row.Length ? row[index] : "")];
}

/// <summary>Finds the tables that a sample may be: one for each separator that splits its lines into like fields.</summary>
internal static partial class TableSearch
{
    private const int LookedAt = 2000;
    private const int MostHeaderLines = 6;
    private const int MostBetween = 3;
    private const int MostBelow = 10;
    private const int MostBeyond = 4;
    private const string Comments = "#!%*";
    private const double Strong = 0.8;

    private static readonly char[] s_separators = [';', '\t', '|', ',', ' '];

    public static IEnumerable<SampleTable> Of(Sample sample)
    {
        foreach (char separator in s_separators)
        {
            char? comment = CommentOf(sample);
            if (Find(sample, separator, comment) is { } table) yield return table;
            if (comment is not null && Find(sample, separator, null) is { } plain) yield return plain;
        }
    }

    private static char? CommentOf(Sample sample)
    {
        string[] lines = [.. sample.Lines.Take(LookedAt).Where(line => line.Trim().Length > 0)];
        char? first = lines.FirstOrDefault(line => Comments.Contains(line.TrimStart()[0]))?.TrimStart()[0];
        // Where nearly all lines begin so, it is no comment.
        return first is { } mark && lines.Count(line => line[0] == mark) < 0.9 * lines.Length ? mark : null;
    }

    private static SampleTable? Find(Sample sample, char separator, char? comment)
    {
        IReadOnlyList<string> lines = sample.Lines;
        int looked = Math.Min(lines.Count, LookedAt);
        bool IsComment(int i) => comment is { } mark && lines[i].Length > 0 && lines[i][0] == mark;
        bool IsEmpty(int i) => lines[i].AsSpan().Trim([' ', '\t', '"', separator]).IsEmpty;
        int[] plain = [.. Enumerable.Range(0, looked).Where(i => !IsEmpty(i) && !IsComment(i))];
        var split = plain.ToDictionary(i => i, i => Cell.Split(lines[i], separator));
        int[] like = [.. plain.Where(i => IsLikeData(split[i]))];
        if (like.Length == 0) return null;
        // What is above a table is at its top, so the lower half shows best what its rows are like.
        string[][] lower = [.. like.Skip(like.Length / 2).Select(i => split[i])];
        int usual = lower.GroupBy(row => row.Length).OrderByDescending(group => group.Count()).ThenByDescending(group => group.Key)
            .First().Key;
        if (usual < 2) return null;
        string[][] typical = [.. lower.Where(row => row.Length == usual)];
        if (typical.Length < 0.5 * lower.Length) return null;
        bool[] strong = [.. Enumerable.Range(0, usual).Select(column => IsStrong([.. typical.Select(row => Cell.KindOf(row[column]))]))];
        if (!strong.Contains(true)) return null;
        bool Fits(string[] row) => FitsIn(row, usual, strong);
        int first = Array.Find(like, i => Fits(split[i]) && like.Count(j => j >= i && Fits(split[j])) * 2 > like.Count(j => j >= i));
        if (!Fits(split[first])) return null;
        // Values of the device above the table may look like a row. What is below them is the table's header then.
        const int MostAbove = 2;
        for (int seen = 0, at = Array.IndexOf(like, first); at + 1 < like.Length && seen < MostAbove; at++, seen++)
            if (plain.Any(i => i > like[at] && i < like[at + 1] && IsHeaderLike(split[i])) && Fits(split[like[at
                + 1]])) first = like[at + 1];
        bool IsHeaderLike(string[] row) => row.Length >= usual - 1 && row.Any(ColumnNames.IsTime) && !row.Any(Cell.IsNumber)
            && !row.Any(IsDate);

        string[] data = split.GetValueOrDefault(first)!;
        (int headerAt, string[]? header, string headerLine) = HeaderOf(sample, separator, comment, first, usual, data, IsEmpty);
        int below = headerAt < 0 ? first : headerAt + 1;
        HeaderLinesGuess? joined = header is null || comment is { } sign && headerLine.StartsWith(sign) ? null : HeaderLinesGuess.Of(
            headerAt, header, usual, typical,
            i => i < 0 || i >= first || IsEmpty(i) || IsComment(i) ? null : Cell.Split(lines[i], separator));
        if (joined is not null) (headerAt, below, header, headerLine) = (joined.Top, joined.Bottom + 1, joined.Names, lines[joined.Top]);
        string[][] between =
            [.. Enumerable.Range(below, first - below).Where(i => !IsEmpty(i)
                && !IsComment(i)).Select(i => Cell.Split(lines[i], separator))];
        var rows = new List<string[]>();
        var odd = new List<string>();
        var pending = new List<string>();
        for (int i = first; i < lines.Count; i++)
        {
            if (IsEmpty(i) || IsComment(i)) continue;
            string[] row = split.GetValueOrDefault(i) ?? Cell.Split(lines[i], separator);
            int most = Math.Max(usual, header?.Length ?? 0);
            if (Fits(row) || (row.Length >= usual && row.Length <= most && IsLikeData(row)))
            {
                odd.AddRange(pending);
                pending.Clear();
                rows.Add(row);
            }
            else if (headerLine != lines[i]) pending.Add(lines[i]);
        }
        bool isFooter = sample.IsWhole && pending.Count <= MostBelow;
        if (!isFooter) odd.AddRange(pending);
        int named = header is null ? usual : Array.FindLastIndex(header, name => name.Length > 0) + 1;
        return new SampleTable(
            separator, comment, header, headerLine, between, rows, [
                .. lines.Take(headerAt < 0 ? first : headerAt)], isFooter ? pending : [], odd)
        {
            HeaderParts = joined?.Parts ?? [],
            HeaderSpans = joined is { Spans: true },
            IsHeaderDoubtful = joined is { IsDoubtful: true },
            HasCommentsInside = Enumerable.Range(below, looked - below).Any(IsComment),
            LikeDataBetween = between.Count(IsLikeData),
            // One line that ends early was cut off. Many are how the device writes.
            HasShortRows = rows.Count(row => row.Length < named) is var few && few >= 2 && few * 20 >= rows.Count,
        };
    }

    private static bool IsLikeData(string[] row)
    {
        int numbers = 0, times = 0, nothing = 0;
        foreach (string field in row)
            _ = Cell.KindOf(field) switch { CellKind.Number => numbers++, CellKind.Time => times++, CellKind.Nothing => nothing++, _ => 0 };
        return row.Length >= 2 && numbers + times > 0 && (numbers + times >= 2 || times > 0 || nothing > 0 || row.Length <= 3);
    }

    private static bool IsStrong(CellKind[] kinds)
    {
        int known = kinds.Count(kind => kind is CellKind.Number or CellKind.Time), filled = kinds.Count(kind => kind != CellKind.Nothing);
        return filled > 0 && known >= Strong * filled;
    }

    private static bool FitsIn(string[] row, int usual, bool[] strong)
    {
        if (row.Length < 2 || row.Length > usual + MostBeyond) return false;
        bool isLonger = row.Length > usual && row.Skip(usual).Any(field => field.Length > 0);
        int known = 0, expected = 0;
        for (int i = 0; i < usual; i++)
        {
            if (!strong[i]) continue;
            CellKind kind = i < row.Length ? Cell.KindOf(row[i]) : CellKind.Nothing;
            expected++;
            if (kind is CellKind.Number or CellKind.Time) known++;
            else if (kind == CellKind.Word && (i < 2 || isLonger)) return false;
        }
        // Lines may be longer where a remark was written, if all else is like the others.
        if (isLonger && known < expected) return false;
        return known > 0 && (known * 2 >= expected || row.Length == usual) && (row.Length >= usual || known * 2 >= expected);
    }

    private static (int At, string[]? Names, string Line) HeaderOf(
        Sample sample, char separator, char? comment, int first, int usual, string[] data, Func<int, bool> isEmpty)
    {
        var found = new List<(int At, string[] Names, string Line)>();
        bool isBelow = false;
        for (int i = first - 1; i >= 0 && found.Count < MostHeaderLines; i--)
        {
            if (isEmpty(i))
            {
                if (found.Count > 0) break;
                continue;
            }
            string line = sample.Lines[i];
            bool isComment = comment is { } mark && line[0] == mark;
            if (isComment) line = line.TrimStart(comment!.Value).TrimStart();
            if (isComment && line.Length == 0 && found.Count == 0) continue;
            string[] names = Cell.Split(line, separator);
            int filled = names.Count(name => name.Length > 0);
            bool isLike = names.Length >= usual - 1 && names.Length <= usual + 3 && filled >= 2 && filled * 2 >= usual - 1
                && (!isComment || names.Length == usual);
            // Units of some columns only.
            bool areUnits = found.Count == 0 && filled > 0 && names.Length == usual && names.All(name => name.Length == 0
                || Cell.IsUnit(name));
            if (!isLike && areUnits) continue;
            // Lines of other things may stand between the names and the data, if the names leave no doubt.
            bool areNames = names.Length == usual && filled == usual && names.Distinct().Count() == usual && !names.Any(Cell.IsNumber)
                && names.Where((name, at) => Cell.KindOf(data[at]) == CellKind.Time).Any(ColumnNames.IsTime);
            bool isOther = !isComment && (!isLike || names.Any(Cell.IsNumber) || names.All(name => TypeWord().IsMatch(name)));
            if (found.Count == 0 && !areNames && (isOther || isBelow) && first - i <= MostBetween)
            {
                isBelow = true;
                continue;
            }
            if (isBelow && !areNames) break;
            isBelow = false;
            // A line of loose words is only a header if something says that it has names of columns.
            if (!isLike || (found.Count > 0 && isComment != found[^1].Line.StartsWith(comment ?? '\n'))) break;
            if (names.Count(Cell.IsNumber) * 2 > names.Length && !ColumnNames.IsTime(names[0])) break;
            if (names.Any(IsDate) || (!names.Any(ColumnNames.IsTime) && (names.Any(Cell.IsNumber) || IsLabel(i, names)))) break;
            found.Add((i, names, sample.Lines[i]));
        }
        if (found.Count == 0) return (-1, null, "");
        // Lines that begin with one key, such as station,id and station,name, are labels with their values.
        bool IsLabel(int at, string[] cells) => cells[0].Length > 0 && at > 0
            && Cell.Split(sample.Lines[at - 1], separator)[0].Equals(cells[0], StringComparison.OrdinalIgnoreCase);
        return found.OrderByDescending(one => HeaderScore(one.Names, usual, data)).ThenByDescending(one => one.At).First();
    }

    /// <summary>What a column's values are for a program.</summary>
    [GeneratedRegex("^(date|datetime|dateTime:.*|timestamp|string|str|text|double|float|int"
        + "|integer|long|bool|boolean|number|real|[DFILSB][0-9]?)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex TypeWord();

    /// <summary>Dates are data, not names. Times of the day may be names of columns.</summary>
    private static bool IsDate(string cell) =>
        Cell.KindOf(cell) == CellKind.Time && !cell.Contains(':', StringComparison.Ordinal) && cell.Count(c => c is '-' or '/' or '.') == 2;

    private static double HeaderScore(string[] names, int usual, string[] data)
    {
        int filled = names.Count(name => name.Length > 0), distinct = names.Where(name => name.Length > 0).Distinct().Count();
        double score = (double)distinct / Math.Max(usual, names.Length);
        score -= 1.5 * names.Count(Cell.IsUnit) / Math.Max(1, filled);
        score -= names.Length == usual || names.Length == data.Length ? 0 : 0.5;
        if (names.Any(ColumnNames.IsTime)) score += 1;
        for (int i = 0; i < Math.Min(names.Length, data.Length); i++)
            if (Cell.KindOf(data[i]) == CellKind.Time && ColumnNames.IsTime(names[i]) && !Cell.IsUnit(names[i])) return score + 1;
        return score;
    }
}
