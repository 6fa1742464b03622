using System.Globalization;

namespace Dynamo.Pipeline.Tests;

internal enum TdsKind
{
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal,
    Date,
    Time,
    SmallDateTime,
    DateTime,
    DateTime2,
    DateTimeOffset,
    Char,
    VarChar,
    NChar,
    NVarChar,
    Binary,
    VarBinary,
    Guid,
}

/// <summary>A T-SQL type. <paramref name="Length"/> is in bytes, -1 for (max), which SQLite is told as such.</summary>
internal readonly record struct TdsType(TdsKind Kind, int Length = 0, byte Precision = 0, byte Scale = 0)
{
    /// <summary>The length of the legacy long texts, whose values carry four bytes of length.</summary>
    public const int LongLength = -2;

    public static readonly TdsType Int = new(TdsKind.Int, 4);
    public static readonly TdsType BigInt = new(TdsKind.BigInt, 8);
    public static readonly TdsType Float = new(TdsKind.Float, 8);
    public static readonly TdsType DateTime2 = new(TdsKind.DateTime2, 8, 27, 7);
    public static readonly TdsType Text = new(TdsKind.NVarChar, 8000);
    public static readonly TdsType LongText = new(TdsKind.NVarChar, -1);
    public static readonly TdsType SysName = new(TdsKind.NVarChar, 256);

    public bool IsText => Kind is TdsKind.Char or TdsKind.VarChar or TdsKind.NChar or TdsKind.NVarChar;

    public bool IsUnicode => Kind is TdsKind.NChar or TdsKind.NVarChar;

    public bool IsBinary => Kind is TdsKind.Binary or TdsKind.VarBinary;

    public bool IsInteger => Kind is TdsKind.Bit or TdsKind.TinyInt or TdsKind.SmallInt or TdsKind.Int or TdsKind.BigInt;

    /// <summary>Characters, not bytes; -1 for (max), which SQLite is told as such.</summary>
    public int Characters => Length < 0 ? -1 : IsUnicode ? Length / 2 : Length;

    public string Name => Kind == TdsKind.Guid ? "uniqueidentifier" : Kind.ToString().ToLowerInvariant();

    /// <summary>
    /// The type as SQLite is told it, from which <see cref="Parse"/> gets it back. A decimal is kept as text, under a collation
    /// that compares numbers, since SQLite has no
    /// exact decimals; hence a name that gives it text affinity.
    /// </summary>
    public string Declared => Kind switch
    {
        TdsKind.Decimal => $"decimaltext({Precision},{Scale})",
        TdsKind.DateTime2 or TdsKind.DateTimeOffset or TdsKind.Time => $"{Name}({Scale})",
        _ when IsText || IsBinary => Length < 0 ? $"{Name}(-1)" : $"{Name}({Characters})",
        _ => Name,
    };

    /// <param name="declared">As written in T-SQL, such as <c>nvarchar(64)</c>.</param>
    public static TdsType Parse(string declared)
    {
        string name = declared.Split('(')[0].Trim().ToLowerInvariant();
        string[] arguments = declared.Contains('(', StringComparison.Ordinal)
            ? declared[
                (declared.IndexOf('(', StringComparison.Ordinal) + 1)..declared.IndexOf(')', StringComparison.Ordinal)].Split(
                    ',', StringSplitOptions.TrimEntries)
            : [];
        int? first = arguments.Length == 0
            ? null
            : arguments[0].Equals("max", StringComparison.OrdinalIgnoreCase)
            ? -1
            : Number(arguments[0]);
        int second = arguments.Length < 2 ? 0 : Number(arguments[1]);
        return name switch
        {
            "bit" => new(TdsKind.Bit, 1, 1),
            "tinyint" => new(TdsKind.TinyInt, 1, 3),
            "smallint" => new(TdsKind.SmallInt, 2, 5),
            "int" or "integer" => new(TdsKind.Int, 4, 10),
            "bigint" => new(TdsKind.BigInt, 8, 19),
            "real" => new(TdsKind.Real, 4, 24),
            "float" => first is > 0 and <= 24 ? new(TdsKind.Real, 4, 24) : new(TdsKind.Float, 8, 53),
            "decimal" or "numeric" or "decimaltext" => new(TdsKind.Decimal, DecimalBytes(first ?? 18), (byte)(first ?? 18), (byte)second),
            "date" => new(TdsKind.Date, 3, 10),
            "time" => new(TdsKind.Time, 5, 16, (byte)(first ?? 7)),
            "smalldatetime" => new(TdsKind.SmallDateTime, 4, 16),
            "datetime" => new(TdsKind.DateTime, 8, 23, 3),
            "datetime2" => new(TdsKind.DateTime2, 8, 27, (byte)(first ?? 7)),
            "datetimeoffset" => new(TdsKind.DateTimeOffset, 10, 34, (byte)(first ?? 7)),
            "char" => new(TdsKind.Char, first ?? 1),
            "varchar" => new(TdsKind.VarChar, first ?? 1),
            "nchar" => new(TdsKind.NChar, 2 * (first ?? 1)),
            "nvarchar" => new(TdsKind.NVarChar, first == -1 ? -1 : 2 * (first ?? 1)),
            "sysname" => SysName,
            "binary" => new(TdsKind.Binary, first ?? 1),
            "varbinary" => new(TdsKind.VarBinary, first ?? 1),
            "uniqueidentifier" => new(TdsKind.Guid, 16),
            _ => throw new ServerError(2715, $"Column, parameter, or variable: Cannot find data type {declared}."),
        };
    }

    /// <summary>The storage of a decimal without its length byte: [MS-TDS] 2.2.5.5.1.6.</summary>
    public static int DecimalBytes(int precision) => precision switch { <= 9 => 5, <= 19 => 9, <= 28 => 13, _ => 17 };

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>A result's column.</summary>
internal sealed record TdsColumn(string Name, TdsType Type, bool Nullable = true, bool Identity = false, bool Computed = false);
