using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>
/// Rows on their way into a table, as the reader that <c>SqlBulkCopy</c> asks: first the map's columns, then the row's <see cref="StagedPlace"/>, which keeps the order, its
/// line, and its file's place in the batch; what of it is not mapped is not asked for. For one bulk copy, by one thread at a time.
/// </summary>
/// <param name="columns">The map's columns, with their values found fit for the table beforehand.</param>
/// <param name="pieces">The rows.</param>
/// <param name="admits">Says of a row (its file, itself, its line) whether it is to be sent; what it throws ends the reading.</param>
internal sealed class StagedRowReader<TRow>(
    IReadOnlyList<RowColumn<TRow>> columns, IReadOnlyList<StagedPiece<TRow>> pieces, Func<int, TRow, long, bool> admits) : DbDataReader
{
    public const string FileColumn = "StagedFile", LineColumn = "StagedLine", SequenceColumn = "StagedSequence";

    private readonly StagedValue<TRow>[] _values = [.. columns.Select(StagedValue<TRow>.For)];
    private StagedPiece<TRow> _piece = new(-1, new RowBatch<TRow>(), 0);
    private TRow _row = default!;
    private int _at = -1, _next;
    private bool _closed;

    // SqlBulkCopy knows values as objects only. Each box is filled anew for the next row: it is copied into the packet before the next row is asked for.
    private readonly ReusedBox<int> _file = new();
    private readonly ReusedBox<long> _line = new();
    private readonly ReusedBox<long> _sequence = new();

    /// <summary>How many rows were read.</summary>
    public long RowsRead { get; private set; }

    public override int FieldCount => _values.Length + 3;

    public override int Depth => 0;

    public override bool HasRows => true;

    public override bool IsClosed => _closed;

    public override int RecordsAffected => -1;

    public override object this[int ordinal] => GetValue(ordinal);

    public override object this[string name] => GetValue(GetOrdinal(name));

    public override bool Read()
    {
        while (!HasNext())
        {
            if (_next == pieces.Count) return false;
            (_piece, _at) = (pieces[_next++], -1);
        }
        return true;
    }

    private bool HasNext()
    {
        ReadOnlySpan<TRow> rows = _piece.Rows.RowSpan;
        while (++_at < rows.Length)
        {
            _row = rows[_at];
            if (!admits(_piece.File, _row, _piece.Rows.LineSpan[_at])) continue;
            RowsRead++;
            return true;
        }
        return false;
    }

    public override object GetValue(int ordinal) => ordinal < _values.Length ? _values[ordinal].Of(_row) : (ordinal - _values.Length) switch
    {
        0 => _sequence.Holding(StagedPlace.Of(_piece.File, _piece.Before + _at)),
        1 => _line.Holding(_piece.Rows.LineSpan[_at]),
        _ => _file.Holding(_piece.File),
    };

    public override bool IsDBNull(int ordinal) => GetValue(ordinal) is DBNull;

    public override string GetName(int ordinal) => (ordinal - _values.Length) switch
    {
        < 0 => columns[ordinal].Name,
        0 => SequenceColumn,
        1 => LineColumn,
        _ => FileColumn,
    };

    public override int GetOrdinal(string name)
    {
        for (int i = 0; i < FieldCount; i++)
            if (GetName(i).Equals(name, StringComparison.OrdinalIgnoreCase))
                return i;
        throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such column.");
    }

    [return: DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.PublicProperties)]
    public override Type GetFieldType(int ordinal)
    {
        if (ordinal >= _values.Length) return ordinal == FieldCount - 1 ? typeof(int) : typeof(long);
        return columns[ordinal].Kind switch
        {
            ColumnKind.Text => typeof(string),
            ColumnKind.WholeNumber => typeof(long),
            ColumnKind.Number => typeof(double),
            _ => typeof(DateTime),
        };
    }

    public override string GetDataTypeName(int ordinal) => GetFieldType(ordinal).Name;

    public override int GetValues(object[] values)
    {
        int count = Math.Min(values.Length, FieldCount);
        for (int i = 0; i < count; i++)
            values[i] = GetValue(i);
        return count;
    }

    public override bool NextResult() => false;

    public override void Close() => _closed = true;

    public override string GetString(int ordinal) => (string)GetValue(ordinal);

    public override long GetInt64(int ordinal) => (long)GetValue(ordinal);

    public override int GetInt32(int ordinal) => (int)GetValue(ordinal);

    public override double GetDouble(int ordinal) => (double)GetValue(ordinal);

    public override DateTime GetDateTime(int ordinal) => (DateTime)GetValue(ordinal);

    public override bool GetBoolean(int ordinal) => throw new InvalidCastException();

    public override byte GetByte(int ordinal) => throw new InvalidCastException();

    public override char GetChar(int ordinal) => throw new InvalidCastException();

    public override decimal GetDecimal(int ordinal) => throw new InvalidCastException();

    public override float GetFloat(int ordinal) => throw new InvalidCastException();

    public override Guid GetGuid(int ordinal) => throw new InvalidCastException();

    public override short GetInt16(int ordinal) => throw new InvalidCastException();

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) => throw new InvalidCastException();

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) => throw new InvalidCastException();

    public override IEnumerator GetEnumerator() => throw new NotSupportedException();
}
