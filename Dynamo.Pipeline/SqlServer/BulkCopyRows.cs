using System.Collections;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.SqlServer;

/// <summary>Rows of one file that are in memory.</summary>
/// <param name="File">The file's place in the batch.</param>
/// <param name="Rows">The rows.</param>
/// <param name="Before">How many rows of the file came before these.</param>
internal readonly record struct StagedPiece<TRow>(int File, RowBatch<TRow> Rows, long Before);

/// <summary>
/// The rows of a batch on their way into bulk copies. Rows that do not fit are left out and counted. One bulk copy takes rows that
/// are in memory: all files that are, or a piece of a streamed one. So no bulk copy waits for a source, and no error of a source
/// passes through SqlClient. The files come in the order of their names, each in one piece, which keeps the rows of a logger
/// together: the server then writes its indexes in order. Which of two rows counts as the later one follows from their places.
/// </summary>
internal sealed class BulkCopyRows<TRow>(SqlServerWriting<TRow> writing, SqlServerTarget<TRow> target)
{
    private readonly FileWork<TRow>[] _works = writing.Ordered;

    /// <summary>The parts of the keys of the admitted rows.</summary>
    public int Parts { get; private set; }

    /// <summary>Yields what each bulk copy takes. The copy before must be over when the next one is asked for.</summary>
    /// <param name="byName">
    /// Whether the files come in the order of their names. Not if a trigger sees the rows in the order in which they come.
    /// </param>
    public async IAsyncEnumerable<IReadOnlyList<StagedPiece<TRow>>> ReadAsync(bool byName)
    {
        var held = new List<StagedPiece<TRow>>();
        foreach (int i in Enumerable.Range(0, _works.Length).OrderBy(i => byName ? _works[i].File.Path : "", StringComparer.Ordinal))
        {
            if (!_works[i].IsLoading) continue;
            if (!_works[i].Rows.IsStreamed)
            {
                Count(_works[i], _works[i].Rows.Batch);
                held.Add(new(i, _works[i].Rows.Batch, 0));
                continue;
            }
            await foreach (StagedPiece<TRow> piece in StreamAsync(i).ConfigureAwait(false))
                yield return [piece];
            Judge(_works[i]);
        }
        if (held.Count > 0) yield return held;
        foreach (StagedPiece<TRow> piece in held)
            Judge(_works[piece.File]);
    }

    public bool Admit(int file, TRow row, long line)
    {
        writing.ThrowIfOver();
        FileWork<TRow> work = _works[file];
        if (target.Judge(row, line) is { } defect)
        {
            work.Count(defect);
            return false;
        }
        work.Ordinal++;
        if (target.Plan.MergesSideBySide) Parts |= target.Parts.Of(row);
        return true;
    }

    /// <summary>
    /// Collects the portions of a streamed file, because each bulk copy costs two round trips, and a columnstore needs many rows at
    /// once.
    /// </summary>
    private async IAsyncEnumerable<StagedPiece<TRow>> StreamAsync(int file)
    {
        FileWork<TRow> work = _works[file];
        var rows = new RowBatch<TRow>();
        long before = 0;
        IAsyncEnumerator<RowBatch<TRow>> portions = work.Rows.ReadAsync(writing.Cancellation).GetAsyncEnumerator(writing.Cancellation);
        bool isRead = false;
        try
        {
            while (!BadRows.AreOverLimit(work.Rejected, writing.MaxBadRows) && await NextAsync(work, portions).ConfigureAwait(false))
            {
                RowBatch<TRow> portion = portions.Current;
                Count(work, portion);
                for (int i = 0; i < portion.Rows.Count; i++)
                    rows.Add(portion.Rows[i], portion.Lines[i]);
                if (rows.Count < target.Plan.RowsAtOnce) continue;
                yield return new(file, rows, before);
                before += rows.Count;
                rows.Clear();
            }
            isRead = true;
        }
        finally
        {
            await CloseAsync(portions, isRead).ConfigureAwait(false);
        }
        if (work.IsLoading && rows.Count > 0) yield return new(file, rows, before);
    }

    /// <summary>Closes the source. Its error is thrown only if reading was fine: it must not hide an earlier error.</summary>
    private static async ValueTask CloseAsync(IAsyncEnumerator<RowBatch<TRow>> portions, bool isRead)
    {
        try
        {
            await portions.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (isRead) throw new SourceFaultException(ExceptionDispatchInfo.Capture(e));
        }
    }

    private static void Count(FileWork<TRow> work, RowBatch<TRow> rows)
    {
        foreach (Defect reject in rows.Rejects)
            work.Count(reject);
    }

    /// <summary>Until the server says otherwise, every staged row counts as new.</summary>
    private void Judge(FileWork<TRow> work)
    {
        if (!work.IsLoading) return;
        work.Inserted = work.Ordinal;
        work.JudgeLate(writing.MaxBadRows);
    }

    private static async ValueTask<bool> NextAsync(FileWork<TRow> work, IAsyncEnumerator<RowBatch<TRow>> portions)
    {
        try
        {
            return await portions.MoveNextAsync().ConfigureAwait(false);
        }
        catch (BadFileException e)
        {
            work.Quarantine(e.Defect);
        }
        catch (FileChangedException e)
        {
            work.Defer(new Defect(e.Message));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new SourceFaultException(ExceptionDispatchInfo.Capture(e));
        }
        return false;
    }
}

