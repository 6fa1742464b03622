namespace Dynamo.Pipeline.Tests;

/// <summary>Names of tables: <c>[database].[schema].[table]</c> in T-SQL, one flat name in the store.</summary>
internal static class SqlNames
{
    private static readonly HashSet<string> Databases = new(["tempdb", "master", "test"], StringComparer.OrdinalIgnoreCase);
    private static readonly HashSet<string> Schemas = new(
        ["dbo", "sys", "INFORMATION_SCHEMA", "ops", "staging"], StringComparer.OrdinalIgnoreCase);

    public static bool IsQualifier(string name) => Databases.Contains(name) || Schemas.Contains(name);

    /// <summary>Takes the parts of a name off the tokens; <paramref name="at"/> ends behind them.</summary>
    public static string Read(IReadOnlyList<SqlToken> tokens, ref int at)
    {
        var parts = new List<string>();
        while (at < tokens.Count && tokens[at].Is("."))
        {
            parts.Add("");
            at++;
        }
        if (at >= tokens.Count || !tokens[at].IsName) throw ServerError.Syntax(at < tokens.Count ? tokens[at].Value : "end of statement");
        parts.Add(tokens[at++].Value);
        while (at < tokens.Count && tokens[at].Is("."))
        {
            at++;
            if (at < tokens.Count && tokens[at].IsName) parts.Add(tokens[at++].Value);
            else parts.Add("");
        }
        return Flat(parts);
    }

    public static string Flat(string name)
    {
        int at = 0;
        return Read(SqlTokenizer.Cut(name), ref at);
    }

    public static bool IsTemporary(string flat) => flat.StartsWith('#');

    /// <summary>The schema and the bare name of a table of the store.</summary>
    public static (string Schema, string Name) Split(string flat)
    {
        int dot = flat.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? ("dbo", flat) : (flat[..dot], flat[(dot + 1)..]);
    }

    private static string Flat(List<string> parts)
    {
        string name = parts[^1];
        if (name.StartsWith('#')) return name;
        string schema = parts.Count > 1 ? parts[^2] : "";
        bool temporary = parts.Count > 2 && parts[^3].Equals("tempdb", StringComparison.OrdinalIgnoreCase);
        if (schema.Length == 0 || schema.Equals("dbo", StringComparison.OrdinalIgnoreCase)) return name;
        return (temporary ? "tempdb." : "") + schema + "." + name;
    }
}
