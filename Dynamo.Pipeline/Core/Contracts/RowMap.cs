using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>
/// The table that rows are written to: its name and typed columns. Immutable: every call returns a new map, and threads can share a map.
/// <code>
/// RowMap&lt;Reading&gt;.Table("Reading")
///     .Key("Logger", r => r.Logger)
///     .Key("TimestampUtc", r => r.TimestampUtc)
///     .Column("Value", r => r.Value)
/// </code>
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class RowMap<TRow>
{
    private readonly RowColumn<TRow>[] _columns;

    private RowMap(string name, RowColumn<TRow>[] columns) => (Name, _columns) = (SqlName.Checked(name), columns);

    /// <summary>The name of the table.</summary>
    public string Name { get; }

    /// <summary>The columns in the order in which they were added. The primary key has its columns in this order too.</summary>
    public IReadOnlyList<RowColumn<TRow>> Columns => _columns;

    /// <summary>Begins a map without columns.</summary>
    /// <param name="name">The name of the table, without a schema.</param>
    /// <returns>The map.</returns>
    /// <exception cref="ArgumentException">The name is empty, has more than 128 characters, or has control characters.</exception>
    // Users write the type of a row once, here; the compiler infers it from then on.
#pragma warning disable CA1000
    public static RowMap<TRow> Table(string name) => new(name, []);
#pragma warning restore CA1000

    /// <summary>Adds a text column to the key. A row with a null in it is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, string> get) => KeyOf<string?>(name, ColumnKind.Text, get);

    /// <summary>Adds a column of whole numbers to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, long> get) => KeyOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a column of decimal numbers to the key. Zeros at the end make no difference: 1.5 and 1.50 are the same key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, decimal> get) => KeyOf(name, ColumnKind.Decimal, get);

    /// <summary>Adds a column of true or false to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, bool> get) => KeyOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a column of times to the key. A row with a time that is not <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, DateTime> get) => KeyOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>
    /// Adds a column of times to the key. They are stored in UTC, so the same instant with another offset is the same key.
    /// </summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, DateTimeOffset> get) => KeyOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a column of GUIDs to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, Guid> get) => KeyOf(name, ColumnKind.Guid, get);

    /// <summary>Adds a column of text that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, string?> get) =>
        With(new RowColumn<TRow, string?>(name, ColumnKind.Text, isKey: false, isNullable: true, get));

    /// <summary>Adds a column of whole numbers of 64 bits.</summary>
    /// <param name="name">The name of the column.</param>
    /// <param name="get">
    /// Gets the value from a row. The writers call it, at least once for each row, and several of them at the same time.
    /// </param>
    /// <returns>A new map.</returns>
    /// <exception cref="ArgumentNullException">There is no <paramref name="get"/>.</exception>
    /// <exception cref="ArgumentException">
    /// The map already has a column with this name, or the name is empty, has more than 128 characters, or has control characters.
    /// </exception>
    public RowMap<TRow> Column(string name, Func<TRow, long> get) => ValueOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a column of whole numbers of 64 bits that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, long?> get) => ValueOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a column of numbers. A row with NaN or infinity in it is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double> get) => ValueOf(name, ColumnKind.Number, get);

    /// <summary>Adds a column of numbers that may be null. A row with NaN or infinity in it is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double?> get) => ValueOf(name, ColumnKind.Number, get);

    /// <summary>
    /// Adds a column of decimal numbers, which are stored exactly. If the table's
    /// column cannot store a number exactly, its row is rejected.
    /// </summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, decimal> get) => ValueOf(name, ColumnKind.Decimal, get);

    /// <summary>
    /// Adds a column of decimal numbers that may be null. They are stored exactly; if the table's column cannot store a number exactly,
    /// its row is rejected.
    /// </summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, decimal?> get) => ValueOf(name, ColumnKind.Decimal, get);

    /// <summary>Adds a column of true or false.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, bool> get) => ValueOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a column of true or false that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, bool?> get) => ValueOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a column of times. A row with a time that is not <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime> get) => ValueOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>
    /// Adds a column of times that may be null. A row with a time that is not <see cref="DateTimeKind.Utc"/> is rejected.
    /// </summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime?> get) => ValueOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>Adds a column of times, which are stored in UTC without their offset.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTimeOffset> get) => ValueOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a column of times that may be null. They are stored in UTC without their offset.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTimeOffset?> get) => ValueOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a column of GUIDs.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, Guid> get) => ValueOf(name, ColumnKind.Guid, get);

    /// <summary>Adds a column of GUIDs that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, Guid?> get) => ValueOf(name, ColumnKind.Guid, get);

    /// <summary>The table and its columns.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name}({string.Join(", ", _columns.Select(c => c.ToString()))})";

    /// <summary>Converts times to <see cref="DateTime"/>, so that sinks must know only that type of time.</summary>
    private static Func<TRow, DateTime> Utc(Func<TRow, DateTimeOffset> get)
    {
        ArgumentNullException.ThrowIfNull(get);
        return row => get(row).UtcDateTime;
    }

    private static Func<TRow, DateTime?> Utc(Func<TRow, DateTimeOffset?> get)
    {
        ArgumentNullException.ThrowIfNull(get);
        return row => get(row)?.UtcDateTime;
    }

    private RowMap<TRow> KeyOf<TValue>(string name, ColumnKind kind, Func<TRow, TValue> get) =>
        With(new RowColumn<TRow, TValue>(name, kind, isKey: true, isNullable: false, get));

    private RowMap<TRow> ValueOf<TValue>(string name, ColumnKind kind, Func<TRow, TValue> get) where TValue : struct =>
        With(new RowColumn<TRow, TValue>(name, kind, isKey: false, isNullable: false, get));

    private RowMap<TRow> ValueOf<TValue>(string name, ColumnKind kind, Func<TRow, TValue?> get) where TValue : struct =>
        With(new RowColumn<TRow, TValue?>(name, kind, isKey: false, isNullable: true, get));

    /// <summary>Adds a column. Databases compare names without case, so names that differ only in case are refused.</summary>
    private RowMap<TRow> With(RowColumn<TRow> column)
    {
        if (_columns.Any(c => c.Name.Equals(column.Name, StringComparison.OrdinalIgnoreCase)))
            throw new ArgumentException($"The table {Name} has two columns {column.Name}. Name each column once.");
        return new RowMap<TRow>(Name, [.. _columns, column]);
    }
}

