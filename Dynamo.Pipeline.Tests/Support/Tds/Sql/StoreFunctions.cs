using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>Functions and collations of SQL Server that SQLite lacks.</summary>
internal static class StoreFunctions
{
    public static void Register(SqliteConnection connection, bool babelfish)
    {
        // Case-insensitive, and trailing blanks do not count, as under SQL_Latin1_General_CP1_CI_AS.
        connection.CreateCollation(
            "TDS_TEXT", (a, b) => string.Compare(a.TrimEnd(' '), b.TrimEnd(' '), StringComparison.OrdinalIgnoreCase));
        connection.CreateCollation("TDS_BINARY", (a, b) => string.CompareOrdinal(a.TrimEnd(' '), b.TrimEnd(' ')));
        connection.CreateCollation("TDS_DECIMAL", (a, b) => Number(a).CompareTo(Number(b)));
        connection.CreateFunction("tds_len", (string? text) => text?.TrimEnd(' ').Length, true);
        connection.CreateFunction("tds_units", (string? text) => text?.Length, true);
        connection.CreateFunction("tds_datalength", (object? value) => Length(value), true);
        connection.CreateFunction("tds_left", (string? text, int count) => text?[..Math.Min(count, text.Length)], true);
        connection.CreateFunction("tds_right", (string? text, int count) => text?[^Math.Min(count, text.Length)..], true);
        connection.CreateFunction("tds_now", () => DateTime.UtcNow.ToString(TdsTimes.DateTimeFormat, CultureInfo.InvariantCulture));
        connection.CreateFunction("tds_newid", () => Guid.NewGuid().ToString().ToUpperInvariant());
        connection.CreateFunction("tds_convert", (string type, object? value) => Convert(type, value), true);
        connection.CreateFunction("tds_try_convert", (string type, object? value) => TryConvert(type, value), true);
        connection.CreateFunction(
            "QUOTENAME", (string? name) => name is null ? null : $"[{name.Replace("]", "]]", StringComparison.Ordinal)}]", true);
        connection.CreateFunction("DB_NAME", () => "test");
        connection.CreateFunction("DB_ID", () => 5);
        connection.CreateFunction("SCHEMA_ID", (string name) => SqlCatalogue.SchemaId(name));
        connection.CreateFunction("SCHEMA_NAME", (int id) => id switch { 4 => "sys", 5 => "ops", 6 => "staging", _ => "dbo" });
        connection.CreateFunction("TYPE_NAME", (int id) => id.ToString(CultureInfo.InvariantCulture));
        connection.CreateFunction("SERVERPROPERTY", (string name) => Property(name, babelfish));
        connection.CreateFunction("DATEDIFF", (string part, string? from, string? to) => Hours(part, from, to), true);
        connection.CreateFunction(
            "CHARINDEX",
            (string? part, string? text) =>
                part is null || text is null ? null : (int?)(text.IndexOf(part, StringComparison.OrdinalIgnoreCase) + 1),
            true);
    }

    /// <summary>The store's collation for one of SQL Server's: binary ones, and one for all others.</summary>
    public static string Collation(string? name) =>
        name?.Contains("_BIN", StringComparison.OrdinalIgnoreCase) == true ? "TDS_BINARY" : "TDS_TEXT";

    public static object? Convert(string declared, object? value)
    {
        if (value is null or DBNull) return null;
        TdsType type = TdsType.Parse(declared);
        string text = System.Convert.ToString(value, CultureInfo.InvariantCulture)!;
        CultureInfo culture = CultureInfo.InvariantCulture;
        try
        {
            return type.Kind switch
            {
                _ when type.IsInteger =>
                    value is double real
                        ? (long)real
                        : text.Contains('.', StringComparison.Ordinal)
                        ? (long)decimal.Parse(text, culture)
                        : long.Parse(text, culture),
                TdsKind.Float => double.Parse(text, culture),
                TdsKind.Real => (double)float.Parse(text, culture),
                TdsKind.Decimal =>
                    decimal.Round(decimal.Parse(text, NumberStyles.Float, culture), type.Scale).ToString("F" + type.Scale, culture),
                TdsKind.Date => DateTime.Parse(text, culture).ToString("yyyy-MM-dd", culture),
                TdsKind.DateTime or TdsKind.DateTime2 or TdsKind.SmallDateTime =>
                    DateTime.Parse(text, culture).ToString(TdsTimes.DateTimeFormat, culture),
                _ when type.IsText => type.Characters >= 0 && text.Length > type.Characters ? text[..type.Characters] : text,
                _ => value,
            };
        }
        catch (FormatException)
        {
            throw new SqliteException($"Conversion failed when converting the value '{text}' to data type {declared}.", 1);
        }
    }

    private static object? TryConvert(string declared, object? value)
    {
        try
        {
            return Convert(declared, value);
        }
        catch (SqliteException)
        {
            return null;
        }
    }

    private static string? Property(string name, bool babelfish) => name.ToUpperInvariant() switch
    {
        "BABELFISH" when babelfish => "1",
        "PRODUCTVERSION" => "16.0.1000.6",
        "PRODUCTMAJORVERSION" => "16",
        "EDITION" => "Developer Edition (64-bit)",
        "ENGINEEDITION" => "3",
        _ => null,
    };

    /// <summary>How many times an hour begins between the two.</summary>
    private static long? Hours(string part, string? from, string? to)
    {
        if (!part.Equals("hour", StringComparison.OrdinalIgnoreCase)) throw new SqliteException($"DATEDIFF({part}) is not known here.", 1);
        return from is null || to is null ? null : Hour(to) - Hour(from);

        static long Hour(string time) => (DateTime.TryParseExact(
            time, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime day)
                ? day
                : DateTime.Parse(time, CultureInfo.InvariantCulture)).Ticks / TimeSpan.TicksPerHour;
    }

    private static int? Length(object? value) => value switch
    {
        null or DBNull => null,
        byte[] bytes => bytes.Length,
        string text => Encoding.Unicode.GetByteCount(text),
        _ => 8,
    };

    private static decimal Number(string text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) ? number : 0;
}
