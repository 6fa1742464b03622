using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>A prepared statement. SQLite copies the text of its parameters when they are bound.</summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly SqliteDb _db;
    private readonly sqlite3_stmt _handle;
    private string?[] _texts = [];

    public SqliteStatement(SqliteDb db, string sql)
    {
        (_db, Sql) = (db, sql);
        if (raw.sqlite3_prepare_v3(db.Handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out _handle) != raw.SQLITE_OK)
            throw db.Fault("preparing a statement");
    }

    public string Sql { get; }

    /// <summary>For the text of the next parameter.</summary>
    public SqliteText Buffer { get; } = new();

    public void Text(int index, string? value) => Check(value is null ? BindNull(index) : BindText(index, Buffer.Loosely(value)));

    public void Time(int index, DateTime value) => Check(BindText(index, Buffer.Of(value)));

    public void Int64(int index, long value) => Check(BindInt64(index, value));

    public void Null(int index) => Check(BindNull(index));

    public int BindText(int index, ReadOnlySpan<byte> utf8) => raw.sqlite3_bind_text(_handle, index, utf8);

    public int BindInt64(int index, long value) => raw.sqlite3_bind_int64(_handle, index, value);

    public int BindDouble(int index, double value) => raw.sqlite3_bind_double(_handle, index, value);

    public int BindNull(int index) => raw.sqlite3_bind_null(_handle, index);

    /// <summary>
    /// Whether a parameter has this very text already. SQLite keeps the parameters when a statement is reset, and in the order of their key
    /// most rows of a table have the logger and channel of the row before: with that, half of the binding is saved.
    /// </summary>
    public bool HasText(int index, string text) => index < _texts.Length && ReferenceEquals(_texts[index], text);

    /// <summary>
    /// To be called when a text was bound to a parameter that <see cref="HasText"/> is asked for, or null in place of one.
    /// </summary>
    public void Remember(int index, string? text)
    {
        if (index >= _texts.Length) Array.Resize(ref _texts, Math.Max(index + 1, _texts.Length * 2));
        _texts[index] = text;
    }

    /// <summary>
    /// Runs to the end and makes ready for the next parameters. Returns SQLite's code, <c>SQLITE_DONE</c> when all went well.
    /// </summary>
    public int TryRun()
    {
        int code = raw.sqlite3_step(_handle);
        Reset();
        return code;
    }

    public void Run(string doing)
    {
        if (TryRun() != raw.SQLITE_DONE) throw _db.Fault(doing);
    }

    /// <summary>
    /// Steps to the next row. At the end the statement is ready for its next parameters; a statement left before that must be reset.
    /// </summary>
    public bool Next()
    {
        int code = raw.sqlite3_step(_handle);
        if (code == raw.SQLITE_ROW) return true;
        Reset();
        return code == raw.SQLITE_DONE ? false : throw _db.Fault("reading");
    }

    public long Int64(int column) => raw.sqlite3_column_int64(_handle, column);

    /// <summary>A number, or null.</summary>
    public long? Number(int column) =>
        raw.sqlite3_column_type(_handle, column) == raw.SQLITE_NULL ? null : raw.sqlite3_column_int64(_handle, column);

    public string? Text(int column) => raw.sqlite3_column_text(_handle, column).utf8_to_string();

    public void Reset() => _ = raw.sqlite3_reset(_handle);

    public void Dispose() => _handle.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK) throw _db.Fault("binding a value");
    }
}

/// <summary>
/// Makes UTF-8 text for SQLite, which copies it when it is bound. What a method returns is valid until the next one is called.
/// </summary>
internal sealed class SqliteText
{
    private const int LongestTime = 27, LongestDecimal = 31, LongestGuid = 36;

    private byte[] _block = new byte[128];

    /// <summary>The text. Returns false when it is not valid UTF-16 (a lone surrogate), which UTF-8 cannot hold.</summary>
    public bool TryOf(string text, out ReadOnlySpan<byte> utf8)
    {
        Span<byte> block = Reserve(text.Length * 3);
        OperationStatus status = Utf8.FromUtf16(text, block, out _, out int bytes, replaceInvalidSequences: false);
        utf8 = block[..bytes];
        return status == OperationStatus.Done;
    }

    /// <summary>Text of our own or of an error, with U+FFFD for what UTF-8 cannot hold.</summary>
    public ReadOnlySpan<byte> Loosely(string text)
    {
        Span<byte> block = Reserve(text.Length * 3);
        return block[..Encoding.UTF8.GetBytes(text, block)];
    }

    /// <summary>
    /// A time as <c>yyyy-MM-dd HH:mm:ss[.FFFFFFF]</c>, as Microsoft.Data.Sqlite writes it: it sorts, and SQLite's date functions read it.
    /// </summary>
    public ReadOnlySpan<byte> Of(DateTime time)
    {
        Span<byte> block = Reserve(LongestTime)[..LongestTime];
        time.Deconstruct(out int year, out int month, out int day);
        Two(block, 0, year / 100);
        Two(block, 2, year % 100);
        block[4] = (byte)'-';
        Two(block, 5, month);
        block[7] = (byte)'-';
        Two(block, 8, day);
        block[10] = (byte)' ';
        long ticks = time.TimeOfDay.Ticks;
        int seconds = (int)(ticks / TimeSpan.TicksPerSecond);
        Two(block, 11, seconds / 3600);
        block[13] = (byte)':';
        Two(block, 14, seconds / 60 % 60);
        block[16] = (byte)':';
        Two(block, 17, seconds % 60);
        return block[..Fraction(block, 19, (int)(ticks % TimeSpan.TicksPerSecond))];
    }

    /// <summary>
    /// A decimal in the one form that equal numbers have: no zeros at the end, no exponent, no sign before zero. A column of text then
    /// tells numbers apart as <see cref="decimal"/> does, and keeps every digit, which no number of SQLite does.
    /// </summary>
    public ReadOnlySpan<byte> Of(decimal number)
    {
        Span<byte> block = Reserve(LongestDecimal);
        if (number == 0) number = 0m;
        _ = number.TryFormat(block, out int bytes, default, CultureInfo.InvariantCulture);
        if (number.Scale > 0)
        {
            while (block[bytes - 1] == '0') bytes--;
            if (block[bytes - 1] == '.') bytes--;
        }
        return block[..bytes];
    }

    /// <summary>A GUID: lower-case, with hyphens.</summary>
    public ReadOnlySpan<byte> Of(Guid id)
    {
        Span<byte> block = Reserve(LongestGuid);
        _ = id.TryFormat(block, out int bytes);
        return block[..bytes];
    }

    private static void Two(Span<byte> to, int at, int value)
    {
        to[at] = (byte)('0' + (value / 10));
        to[at + 1] = (byte)('0' + (value % 10));
    }

    /// <summary>Returns where it ends.</summary>
    private static int Fraction(Span<byte> to, int at, int ticks)
    {
        if (ticks == 0) return at;
        to[at++] = (byte)'.';
        for (int unit = 1_000_000; ticks > 0; unit /= 10)
        {
            to[at++] = (byte)('0' + (ticks / unit));
            ticks %= unit;
        }
        return at;
    }

    private Span<byte> Reserve(int bytes)
    {
        if (_block.Length < bytes) _block = new byte[Math.Max(_block.Length * 2, bytes)];
        return _block;
    }
}