/// <summary>The kind of values in a column, for sinks.</summary>
public enum ColumnKind
{
    /// <summary>A <see cref="string"/>.</summary>
    Text,

    /// <summary>A <see cref="long"/>.</summary>
    WholeNumber,

    /// <summary>A finite <see cref="double"/>.</summary>
    Number,

    /// <summary>
    /// A <see cref="DateTime"/> of <see cref="DateTimeKind.Utc"/>. A <see cref="DateTimeOffset"/> is converted to it.
    /// </summary>
    DateTimeUtc,

    /// <summary>A <see cref="bool"/>.</summary>
    Boolean,

    /// <summary>
    /// A <see cref="decimal"/>, to be stored exactly. Zeros at the end make no difference: 1.5 and 1.50 are the same value.
    /// </summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the type that the column's values have.")]
    Decimal,

    /// <summary>A <see cref="System.Guid"/>.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the type that the column's values have.")]
    Guid,
}

/// <summary>A column of a <see cref="RowMap{TRow}"/>. Immutable, so threads can share it.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public abstract class RowColumn<TRow>
{
    private protected RowColumn(string name, ColumnKind kind, bool isKey, bool isNullable) =>
        (Name, Kind, IsKey, IsNullable) = (SqlName.Checked(name), kind, isKey, isNullable);

    /// <summary>The name of the column in the table.</summary>
    public string Name { get; }

    /// <summary>The kind of its values.</summary>
    public ColumnKind Kind { get; }

    /// <summary>Whether the column is part of the key. Such a column is never null.</summary>
    public bool IsKey { get; }

    /// <summary>
    /// Whether the column may be null. Text outside the key always may be; other columns may be if their type is nullable.
    /// </summary>
    public bool IsNullable { get; }

    /// <summary>The name and kind, and whether it is part of the key or may be null.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name} {Kind}{(IsKey ? " key" : IsNullable ? " null" : "")}";
}

/// <summary>A column with a typed getter, so that values are not boxed on their way to the database.</summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
public sealed class RowColumn<TRow, TValue> : RowColumn<TRow>
{
    internal RowColumn(string name, ColumnKind kind, bool isKey, bool isNullable, Func<TRow, TValue> get)
        : base(name, kind, isKey, isNullable) => Get = get ?? throw new ArgumentNullException(nameof(get));

    /// <summary>
    /// Gets the value from a row. Writers call it once for each row, and again if they try the row again.
    /// Several writers may call it at the same time.
    /// </summary>
    public Func<TRow, TValue> Get { get; }
}

/// <summary>Formats values for people, in the same way for every database.</summary>
internal static class ShownValue
{
    public static string Of(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    public static string Of(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Formats a number without the zeros that a column with a fixed number of decimals adds.</summary>
    public static string Of(decimal number) => number.ToString("0.############################", CultureInfo.InvariantCulture);

    public static string Of(bool truth) => truth ? "true" : "false";
}

/// <summary>Checks the names of tables and columns.</summary>
internal static class SqlName
{
    private const int Longest = 128;

    /// <summary>
    /// Refuses names that no database accepts. Other characters are allowed, because sinks always quote names.
    /// </summary>
    /// <exception cref="ArgumentException">The name is empty, too long, or has control characters.</exception>
    public static string Checked(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.Length <= Longest && !name.Any(char.IsControl)) return name;
        string shown = new Defect("") { Found = name }.Found!;
        throw new ArgumentException(
            $"The name '{shown}' of a table or column is longer than {Longest} characters or has a control character.", nameof(name));
    }
}
