using System.Data.SqlTypes;
using System.Globalization;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// A column of the map and the column of the table that it fills. It finds values that do not fit before they are sent: the server
/// would truncate, round or refuse them without saying in which row. Safe for concurrent use.
/// </summary>
internal abstract class SqlServerColumn<TRow>(RowColumn<TRow> column, SqlServerTableColumn target)
{
    public RowColumn<TRow> Column { get; } = column;

    public SqlServerTableColumn Target { get; } = target;

    /// <summary>What is wrong with the row's value, or null if it fits.</summary>
    public abstract Misfit? Judge(TRow row);

    /// <summary>The value as a person reads it, and as the other sinks show it.</summary>
    public string? Show(TRow row) => Shown(StagedValue<TRow>.For(Column).Of(row));

    public static string? Shown(object? value) => value switch
    {
        null or DBNull => null,
        DateTime time => ShownValue.Of(time),
        double number => ShownValue.Of(number),
        decimal number => ShownValue.Of(number),
        bool truth => ShownValue.Of(truth),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    public static SqlServerColumn<TRow> For(RowColumn<TRow> column, SqlServerTableColumn target) => column switch
    {
        RowColumn<TRow, string?> text => new Text(text, target),
        RowColumn<TRow, long> number => new Value<long>(number, target, number.Get, SqlServerFit.Whole(target)),
        RowColumn<TRow, double> number => new Value<double>(number, target, number.Get, SqlServerFit.Number(target)),
        RowColumn<TRow, DateTime> time => new Value<DateTime>(time, target, time.Get, SqlServerFit.Time(target)),
        RowColumn<TRow, bool> truth => new Value<bool>(truth, target, truth.Get, SqlServerFit.Any),
        RowColumn<TRow, decimal> number => new Value<decimal>(number, target, number.Get, SqlServerFit.Exact(target)),
        RowColumn<TRow, Guid> id => new Value<Guid>(id, target, id.Get, SqlServerFit.Any),
        RowColumn<TRow, long?> number => new Optional<long>(number, target, number.Get, SqlServerFit.Whole(target)),
        RowColumn<TRow, double?> number => new Optional<double>(number, target, number.Get, SqlServerFit.Number(target)),
        RowColumn<TRow, DateTime?> time => new Optional<DateTime>(time, target, time.Get, SqlServerFit.Time(target)),
        RowColumn<TRow, bool?> truth => new Optional<bool>(truth, target, truth.Get, SqlServerFit.Any),
        RowColumn<TRow, decimal?> number => new Optional<decimal>(number, target, number.Get, SqlServerFit.Exact(target)),
        RowColumn<TRow, Guid?> id => new Optional<Guid>(id, target, id.Get, SqlServerFit.Any),
        _ => throw new NotSupportedException($"The column {column} has a type that SQL Server's sink does not know."),
    };

    private sealed class Text(RowColumn<TRow, string?> column, SqlServerTableColumn target) : SqlServerColumn<TRow>(column, target)
    {
        private readonly Func<string, Misfit?> _fit = SqlServerFit.Text(target);

        /// <summary>The last text that fitted, because names come many times in a row. A race costs one check more.</summary>
        private string? _fits;

        public override Misfit? Judge(TRow row)
        {
            if (column.Get(row) is { } text) return text == _fits ? null : Judge(text);
            return Column.IsKey ? new Misfit("the key is missing") : Target.IsNullable ? null : Misfit.Null;
        }

        private Misfit? Judge(string text)
        {
            Misfit? misfit = _fit(text);
            if (misfit is null) _fits = text;
            return misfit;
        }
    }

    private sealed class Value<T>(RowColumn<TRow> column, SqlServerTableColumn target, Func<TRow, T> get, Func<T, Misfit?> fit)
        : SqlServerColumn<TRow>(column, target)
    {
        public override Misfit? Judge(TRow row) => fit(get(row));
    }

    private sealed class Optional<T>(RowColumn<TRow> column, SqlServerTableColumn target, Func<TRow, T?> get, Func<T, Misfit?> fit)
        : SqlServerColumn<TRow>(column, target)
        where T : struct
    {
        public override Misfit? Judge(TRow row) => get(row) is { } value ? fit(value) : Target.IsNullable ? null : Misfit.Null;
    }
}

/// <summary>Why a value does not fit its column.</summary>
internal sealed record Misfit(string Problem, string? Expected = null)
{
    public static Misfit Null { get; } = new("the value is missing", "a value: the column must not be null");
}

/// <summary>The checks by type. A check is made once for a column, and called for each row.</summary>
internal static class SqlServerFit
{
    /// <summary>The first <c>datetime</c>, and the range of <c>smalldatetime</c>.</summary>
    private static readonly DateTime s_firstDateTime = SqlDateTime.MinValue.Value;
    private static readonly DateTime s_firstSmall = new(1900, 1, 1), s_lastSmall = new(2079, 6, 6, 23, 59, 0);

    /// <summary>For types whose every value the column keeps.</summary>
    public static Misfit? Any<T>(T value) => null;

