using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Dynamo.Pipeline;

/// <summary>
/// Rows on their way into a staging table, as the reader that <c>SqlBulkCopy</c> asks: first the map's columns, then the row's <see cref="StagedPlace"/>, which keeps the order,
/// its line, and its file's place in the batch; what of it is not mapped is not asked for. Rows are pulled when they are asked for, so a streamed file is never held as a whole. For one bulk copy, by one thread at a time.
/// </summary>
/// <param name="columns">The map's columns, with their values found fit for the table beforehand.</param>
/// <param name="portions">Portions of rows with their file's ordinal.</param>
/// <param name="cancellationToken">Ends the pulling.</param>
/// <param name="admits">Says of a row (its file, itself, its line) whether it is to be sent; null sends all.</param>
internal sealed class StagedRowReader<TRow>(
    IReadOnlyList<RowColumn<TRow>> columns, IAsyncEnumerable<(int File, RowBatch<TRow> Rows)> portions, CancellationToken cancellationToken,
    Func<int, TRow, long, bool>? admits = null) : DbDataReader
{
    public const string FileColumn = "StagedFile", LineColumn = "StagedLine", SequenceColumn = "StagedSequence";

    private static readonly Task<bool> s_there = Task.FromResult(true);

    private readonly StagedValue<TRow>[] _values = [.. columns.Select(StagedValue<TRow>.For)];
    private readonly IAsyncEnumerator<(int File, RowBatch<TRow> Rows)> _portions = portions.GetAsyncEnumerator(cancellationToken);
    private RowBatch<TRow>? _portion;
    private TRow _row = default!;
    private int _at, _fileAt = -1, _length;

    /// <summary>Rows of the file in portions before this one, also those that were not admitted.</summary>
    private long _before;
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

    public override Task<bool> ReadAsync(CancellationToken cancellationToken) => HasNext() ? s_there : NextPortionAsync();

    private async Task<bool> NextPortionAsync()
    {
        do
        {
            if (!await _portions.MoveNextAsync().ConfigureAwait(false)) return false;
            (int file, RowBatch<TRow> portion) = _portions.Current;
            _before = file == _fileAt ? _before + _length : 0;
            (_fileAt, _portion, _length, _at) = (file, portion, portion.RowSpan.Length, -1);
        }
        while (!HasNext());
        return true;
    }

    private bool HasNext()
    {
        if (_portion is not { } portion) return false;
        ReadOnlySpan<TRow> rows = portion.RowSpan;
        while (++_at < rows.Length)
        {
            _row = rows[_at];
            if (admits is not null && !admits(_fileAt, _row, portion.LineSpan[_at])) continue;
            RowsRead++;
            return true;
        }
        return false;
    }

    /// <summary>For rows in memory. Those of a file that is still being fetched are awaited: no thread waits for them.</summary>
    public override bool Read()
    {
        if (HasNext()) return true;
        cancellationToken.ThrowIfCancellationRequested();
        Task<bool> next = NextPortionAsync();
        return next.IsCompleted ? next.GetAwaiter().GetResult() : throw new NotSupportedException("These rows are read asynchronously: use WriteToServerAsync.");
    }

    public override object GetValue(int ordinal) => ordinal < _values.Length ? _values[ordinal].Of(_row) : (ordinal - _values.Length) switch
    {
        0 => _sequence.Holding(StagedPlace.Of(_fileAt, _before + _at)),
        1 => _line.Holding(_portion!.LineSpan[_at]),
        _ => _file.Holding(_fileAt),
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

    public override async ValueTask DisposeAsync()
    {
        _closed = true;
        await _portions.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

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
