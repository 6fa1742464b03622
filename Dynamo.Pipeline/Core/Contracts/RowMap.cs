namespace Dynamo.Pipeline;

/// <summary>
/// How a row becomes a row of a table: the table's name and typed columns. Immutable: every call returns a new map, and a map can be shared.
/// <code>
/// RowMap&lt;Reading&gt;.Table("Reading").Key("Logger", r => r.Logger).Key("TimestampUtc", r => r.TimestampUtc).Column("Value", r => r.Value)
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
    public RowMap<TRow> Key(string name, Func<TRow, string> get) => With(new RowColumn<TRow, string?>(name, ColumnKind.Text, true, false, get));

    /// <summary>Adds an integer column to the key.</summary>
    /// <inheritdoc cref="Key(string, Func{TRow, string})"/>
    public RowMap<TRow> Key(string name, Func<TRow, long> get) => With(new RowColumn<TRow, long>(name, ColumnKind.WholeNumber, true, false, get));

    /// <summary>Adds a point in time to the key.</summary>
    /// <param name="name">The column.</param>
    /// <param name="get">Its value, of <see cref="DateTimeKind.Utc"/>; a row with another kind is rejected.</param>
    /// <returns>A new map.</returns>
    public RowMap<TRow> Key(string name, Func<TRow, DateTime> get) => With(new RowColumn<TRow, DateTime>(name, ColumnKind.DateTimeUtc, true, false, get));

    /// <summary>Adds a text column, which may be null.</summary>
    /// <param name="name">The column.</param>
    /// <param name="get">Its value.</param>
    /// <returns>A new map.</returns>
    public RowMap<TRow> Column(string name, Func<TRow, string?> get) => With(new RowColumn<TRow, string?>(name, ColumnKind.Text, false, true, get));

    /// <summary>Adds an integer column.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, long> get) => With(new RowColumn<TRow, long>(name, ColumnKind.WholeNumber, false, false, get));

    /// <summary>Adds an integer column that may be null.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, long?> get) => With(new RowColumn<TRow, long?>(name, ColumnKind.WholeNumber, false, true, get));

    /// <summary>Adds a number; a row for which it is NaN or infinite is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double> get) => With(new RowColumn<TRow, double>(name, ColumnKind.Number, false, false, get));

    /// <summary>Adds a number that may be null; a row for which it is NaN or infinite is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, double?> get) => With(new RowColumn<TRow, double?>(name, ColumnKind.Number, false, true, get));

    /// <summary>Adds a point in time; a row for which it is not of <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime> get) => With(new RowColumn<TRow, DateTime>(name, ColumnKind.DateTimeUtc, false, false, get));

    /// <summary>Adds a point in time that may be null; a row for which it is not of <see cref="DateTimeKind.Utc"/> is rejected.</summary>
    /// <inheritdoc cref="Column(string, Func{TRow, string})"/>
    public RowMap<TRow> Column(string name, Func<TRow, DateTime?> get) => With(new RowColumn<TRow, DateTime?>(name, ColumnKind.DateTimeUtc, false, true, get));

    /// <summary>The table and its columns.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name}({string.Join(", ", _columns.Select(c => c.ToString()))})";

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

    /// <summary>A point in time, UTC.</summary>
    DateTimeUtc,
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
