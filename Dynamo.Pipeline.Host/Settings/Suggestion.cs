namespace Dynamo.Pipeline.Host;

/// <summary>"Did you mean": the known word nearest to a mistyped one.</summary>
internal static class Suggestion
{
    private const int LongestCompared = 64;

    /// <summary>The nearest known word, or <see langword="null"/> if none is near enough.</summary>
    public static string? For(string typed, IEnumerable<string> known)
    {
        string plain = Plain(typed);
        if (plain.Length is 0 or > LongestCompared) return null;
        int allowed = Math.Max(1, plain.Length / 3);
        return known.Select(word => (Word: word, Distance: Distance(plain, Plain(word))))
            .Where(word => word.Distance <= allowed)
            .OrderBy(word => word.Distance)
            .Select(word => word.Word)
            .FirstOrDefault();
    }

    /// <summary>Makes <c>batch_rows</c>, <c>--batch-rows</c> and <c>BatchRows</c> the same as <c>batchRows</c>.</summary>
    private static string Plain(string word) => string.Concat(word.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    /// <summary>Optimal string alignment: insertions, deletions, replacements and swapped neighbours cost 1 each.</summary>
    private static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) cost[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) cost[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(replaced, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }
        }
        return cost[a.Length, b.Length];
    }
}
