using System.Security.Cryptography;
using System.Text;

namespace Dynamo.Pipeline;

/// <summary>Names, literals and numbers on their way into T-SQL and SqlClient.</summary>
internal static class SqlServerText
{
    /// <summary>A binary collation: what differs is another key, as in the files.</summary>
    public const string Exact = "Latin1_General_100_BIN2";

    public static string Quote(string name) => $"[{name.Replace("]", "]]", StringComparison.Ordinal)}]";

    public static string Quote(string schema, string table) => $"{Quote(schema)}.{Quote(table)}";

    public static string Literal(string text) => $"N'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>SqlClient counts whole seconds, and 0 means for ever.</summary>
    public static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    /// <summary>A file's identity: paths are longer than any index key may be.</summary>
    public static byte[] FileKey(string source, SourceFile file) =>
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{source}\0{file.Path}\0{file.Size}\0{file.ModifiedUtc.Ticks}")));

    /// <summary>The name of a lock: short enough for the server, and without anything a path may hold.</summary>
    public static string LockName(string kind, string what) => $"dynamo:{kind}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(what)))}";
}
