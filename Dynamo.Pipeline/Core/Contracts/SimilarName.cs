namespace Dynamo.Pipeline;

/// <summary>For "Did you mean": finds the name that is most similar to a missing one. Thread-safe.</summary>
internal static class SimilarName
{
    // A hostile header can have a million names; a real one has some dozens.
    private const int MostCompared = 200;
    private const int LongestCompared = 64;

    public static string? Of(string wanted, IReadOnlyList<string> names)
    {
        string plain = Plain(wanted);
        return names.Take(MostCompared)
            .Where(n => n.Length is > 0 and <= LongestCompared)
            .Select(n => (Name: n, Distance: Distance(plain, Plain(n))))
            .Where(n => n.Distance <= Math.Max(1, plain.Length / 4))
            .OrderBy(n => n.Distance)
            .Select(n => n.Name)
            .FirstOrDefault();
    }

    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    /// <summary>
    /// The Levenshtein distance. If the second name begins with the first one (<c>value [l/s]</c>), the distance is 1.
    /// </summary>
    private static int Distance(string a, string b)
    {
        if (b.Length > a.Length && b.StartsWith(a, StringComparison.Ordinal)) return 1;
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
