namespace Dynamo.Pipeline.Tests;

/// <summary>Finding one's way in the tokens of a statement.</summary>
internal static class SqlClauses
{
    private static readonly string[] TableHints =
        ["NOLOCK", "HOLDLOCK", "UPDLOCK", "ROWLOCK", "PAGLOCK", "TABLOCK", "TABLOCKX", "XLOCK", "READPAST", "SERIALIZABLE", "READCOMMITTED",
            "READCOMMITTEDLOCK", "READUNCOMMITTED", "REPEATABLEREAD", "INDEX", "FORCESEEK"];

    /// <summary>The index of the parenthesis that closes the one at <paramref name="open"/>.</summary>
    public static int Closing(IReadOnlyList<SqlToken> tokens, int open)
    {
        int depth = 0;
        for (int i = open; i < tokens.Count; i++)
        {
            depth += tokens[i].Is("(") ? 1 : tokens[i].Is(")") ? -1 : 0;
            if (depth == 0) return i;
        }
        throw ServerError.Syntax("end of statement");
    }

    /// <summary>The first of the words outside parentheses, or the end.</summary>
    public static int Find(IReadOnlyList<SqlToken> tokens, int from, params string[] words)
    {
        int depth = 0;
        for (int i = from; i < tokens.Count; i++)
        {
            if (depth == 0 && tokens[i].IsAny(words)) return i;
            depth += tokens[i].IsAny("(", "CASE") ? 1 : tokens[i].IsAny(")", "END") ? -1 : 0;
        }
        return tokens.Count;
    }

    public static List<List<SqlToken>> SplitCommas(IReadOnlyList<SqlToken> tokens)
    {
        var parts = new List<List<SqlToken>>();
        for (int i = 0; i < tokens.Count; i++)
        {
            int comma = Find(tokens, i, ",");
            parts.Add(tokens.Skip(i).Take(comma - i).ToList());
            i = comma;
        }
        return parts;
    }

    /// <summary>Behind <c>WITH (HOLDLOCK, …)</c>, if that is what stands at <paramref name="at"/>.</summary>
    public static int SkipHints(IReadOnlyList<SqlToken> tokens, int at)
    {
        if (at + 2 >= tokens.Count || !tokens[at].Is("WITH") || !tokens[at + 1].Is("(") || !tokens[at + 2].IsAny(TableHints)) return at;
        return Closing(tokens, at + 1) + 1;
    }

    /// <summary>OUTPUT inserted.A, deleted.B → RETURNING "A", "B". SQLite knows one side only.</summary>
    public static string Returning(IReadOnlyList<SqlToken> output, string side)
    {
        if (Find(output, 0, "INTO") < output.Count) throw ServerError.NotSupported("OUTPUT … INTO");
        var kept = new List<SqlToken>();
        for (int i = 0; i < output.Count; i++)
        {
            if (i + 1 < output.Count && output[i + 1].Is(".") && output[i].IsAny("inserted", "deleted"))
            {
                if (!output[i].Is(side)) throw ServerError.NotSupported($"OUTPUT {output[i]} here");
                i++;
                continue;
            }
            kept.Add(output[i]);
        }
        return "RETURNING " + SqlTranslator.Render(kept);
    }

    public static (List<SqlToken> Value, List<SqlToken> Type) SplitConversion(List<SqlToken> inside, bool cast)
    {
        if (cast)
        {
            int word = Find(inside, 0, "AS");
            return (inside[..word], inside[(word + 1)..]);
        }
        List<List<SqlToken>> parts = SplitCommas(inside);
        return (parts[1], parts[0]);
    }
}
