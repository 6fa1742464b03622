using System.Numerics;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// Divides the keys of a table into parts by their first text, whole number or GUID. Keys that are the same for the table are in the
/// same part, on every machine. So two writers with different parts never meet in a key. Pure, safe for concurrent use.
/// </summary>
internal sealed class SqlServerKeyParts<TRow>
{
    public const int Count = 16;

    /// <summary>A set of parts has a bit for each. This one has all.</summary>
    public const int All = (1 << Count) - 1;

    private readonly Func<TRow, string?>? _text;
    private readonly Func<TRow, long>? _number;
    private readonly Func<TRow, Guid>? _id;
    private readonly bool _exact;
    private Known _last = new("", Of("", exact: true));

    /// <param name="keys">The key columns.</param>
    public SqlServerKeyParts(IEnumerable<SqlServerColumn<TRow>> keys)
    {
        foreach (SqlServerColumn<TRow> key in keys)
        {
            if (key.Column is RowColumn<TRow, string?> text && IsKnown(key.Target.Collation))
                (_text, _exact) = (text.Get, IsExact(key.Target.Collation));
            else if (key.Column is RowColumn<TRow, long> number) _number = number.Get;
            else if (key.Column is RowColumn<TRow, Guid> id) _id = id.Get;
            else continue;
            Column = key.Column.Name;
            return;
        }
    }

    /// <summary>The column that divides the keys. Null if no column does; then every row may belong to any part.</summary>
    public string? Column { get; }

    /// <summary>The part of a row, or all parts if it may belong to any.</summary>
    public int Of(TRow row) =>
        _text is not null ? OfLast(_text(row) ?? "")
        : _number is not null ? Part((uint)_number(row).GetHashCode())
        : _id is not null ? Of(_id(row))
        : All;

    /// <summary>Remembers the last text, because many rows of one logger come one after the other.</summary>
    private int OfLast(string text)
    {
        Known last = _last;
        if (last.Text != text) _last = last = new Known(text, Of(text, _exact));
        return last.Parts;
    }

    /// <param name="text">A key's text.</param>
    /// <param name="exact">Whether the table distinguishes all letters.</param>
    public static int Of(string text, bool exact)
    {
        uint hash = StableHash.Nothing;
        // SQL Server ignores blanks at the end of a text.
        foreach (char letter in text.AsSpan().TrimEnd(' '))
        {
            char same = letter;
            if (!exact)
            {
                // A collation that ignores case, accents or width may treat a letter outside ASCII like one inside. Hyphens and
                // apostrophes may not count.
                if (letter is < ' ' or > '~') return All;
                if (letter is '-' or '\'') continue;
                same = char.ToUpperInvariant(letter);
            }
            hash = StableHash.Next(hash, same);
        }
        return Part(hash);
    }

    /// <summary>Uses all bytes, because some GUIDs differ in a few of them only.</summary>
    private static int Of(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = id.TryWriteBytes(bytes);
        uint hash = StableHash.Nothing;
        foreach (byte one in bytes)
            hash = StableHash.Next(hash, one);
        return Part(hash);
    }

    /// <summary>The lane of this part. A part has one lane only.</summary>
    public static int Lane(int parts, int lanes) => BitOperations.TrailingZeroCount(parts) % lanes;

    private static int Part(uint hash) => 1 << (int)((hash ^ (hash >> 16)) % Count);

    private static bool IsExact(string? collation) => collation?.Contains("_BIN", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>In other collations, a pair of letters may count as one letter, or as another pair.</summary>
    private static bool IsKnown(string? collation) => IsExact(collation)
        || collation?.StartsWith("Latin1_General", StringComparison.OrdinalIgnoreCase) == true
            || collation?.StartsWith("SQL_Latin1_General", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>One object, so that a race never combines one text with the part of another.</summary>
    private sealed record Known(string Text, int Parts);
}
