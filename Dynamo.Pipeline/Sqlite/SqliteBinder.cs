using System.Globalization;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Binds one column of a row to a parameter. A value that the column must not have is caught here, since SQLite would keep it.
/// </summary>
internal abstract class SqliteBinder<TRow>(RowColumn<TRow> column)
{
    public RowColumn<TRow> Column { get; } = column;

    /// <summary>Binds the value, or returns what is wrong with it.</summary>
    public abstract string? Bind(SqliteStatement statement, int index, TRow row);

    /// <summary>The value for a person.</summary>
    public abstract string? Show(TRow row);

    /// <summary>Whether two rows have the same value here.</summary>
    public abstract bool AreSame(TRow one, TRow other);

    public static SqliteBinder<TRow> For(RowColumn<TRow> column) => column switch
    {
        RowColumn<TRow, string?> text => new TextBinder(text),
        RowColumn<TRow, long> number => new Int64Binder(number),
        RowColumn<TRow, double> number => new DoubleBinder(number),
        RowColumn<TRow, DateTime> time => new TimeBinder(time),
        RowColumn<TRow, bool> truth => new BooleanBinder(truth),
        RowColumn<TRow, decimal> number => new DecimalBinder(number),
        RowColumn<TRow, Guid> id => new GuidBinder(id),
        RowColumn<TRow, long?> number => new NullableBinder<long>(number, new Int64Binder(Value(number))),
        RowColumn<TRow, double?> number => new NullableBinder<double>(number, new DoubleBinder(Value(number))),
        RowColumn<TRow, DateTime?> time => new NullableBinder<DateTime>(time, new TimeBinder(Value(time))),
        RowColumn<TRow, bool?> truth => new NullableBinder<bool>(truth, new BooleanBinder(Value(truth))),
        RowColumn<TRow, decimal?> number => new NullableBinder<decimal>(number, new DecimalBinder(Value(number))),
        RowColumn<TRow, Guid?> id => new NullableBinder<Guid>(id, new GuidBinder(Value(id))),
        _ => throw new NotSupportedException($"The column {column} has a type that SQLite's sink does not know."),
    };

    private static RowColumn<TRow, T> Value<T>(RowColumn<TRow, T?> column) where T : struct =>
        new(column.Name, column.Kind, column.IsKey, column.IsNullable, row => column.Get(row).GetValueOrDefault());

    private sealed class TextBinder(RowColumn<TRow, string?> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            if (column.Get(row) is not { } text)
            {
                if (!column.IsNullable) return "the key is missing";
                _ = statement.BindNull(index);
                statement.Remember(index, null);
                return null;
            }
            if (statement.HasText(index, text)) return null;
            if (text.Contains('\0')) return "the text holds a NUL character";
            if (!statement.Buffer.TryOf(text, out ReadOnlySpan<byte> utf8)) return "the text is not valid Unicode";
            bool isBound = statement.BindText(index, utf8) == raw.SQLITE_OK;
            statement.Remember(index, isBound ? text : null);
            return isBound ? null : "the text is too long";
        }

        public override string? Show(TRow row) => column.Get(row);

        public override bool AreSame(TRow one, TRow other) => string.Equals(column.Get(one), column.Get(other), StringComparison.Ordinal);
    }

    private sealed class Int64Binder(RowColumn<TRow, long> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            _ = statement.BindInt64(index, column.Get(row));
            return null;
        }

        public override string? Show(TRow row) => column.Get(row).ToString(CultureInfo.InvariantCulture);

        public override bool AreSame(TRow one, TRow other) => column.Get(one) == column.Get(other);
    }

    private sealed class DoubleBinder(RowColumn<TRow, double> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            double value = column.Get(row);
            if (!double.IsFinite(value)) return "the value is not a finite number";
            _ = statement.BindDouble(index, value);
            return null;
        }

        public override string? Show(TRow row) => ShownValue.Of(column.Get(row));

        /// <summary>NaN equals nothing, so each one is rejected by itself.</summary>
        public override bool AreSame(TRow one, TRow other) => column.Get(one) == column.Get(other);
    }

    private sealed class TimeBinder(RowColumn<TRow, DateTime> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            DateTime time = column.Get(row);
            if (time.Kind != DateTimeKind.Utc) return "the time is not in UTC";
            _ = statement.BindText(index, statement.Buffer.Of(time));
            return null;
        }

        public override string? Show(TRow row) => ShownValue.Of(column.Get(row));

        public override bool AreSame(TRow one, TRow other) =>
            column.Get(one) == column.Get(other) && column.Get(one).Kind == column.Get(other).Kind;
    }

    private sealed class BooleanBinder(RowColumn<TRow, bool> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            _ = statement.BindInt64(index, column.Get(row) ? 1 : 0);
            return null;
        }

        public override string? Show(TRow row) => ShownValue.Of(column.Get(row));

        public override bool AreSame(TRow one, TRow other) => column.Get(one) == column.Get(other);
    }

    private sealed class DecimalBinder(RowColumn<TRow, decimal> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            _ = statement.BindText(index, statement.Buffer.Of(column.Get(row)));
            return null;
        }

        public override string? Show(TRow row) => ShownValue.Of(column.Get(row));

        public override bool AreSame(TRow one, TRow other) => column.Get(one) == column.Get(other);
    }

    private sealed class GuidBinder(RowColumn<TRow, Guid> column) : SqliteBinder<TRow>(column)
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            _ = statement.BindText(index, statement.Buffer.Of(column.Get(row)));
            return null;
        }

        public override string? Show(TRow row) => column.Get(row).ToString();

        public override bool AreSame(TRow one, TRow other) => column.Get(one) == column.Get(other);
    }

    private sealed class NullableBinder<T>(RowColumn<TRow, T?> column, SqliteBinder<TRow> value) : SqliteBinder<TRow>(column)
        where T : struct
    {
        public override string? Bind(SqliteStatement statement, int index, TRow row)
        {
            if (column.Get(row).HasValue) return value.Bind(statement, index, row);
            _ = statement.BindNull(index);
            return null;
        }

        public override string? Show(TRow row) => column.Get(row).HasValue ? value.Show(row) : null;

        public override bool AreSame(TRow one, TRow other) =>
            column.Get(one).HasValue ? column.Get(other).HasValue && value.AreSame(one, other) : !column.Get(other).HasValue;
    }
}
