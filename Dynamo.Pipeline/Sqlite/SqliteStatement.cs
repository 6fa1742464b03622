using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// A prepared statement with its parameters' text. Text is handed to SQLite without a copy, so it lives in <see cref="Buffer"/> until
/// <see cref="Reset"/>.
/// </summary>
internal sealed unsafe class SqliteStatement : IDisposable
{
    private readonly SqliteDb _db;
    private nint _handle;

    public SqliteStatement(SqliteDb db, string sql)
    {
        (_db, Sql) = (db, sql);
        if (SqliteNative.Prepare(db.Handle, sql, -1, SqliteNative.Persistent, out _handle, 0) != SqliteNative.Ok)
            throw db.Fault("preparing a statement");
    }

    public string Sql { get; }

    public nint Handle => _handle;

    public SqliteText Buffer { get; } = new();

    public void Text(int index, string? value)
    {
        if (value is null)
        {
            Null(index);
            return;
        }
        byte* text = Buffer.AddLoosely(value, out int bytes);
        Check(SqliteNative.BindText(_handle, index, text, bytes, 0));
    }

    public void Time(int index, DateTime value)
    {
        byte* text = Buffer.Add(value, out int bytes);
        Check(SqliteNative.BindText(_handle, index, text, bytes, 0));
    }

    public void Int64(int index, long value) => Check(SqliteNative.BindInt64(_handle, index, value));

    public void Null(int index) => Check(SqliteNative.BindNull(_handle, index));

    /// <summary>
    /// Runs to the end and makes ready for the next parameters. Returns SQLite's code, <see cref="SqliteNative.Done"/> when all went well.
    /// </summary>
    public int TryRun()
    {
        int code = SqliteNative.Step(_handle);
        Reset();
        return code;
    }

    public void Run(string doing)
    {
        if (TryRun() != SqliteNative.Done) throw _db.Fault(doing);
    }

    /// <summary>
    /// Steps to the next row. At the end the statement is ready for its next parameters; a statement left before that must be reset.
    /// </summary>
    public bool Next()
    {
        int code = SqliteNative.Step(_handle);
        if (code == SqliteNative.Row) return true;
        Reset();
        return code == SqliteNative.Done ? false : throw _db.Fault("reading");
    }

    public long Int64(int column) => SqliteNative.ColumnInt64(_handle, column);

    public string? Text(int column) => Marshal.PtrToStringUTF8((nint)SqliteNative.ColumnText(_handle, column));

    public void Reset()
    {
        _ = SqliteNative.Reset(_handle);
        Buffer.Clear();
    }

    public void Dispose()
    {
        nint handle = _handle;
        _handle = 0;
        if (handle != 0) _ = SqliteNative.Finalize(handle);
    }

    private void Check(int code)
    {
        if (code != SqliteNative.Ok) throw _db.Fault("binding a value");
    }
}

/// <summary>
/// UTF-8 text in pinned memory, for SQLite to read without a copy. Pointers are valid until <see cref="Clear"/>: a full block is kept
/// beside its successor until then.
/// </summary>
internal sealed unsafe class SqliteText
{
    private const int LongestTime = 27, LongestDecimal = 31, LongestGuid = 36;

    private byte[] _block = GC.AllocateUninitializedArray<byte>(512, pinned: true);
    private List<byte[]>? _full;
    private int _used;

    /// <summary>Adds text. Returns null when it is not valid UTF-16 (a lone surrogate), which UTF-8 cannot hold.</summary>
    public byte* TryAdd(string text, out int bytes)
    {
        byte* start = Reserve(text.Length * 3);
        OperationStatus status = Utf8.FromUtf16(text, _block.AsSpan(_used), out _, out bytes, replaceInvalidSequences: false);
        if (status != OperationStatus.Done) return null;
        _used += bytes;
        return start;
    }

    /// <summary>Adds text of our own or of an error, with U+FFFD for what UTF-8 cannot hold.</summary>
    public byte* AddLoosely(string text, out int bytes)
    {
        byte* start = Reserve(text.Length * 3);
        bytes = Encoding.UTF8.GetBytes(text, _block.AsSpan(_used));
        _used += bytes;
        return start;
    }

    /// <summary>
    /// Adds <c>yyyy-MM-dd HH:mm:ss[.FFFFFFF]</c>, as Microsoft.Data.Sqlite writes it: it sorts, and SQLite's date functions read it.
    /// </summary>
    public byte* Add(DateTime time, out int bytes)
    {
        byte* start = Reserve(LongestTime);
        byte* end = start;
        time.Deconstruct(out int year, out int month, out int day);
        end = Two(Two(end, year / 100), year % 100);
        *end++ = (byte)'-';
        end = Two(end, month);
        *end++ = (byte)'-';
        end = Two(end, day);
        *end++ = (byte)' ';
        long ticks = time.TimeOfDay.Ticks;
        int seconds = (int)(ticks / TimeSpan.TicksPerSecond);
        end = Two(end, seconds / 3600);
        *end++ = (byte)':';
        end = Two(end, seconds / 60 % 60);
        *end++ = (byte)':';
        end = Fraction(Two(end, seconds % 60), (int)(ticks % TimeSpan.TicksPerSecond));
        bytes = (int)(end - start);
        _used += bytes;
        return start;
    }

    /// <summary>
    /// Adds a decimal in the one form that equal numbers have: no zeros at the end, no exponent, no sign before zero. A column of text then
    /// tells numbers apart as <see cref="decimal"/> does, and keeps every digit, which no number of SQLite does.
    /// </summary>
    public byte* Add(decimal number, out int bytes)
    {
        byte* start = Reserve(LongestDecimal);
        if (number == 0) number = 0m;
        _ = number.TryFormat(_block.AsSpan(_used), out bytes, default, CultureInfo.InvariantCulture);
        if (number.Scale > 0)
        {
            while (start[bytes - 1] == '0') bytes--;
            if (start[bytes - 1] == '.') bytes--;
        }
        _used += bytes;
        return start;
    }

    /// <summary>Adds a GUID: lower-case, with hyphens.</summary>
    public byte* Add(Guid id, out int bytes)
    {
        byte* start = Reserve(LongestGuid);
        _ = id.TryFormat(_block.AsSpan(_used), out bytes);
        _used += bytes;
        return start;
    }

    public void Clear()
    {
        _used = 0;
        _full?.Clear();
    }

    private static byte* Two(byte* to, int value)
    {
        to[0] = (byte)('0' + (value / 10));
        to[1] = (byte)('0' + (value % 10));
        return to + 2;
    }

    private static byte* Fraction(byte* to, int ticks)
    {
        if (ticks == 0) return to;
        *to++ = (byte)'.';
        for (int unit = 1_000_000; ticks > 0; unit /= 10)
        {
            *to++ = (byte)('0' + (ticks / unit));
            ticks %= unit;
        }
        return to;
    }

    private byte* Reserve(int bytes)
    {
        if (_block.Length - _used < bytes) Grow(bytes);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_block)) + _used;
    }

    private void Grow(int bytes)
    {
        (_full ??= []).Add(_block);
        _block = GC.AllocateUninitializedArray<byte>(Math.Max(_block.Length * 2, bytes), pinned: true);
        _used = 0;
    }
}
