namespace Dynamo.Pipeline;

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
