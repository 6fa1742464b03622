using System.Collections;
using System.Data.Common;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>The reader somebody writes who has an array of readings and a <c>SqlBulkCopy</c>.</summary>
internal sealed class HandWrittenReader(Reading[] rows) : DbDataReader
{
    private static readonly string[] s_names = ["Logger", "Channel", "TimestampUtc", "Value"];
    private int _at = -1;

    public override int FieldCount => s_names.Length;

    public override int Depth => 0;

    public override bool HasRows => rows.Length > 0;

    public override bool IsClosed => false;

    public override int RecordsAffected => -1;

    public override object this[int ordinal] => GetValue(ordinal);

    public override object this[string name] => GetValue(GetOrdinal(name));

    public override bool Read() => ++_at < rows.Length;

    public override object GetValue(int ordinal) =>
        ordinal switch { 0 => rows[_at].Logger, 1 => rows[_at].Channel, 2 => rows[_at].TimestampUtc, _ => rows[_at].Value };

    public override string GetName(int ordinal) => s_names[ordinal];

    public override int GetOrdinal(string name) => Array.IndexOf(s_names, name);

    public override Type GetFieldType(int ordinal) => ordinal switch { 2 => typeof(DateTime), 3 => typeof(double), _ => typeof(string) };

    public override string GetDataTypeName(int ordinal) => GetFieldType(ordinal).Name;

    public override bool IsDBNull(int ordinal) => false;

    public override string GetString(int ordinal) => (string)GetValue(ordinal);

    public override DateTime GetDateTime(int ordinal) => rows[_at].TimestampUtc;

    public override double GetDouble(int ordinal) => rows[_at].Value;

    public override bool NextResult() => false;

    public override int GetValues(object[] values) => throw new NotSupportedException();

    public override bool GetBoolean(int ordinal) => throw new NotSupportedException();

    public override byte GetByte(int ordinal) => throw new NotSupportedException();

    public override char GetChar(int ordinal) => throw new NotSupportedException();

    public override decimal GetDecimal(int ordinal) => throw new NotSupportedException();

    public override float GetFloat(int ordinal) => throw new NotSupportedException();

    public override Guid GetGuid(int ordinal) => throw new NotSupportedException();

    public override short GetInt16(int ordinal) => throw new NotSupportedException();

    public override int GetInt32(int ordinal) => throw new NotSupportedException();

    public override long GetInt64(int ordinal) => throw new NotSupportedException();

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) =>
        throw new NotSupportedException();

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) =>
        throw new NotSupportedException();

    public override IEnumerator GetEnumerator() => throw new NotSupportedException();
}
