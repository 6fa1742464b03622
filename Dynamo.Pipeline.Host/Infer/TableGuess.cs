using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>Where the table of a sample is, and how it is separated.</summary>
/// <param name="Separator">The character between fields.</param>
/// <param name="First">The index of the table's first line.</param>
/// <param name="Rows">The table's lines, split, without comments and lines with another number of fields.</param>
/// <param name="Above">The lines above it.</param>
/// <param name="Below">The lines at the end that are not like the table, if they are few.</param>
/// <param name="Comment">The character with which comments begin; <see langword="null"/>: there are none.</param>
internal sealed record TableGuess(
    char Separator, int First, IReadOnlyList<string[]> Rows, IReadOnlyList<string> Above, IReadOnlyList<string> Below, char? Comment)
{
    private const int LookedAt = 400;
    private const int MostBelow = 10;
    private const string Comments = "#!%*";

    /// <summary>The separators that are tried. If two fit equally well, the first one is taken.</summary>
    private static readonly char[] s_separators = [';', '\t', '|', ',', ' '];

    public int Fields => Rows[0].Length;

    /// <summary>Finds the table; <see langword="null"/>: the lines have nothing in common.</summary>
    public static TableGuess? Of(Sample sample)
    {
        string[] looked = [.. sample.Lines.Take(LookedAt).Where(line => line.Trim().Length > 0)];
        char? comment = looked.FirstOrDefault(line => Comments.Contains(line.TrimStart()[0]))?.TrimStart()[0];
        string[] plain = [.. looked.Where(line => line[0] != comment)];
        var fits = s_separators.Select(separator => (Separator: separator, Fit: Fit(plain, separator)));
        var best = fits.OrderByDescending(one => one.Fit.Share).First();
        return best.Fit.Fields < 2 || best.Fit.Share < 0.6 ? null : At(sample, best.Separator, best.Fit.Fields, comment);
    }

    /// <summary>The fields of a line, without quotes and blanks around them.</summary>
    public static string[] Split(string line, char separator)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        bool quoted = false;
        if (separator == ' ') line = line.Trim();
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
            else if (c == '"' && (quoted || field.ToString().Trim().Length == 0)) quoted = !quoted;
            else if (c == separator && !quoted)
            {
                if (separator == ' ' && line[i - 1] == ' ') continue;
                fields.Add(field.ToString().Trim());
                field.Clear();
            }
            else field.Append(c);
        }
        fields.Add(field.ToString().Trim());
        return [.. fields];
    }

    /// <summary>
    /// How many fields most lines have, and the share of lines with that number, counted from the first such line on.
    /// </summary>
    private static (int Fields, double Share) Fit(string[] lines, char separator)
    {
        int[] counts = [.. lines.Select(line => Split(line, separator).Length)];
        var groups = counts.Where(count => count > 1).GroupBy(count => count).OrderByDescending(group => group.Count());
        int fields = groups.Select(group => group.Key).FirstOrDefault();
        if (fields == 0) return (0, 0);
        // A separator is still good if it also splits lines above the table, such as a sentence with a comma.
        int first = Array.IndexOf(counts, fields);
        return (fields, (counts.Count(count => count == fields) - (first * 0.01)) / (counts.Length - first));
    }

    private static TableGuess At(Sample sample, char separator, int fields, char? comment)
    {
        IReadOnlyList<string> lines = sample.Lines;
        bool IsRow(int i) => lines[i].Trim().Length > 0 && lines[i][0] != comment && Split(lines[i], separator).Length == fields;
        int first = Enumerable.Range(0, lines.Count).First(IsRow);
        int last = sample.IsWhole ? lines.Count - 1 : int.MaxValue;
        var below = new List<string>();
        for (; sample.IsWhole && last > first && below.Count <= MostBelow && !IsRow(last); last--)
            if (lines[last].Trim().Length > 0 && lines[last][0] != comment) below.Insert(0, lines[last]);
        string[][] rows = [.. Enumerable.Range(first, lines.Count - first).Where(IsRow).Select(i => Split(lines[i], separator))];
        return new TableGuess(separator, first, rows, [.. lines.Take(first)], below.Count > MostBelow ? [] : below, comment);
    }
}