    public static Func<string, Misfit?> Text(SqlServerTableColumn target)
    {
        int longest = target.Length;
        bool wide = target.Type.StartsWith('n'), utf8 = target.Collation?.Contains("_UTF8", StringComparison.OrdinalIgnoreCase) == true;
        char last = target.Collation?.Contains("Latin1_General", StringComparison.OrdinalIgnoreCase) == true ? '\u00FF' : '\u007F';
        var tooLong = new Misfit(
            "the text is too long", string.Create(CultureInfo.InvariantCulture, $"at most {longest} {(utf8 ? "bytes" : "characters")}"));
        return text =>
        {
            if (text.Contains('\0')) return new Misfit("the text holds a NUL character");
            if (HasLoneSurrogate(text)) return new Misfit("the text is not valid Unicode");
            if ((utf8 ? System.Text.Encoding.UTF8.GetByteCount(text) : text.Length) > longest) return tooLong;
            return wide
                || utf8
                || text.AsSpan().IndexOfAnyExceptInRange(' ', last) < 0
                || text.All(c => c <= last && !(c is >= '\u0080' and <= '\u009F'))
                ? null : new Misfit($"the text holds a character that {target.Declared} cannot keep", "nvarchar, or other characters");
        };
    }

    public static Func<long, Misfit?> Whole(SqlServerTableColumn target)
    {
        (long least, long most) = target.Type switch
        {
            "tinyint" => (0, byte.MaxValue),
            "smallint" => (short.MinValue, short.MaxValue),
            "int" => (int.MinValue, int.MaxValue),
            "decimal" or "numeric" when target.Precision - target.Scale < 19 => (1 - Power(target), Power(target) - 1),
            _ => (long.MinValue, long.MaxValue),
        };
        var outside = new Misfit(
            "the number is out of range", string.Create(CultureInfo.InvariantCulture, $"{least} to {most}, as {target.Declared} keeps"));
        return value => value < least || value > most ? outside : null;
    }

    public static Func<double, Misfit?> Number(SqlServerTableColumn target)
    {
        var infinite = new Misfit("the value is not a finite number");
        if (target.Type is "decimal" or "numeric") return value => double.IsFinite(value) ? Decimal(target, value) : infinite;
        double most = target.Type == "real" ? float.MaxValue : double.MaxValue;
        var outside = new Misfit("the number is out of range", $"what {target.Declared} keeps");
        return value => !double.IsFinite(value) ? infinite : Math.Abs(value) > most ? outside : null;
    }

    public static Func<DateTime, Misfit?> Time(SqlServerTableColumn target)
    {
        var local = new Misfit("the time is not in UTC");
        long step = target.Type switch
        {
            "datetime2" or "datetimeoffset" => (long)Math.Pow(10, 7 - target.Scale),
            "smalldatetime" => TimeSpan.TicksPerMinute,
            "date" => TimeSpan.TicksPerDay,
            _ => 1,
        };
        (DateTime first, DateTime last) = target.Type switch
        {
            "datetime" => (s_firstDateTime, DateTime.MaxValue),
            "smalldatetime" => (s_firstSmall, s_lastSmall),
            _ => (DateTime.MinValue, DateTime.MaxValue),
        };
        var outside = new Misfit("the time is out of range", $"what {target.Declared} keeps");
        var fine = new Misfit(
            "the time is finer than the column keeps", $"what {target.Declared} keeps: rounded, two readings could become one");
        bool old = target.Type == "datetime";
        return time => time.Kind != DateTimeKind.Utc ? local
            : time < first || time > last ? outside
            : (step > 1 && time.Ticks % step != 0) || (old && new SqlDateTime(time).Value.Ticks != time.Ticks) ? fine : null;
    }

    /// <summary>A .NET <see cref="decimal"/> has up to 29 digits before the point and up to 28 after it.</summary>
    public static Func<decimal, Misfit?> Exact(SqlServerTableColumn target)
    {
        const int MostDecimals = 28;
        int whole = target.Precision - target.Scale, scale = Math.Min(target.Scale, MostDecimals);
        decimal limit = 1;
        for (int i = 0; i < Math.Min(whole, MostDecimals); i++) limit *= 10;
        bool isLimited = whole <= MostDecimals;
        var outside = new Misfit("the number is out of range", $"what {target.Declared} keeps");
        var fine = new Misfit("the number has more decimals than the column keeps", $"what {target.Declared} keeps");
        return value => isLimited && Math.Abs(value) >= limit ? outside
            : value.Scale > scale && decimal.Round(value, scale) != value ? fine : null;
    }

    private static Misfit? Decimal(SqlServerTableColumn target, double value)
    {
        if (Math.Abs(value) >= Math.Pow(10, target.Precision - target.Scale) || Math.Abs(value) >= (double)decimal.MaxValue)
            return new Misfit("the number is out of range", $"what {target.Declared} keeps");
        decimal exact = (decimal)value;
        return decimal.Round(exact, Math.Min(target.Scale, 28)) == exact
            ? null
            : new Misfit("the number has more decimals than the column keeps", $"what {target.Declared} keeps");
    }

    private static long Power(SqlServerTableColumn target) => (long)Math.Pow(10, target.Precision - target.Scale);

    private static bool HasLoneSurrogate(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0) return false;
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsHighSurrogate(text[i]) || ++i == text.Length || !char.IsLowSurrogate(text[i])) return true;
        }
        return false;
    }
}
