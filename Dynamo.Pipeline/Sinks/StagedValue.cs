using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>Takes one column's value out of a row as the object that a bulk copy wants, without a new object per number or time.</summary>
internal abstract class StagedValue<TRow>
{
    public abstract object Of(TRow row);

    public static StagedValue<TRow> For(RowColumn<TRow> column) => column switch
    {
        RowColumn<TRow, string?> text => new Text(text.Get),
        RowColumn<TRow, long> number => new Number<long>(number.Get),
        RowColumn<TRow, double> number => new Number<double>(number.Get),
        RowColumn<TRow, DateTime> time => new Number<DateTime>(time.Get),
        RowColumn<TRow, long?> number => new Optional<long>(number.Get),
        RowColumn<TRow, double?> number => new Optional<double>(number.Get),
        RowColumn<TRow, DateTime?> time => new Optional<DateTime>(time.Get),
        _ => throw new NotSupportedException($"The column {column} has a type that SQL Server's sink does not know."),
    };

    private sealed class Text(Func<TRow, string?> get) : StagedValue<TRow>
    {
        public override object Of(TRow row) => get(row) ?? (object)DBNull.Value;
    }

    private sealed class Number<T>(Func<TRow, T> get) : StagedValue<TRow> where T : struct
    {
        private readonly ReusedBox<T> _box = new();

        public override object Of(TRow row) => _box.Holding(get(row));
    }

    private sealed class Optional<T>(Func<TRow, T?> get) : StagedValue<TRow> where T : struct
    {
        private readonly ReusedBox<T> _box = new();

        public override object Of(TRow row) => get(row) is { } value ? _box.Holding(value) : DBNull.Value;
    }
}

/// <summary>One box for one value after the other. Whoever got it must be done with it before the next value comes.</summary>
internal sealed class ReusedBox<T> where T : struct
{
    private readonly object _box = default(T);

    public object Holding(T value)
    {
        Unsafe.Unbox<T>(_box) = value;
        return _box;
    }
}
