using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Dynamo.Pipeline;

/// <summary>
/// How a row becomes a row of a table: the table's name and typed columns. Immutable: every call returns a new map, and a map can be
/// shared.
/// <code>
/// RowMap&lt;Reading&gt;.Table("Reading").Key("Logger", r => r.Logger).Key("TimestampUtc", r => r.TimestampUtc).Column("Value", r =>
/// r.Value)
/// </code>
/// </summary>
/// <typeparam name="TRow">The row.</typeparam>
public sealed class RowMap<TRow>
{
    private readonly RowColumn<TRow>[] _columns;

    private RowMap(string name, RowColumn<TRow>[] columns) => (Name, _columns) = (SqlName.Checked(name), columns);

    /// <summary>The table's name.</summary>
    public string Name { get; }

    /// <summary>The columns, in the order they were added; it is also the order of the primary key.</summary>
    public IReadOnlyList<RowColumn<TRow>> Columns => _columns;

    /// <summary>Begins a map without columns.</summary>
    /// <param name="name">The table's name, without a schema.</param>
    /// <returns>The map.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long, or holds control characters.</exception>
#pragma warning disable CA1000 // The row's type is named once, at the door, and inferred from then on.
    public static RowMap<TRow> Table(string name) => new(name, []);
#pragma warning restore CA1000

    /// <summary>Adds a text column to the key.</summary>
    /// <param name="name">The column.</param>
    /// <param name="get">Its value; a row for which it is null is rejected.</param>
    /// <returns>A new map.</returns>
    /// <exception cref="ArgumentException">There is a column of this name, or no database takes it.</exception>
    public RowMap<TRow> Key(string name, Func<TRow, string> get) => KeyOf<string?>(name, ColumnKind.Text, get);

    /// <summary>Adds a whole number to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, long> get) => KeyOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a decimal number to the key. Numbers that are equal are one key, however many zeros they end in.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, decimal> get) => KeyOf(name, ColumnKind.Decimal, get);

    /// <summary>Adds a yes or no to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, bool> get) => KeyOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a moment to the key; a row for which it is not of <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, DateTime> get) => KeyOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>Adds a moment to the key, which is kept in UTC: the same moment with another offset is the same key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, DateTimeOffset> get) => KeyOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a GUID to the key.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Key(string name, Func<TRow, Guid> get) => KeyOf(name, ColumnKind.Guid, get);

    /// <summary>Adds a text column, which may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, string?> get) => With(new RowColumn<TRow, string?>(name, ColumnKind.Text, false, true, get));

    /// <summary>Adds a whole number of 64 bits.</summary>
    /// <param name="name">The column.</param>
    /// <param name="get">Its value. Called by the writer, once a row or more often.</param>
    /// <returns>A new map.</returns>
    /// <exception cref="ArgumentException">There is a column of this name, or no database takes it.</exception>
    public RowMap<TRow> Column(string name, Func<TRow, long> get) => ValueOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a whole number of 64 bits that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, long?> get) => ValueOf(name, ColumnKind.WholeNumber, get);

    /// <summary>Adds a number; a row for which it is NaN or infinite is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double> get) => ValueOf(name, ColumnKind.Number, get);

    /// <summary>Adds a number that may be null; a row for which it is NaN or infinite is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double?> get) => ValueOf(name, ColumnKind.Number, get);

    /// <summary>Adds a decimal number, which is kept exactly or, where the table's column cannot, rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, decimal> get) => ValueOf(name, ColumnKind.Decimal, get);

    /// <summary>Adds a decimal number that may be null; it is kept exactly or, where the table's column cannot, rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, decimal?> get) => ValueOf(name, ColumnKind.Decimal, get);

    /// <summary>Adds a yes or no.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, bool> get) => ValueOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a yes or no that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, bool?> get) => ValueOf(name, ColumnKind.Boolean, get);

    /// <summary>Adds a moment; a row for which it is not of <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime> get) => ValueOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>Adds a moment that may be null; a row for which it is not of <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime?> get) => ValueOf(name, ColumnKind.DateTimeUtc, get);

    /// <summary>Adds a moment, which is kept in UTC: its offset is not.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTimeOffset> get) => ValueOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a moment that may be null, and is kept in UTC: its offset is not.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTimeOffset?> get) => ValueOf(name, ColumnKind.DateTimeUtc, Utc(get));

    /// <summary>Adds a GUID.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, Guid> get) => ValueOf(name, ColumnKind.Guid, get);

    /// <summary>Adds a GUID that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, long})"/>
    public RowMap<TRow> Column(string name, Func<TRow, Guid?> get) => ValueOf(name, ColumnKind.Guid, get);

    /// <summary>The table and its columns.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name}({string.Join(", ", _columns.Select(c => c.ToString()))})";

    /// <summary>A moment is written as <see cref="DateTime"/>, so that sinks know one kind of it only.</summary>
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

    /// <summary>Databases compare names without case, so two columns that differ in case only are one.</summary>
    private RowMap<TRow> With(RowColumn<TRow> column)
    {
        if (_columns.Any(c => c.Name.Equals(column.Name, StringComparison.OrdinalIgnoreCase)))
            throw new ArgumentException($"The table {Name} has two columns {column.Name}. Name each column once.");
        return new RowMap<TRow>(Name, [.. _columns, column]);
    }
}