/// <summary>Carries an error of a source, so that nothing on its way takes it for an error of the server.</summary>
internal sealed class SourceFaultException(ExceptionDispatchInfo fault) : Exception(fault.SourceException.Message, fault.SourceException)
{
    public void Rethrow() => fault.Throw();
}

/// <summary>
/// The reader from which <c>SqlBulkCopy</c> takes the rows. It has the map's columns, then the row's <see cref="StagedPlace"/>, which
/// keeps the order, its line, and its file: the place in the batch, or the number. <c>SqlBulkCopy</c> asks only for mapped columns. For
/// one bulk copy, used by one thread at a time.
/// </summary>
/// <param name="columns">The map's columns.</param>
/// <param name="pieces">The rows.</param>
/// <param name="admits">Decides whether a row is sent, from its file, the row and its line. An exception ends the reading.</param>
/// <param name="firstFile">The number that stands for the first file of the batch.</param>
internal sealed class StagedRowReader<TRow>(
    IReadOnlyList<RowColumn<TRow>> columns, IReadOnlyList<StagedPiece<TRow>> pieces, Func<int, TRow, long, bool> admits,
    int firstFile = 0) : DbDataReader
{
    public const string FileColumn = "StagedFile", LineColumn = "StagedLine", SequenceColumn = "StagedSequence";

    private readonly StagedValue<TRow>[] _values = [.. columns.Select(StagedValue<TRow>.For)];
    private StagedPiece<TRow> _piece = new(-1, new RowBatch<TRow>(), 0);
    private TRow _row = default!;
    private int _at = -1, _next;
    private bool _closed;

    // SqlBulkCopy takes values as objects only. It copies a value into the packet before it asks for the next row, so one box for
    // each column is enough.
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
        _ => _file.Holding(firstFile + _piece.File),
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
            ColumnKind.Boolean => typeof(bool),
            ColumnKind.Decimal => typeof(decimal),
            ColumnKind.Guid => typeof(Guid),
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

    public override bool GetBoolean(int ordinal) => (bool)GetValue(ordinal);

    public override decimal GetDecimal(int ordinal) => (decimal)GetValue(ordinal);

    public override Guid GetGuid(int ordinal) => (Guid)GetValue(ordinal);

    public override byte GetByte(int ordinal) => throw new InvalidCastException();

    public override char GetChar(int ordinal) => throw new InvalidCastException();

    public override float GetFloat(int ordinal) => throw new InvalidCastException();

    public override short GetInt16(int ordinal) => throw new InvalidCastException();

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) =>
        throw new InvalidCastException();

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) =>
        throw new InvalidCastException();

    public override IEnumerator GetEnumerator() => throw new NotSupportedException();
}

/// <summary>Gets a column's value from a row as an object, without a new object for each number or time.</summary>
internal abstract class StagedValue<TRow>
{
    public abstract object Of(TRow row);

    public static StagedValue<TRow> For(RowColumn<TRow> column) => column switch
    {
        RowColumn<TRow, string?> text => new Text(text.Get),
        RowColumn<TRow, long> number => new Always<long>(number.Get),
        RowColumn<TRow, double> number => new Always<double>(number.Get),
        RowColumn<TRow, DateTime> time => new Always<DateTime>(time.Get),
        RowColumn<TRow, bool> truth => new Always<bool>(truth.Get),
        RowColumn<TRow, decimal> number => new Always<decimal>(number.Get),
        RowColumn<TRow, Guid> id => new Always<Guid>(id.Get),
        RowColumn<TRow, long?> number => new Optional<long>(number.Get),
        RowColumn<TRow, double?> number => new Optional<double>(number.Get),
        RowColumn<TRow, DateTime?> time => new Optional<DateTime>(time.Get),
        RowColumn<TRow, bool?> truth => new Optional<bool>(truth.Get),
        RowColumn<TRow, decimal?> number => new Optional<decimal>(number.Get),
        RowColumn<TRow, Guid?> id => new Optional<Guid>(id.Get),
        _ => throw new NotSupportedException($"The column {column} has a type that SQL Server's sink does not know."),
    };

    private sealed class Text(Func<TRow, string?> get) : StagedValue<TRow>
    {
        public override object Of(TRow row) => get(row) ?? (object)DBNull.Value;
    }

    private sealed class Always<T>(Func<TRow, T> get) : StagedValue<TRow> where T : struct
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

/// <summary>One box for all values of a column. A caller must be done with a value before it asks for the next.</summary>
internal sealed class ReusedBox<T> where T : struct
{
    private readonly object _box = default(T);

    public object Holding(T value)
    {
        Unsafe.Unbox<T>(_box) = value;
        return _box;
    }
}

/// <summary>
/// The number of a staged row. It holds the place of the file in the batch and the place of the row in the file, so that one column
/// on the wire is enough for both.
/// </summary>
internal static class StagedPlace
{
    private const int RowBits = 40;

    public static long Of(int file, long row) => ((long)file << RowBits) + row;

    public static int FileOf(long place) => (int)(place >> RowBits);

    public static long RowOf(long place) => place & ((1L << RowBits) - 1);

    /// <summary>The SQL expression for the file's place, if this column has the number.</summary>
    public static string FileSql(string column) => FormattableString.Invariant($"CAST({column} / CAST({1L << RowBits} AS bigint) AS int)");
}