/// <summary>What a column holds, as far as a sink must know.</summary>
public enum ColumnKind
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>A 64-bit integer.</summary>
    WholeNumber,

    /// <summary>A finite double.</summary>
    Number,

    /// <summary>
    /// A moment, as <see cref="DateTime"/> of <see cref="DateTimeKind.Utc"/>. A <see cref="DateTimeOffset"/> comes as one as well.
    /// </summary>
    DateTimeUtc,

    /// <summary>A <see cref="bool"/>.</summary>
    Boolean,

    /// <summary>
    /// A <see cref="decimal"/>, to be kept exactly. Numbers that are equal are the same value, however many zeros they end in.
    /// </summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the type that the column's values have.")]
    Decimal,

    /// <summary>A <see cref="System.Guid"/>.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the type that the column's values have.")]
    Guid,
}

/// <summary>A column of a <see cref="RowMap{TRow}"/>: immutable, safe to share between threads.</summary>
/// <typeparam name="TRow">The row.</typeparam>
public abstract class RowColumn<TRow>
{
    private protected RowColumn(string name, ColumnKind kind, bool isKey, bool isNullable) =>
        (Name, Kind, IsKey, IsNullable) = (SqlName.Checked(name), kind, isKey, isNullable);

    /// <summary>The column's name in the table.</summary>
    public string Name { get; }

    /// <summary>What it holds.</summary>
    public ColumnKind Kind { get; }

    /// <summary>Whether it belongs to the row's key. A key column is never null.</summary>
    public bool IsKey { get; }

    /// <summary>Whether it may be null. Text that is not in the key always may; the others when their type does.</summary>
    public bool IsNullable { get; }

    /// <summary>The name and kind.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name} {Kind}{(IsKey ? " key" : IsNullable ? " null" : "")}";
}

/// <summary>A column with its typed getter, so that no value is boxed on its way into the database.</summary>
/// <typeparam name="TRow">The row.</typeparam>
/// <typeparam name="TValue">The value's type.</typeparam>
public sealed class RowColumn<TRow, TValue> : RowColumn<TRow>
{
    internal RowColumn(string name, ColumnKind kind, bool isKey, bool isNullable, Func<TRow, TValue> get) : base(name, kind, isKey, isNullable) =>
        Get = get ?? throw new ArgumentNullException(nameof(get));

    /// <summary>Takes the value out of a row. Called from the writer, once a row or more often when the row is tried again.</summary>
    public Func<TRow, TValue> Get { get; }
}

/// <summary>How values are shown to a person, whatever the database.</summary>
internal static class ShownValue
{
    public static string Of(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    public static string Of(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Without the zeros that a column of so many decimals adds.</summary>
    public static string Of(decimal number) => number.ToString("0.############################", CultureInfo.InvariantCulture);

    public static string Of(bool truth) => truth ? "true" : "false";
}

/// <summary>The names of tables and columns.</summary>
internal static class SqlName
{
    private const int Longest = 128;

    /// <summary>Refuses names that no database takes; any other character is fine, since names are always quoted.</summary>
    public static string Checked(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.Length > Longest || name.Any(char.IsControl))
            throw new ArgumentException($"The name '{new Defect("") { Found = name }.Found}' of a table or column is longer than {Longest} characters or holds a control character.", nameof(name));
        return name;
    }
}
