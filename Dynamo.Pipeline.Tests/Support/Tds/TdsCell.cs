using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using SQLitePCL;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// One value on its way from the wire into the store, reused for value after value so that a bulk load allocates nothing per row:
/// [MS-TDS] 2.2.5.5.
/// </summary>
internal sealed class TdsCell
{
    private enum Form
    {
        Null,
        Integer,
        Float,
        Text,
        Blob,
    }

    private Form _form;
    private long _integer;
    private double _float;
    private byte[] _bytes = new byte[64];
    private int _length;

    public bool IsNull => _form == Form.Null;

    /// <summary>A float that is no number, which the server refuses.</summary>
    public bool IsNotANumber => _form == Form.Float && !double.IsFinite(_float);

    /// <summary>The value's length on the wire, in bytes.</summary>
    public int WireLength { get; private set; }

    public void Read(MessageReader message, TdsType type, bool isFixed)
    {
        if (type.IsText || type.IsBinary)
        {
            ReadVariable(message, type);
            return;
        }
        WireLength = isFixed ? type.Length : message.Byte();
        if (WireLength == 0) _form = Form.Null;
        else ReadScalar(message.Span(WireLength), type);
    }

    public int Bind(sqlite3_stmt statement, int index) => _form switch
    {
        Form.Integer => raw.sqlite3_bind_int64(statement, index, _integer),
        Form.Float => raw.sqlite3_bind_double(statement, index, _float),
        Form.Text => raw.sqlite3_bind_text(statement, index, _bytes.AsSpan(0, _length)),
        Form.Blob => raw.sqlite3_bind_blob(statement, index, _bytes.AsSpan(0, _length)),
        _ => raw.sqlite3_bind_null(statement, index),
    };

    public object? ToObject() => _form switch
    {
        Form.Integer => _integer,
        Form.Float => _float,
        Form.Text => Encoding.UTF8.GetString(_bytes, 0, _length),
        Form.Blob => _bytes.AsSpan(0, _length).ToArray(),
        _ => null,
    };

    private void ReadScalar(ReadOnlySpan<byte> wire, TdsType type)
    {
        switch (type.Kind)
        {
            case TdsKind.Bit or TdsKind.TinyInt: SetInteger(wire[0]); break;
            case TdsKind.SmallInt: SetInteger(BinaryPrimitives.ReadInt16LittleEndian(wire)); break;
            case TdsKind.Int: SetInteger(BinaryPrimitives.ReadInt32LittleEndian(wire)); break;
            case TdsKind.BigInt: SetInteger(BinaryPrimitives.ReadInt64LittleEndian(wire)); break;
            case TdsKind.Real: SetFloat(BinaryPrimitives.ReadSingleLittleEndian(wire)); break;
            case TdsKind.Float: SetFloat(BinaryPrimitives.ReadDoubleLittleEndian(wire)); break;
            case TdsKind.Decimal: SetText(TdsTimes.Decimal(wire, type.Scale)); break;
            case TdsKind.Guid: SetText(new Guid(wire).ToString().ToUpperInvariant()); break;
            default: SetTime(wire, type); break;
        }
    }

    private void SetTime(ReadOnlySpan<byte> wire, TdsType type)
    {
        Span<byte> text = stackalloc byte[64];
        if (!TdsTimes.TryFormat(wire, type, text, out int written))
            throw new InvalidDataException($"No {type.Name}: {Convert.ToHexString(wire)}");
        Reserve(written);
        text[..written].CopyTo(_bytes);
        _form = Form.Text;
    }

    private void ReadVariable(MessageReader message, TdsType type)
    {
        if (type.Length == -1) ReadChunks(message, type);
        else if (type.Length == TdsType.LongLength) ReadLong(message, type);
        else if (message.UInt16() is var length && length == 0xFFFF) _form = Form.Null;
        else Set(message.Span(length), type);
    }

    private void ReadLong(MessageReader message, TdsType type)
    {
        int length = message.Int32();
        if (length < 0) _form = Form.Null;
        else Set(message.Span(length), type);
    }

    /// <summary>PARTLENTYPE: [MS-TDS] 2.2.5.2.3.</summary>
    private void ReadChunks(MessageReader message, TdsType type)
    {
        if (message.UInt64() == ulong.MaxValue)
        {
            _form = Form.Null;
            return;
        }
        using var whole = new MemoryStream();
        while (message.Int32() is var length && length != 0) whole.Write(message.Span(length));
        Set(whole.GetBuffer().AsSpan(0, (int)whole.Length), type);
    }

    private void Set(ReadOnlySpan<byte> wire, TdsType type)
    {
        WireLength = wire.Length;
        if (type.IsBinary)
        {
            Reserve(wire.Length);
            wire.CopyTo(_bytes);
            _form = Form.Blob;
        }
        else if (type.IsUnicode) SetText(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, char>(wire));
        else SetText(Tokens.Windows1252.GetString(wire));
    }

    private void SetText(ReadOnlySpan<char> text)
    {
        Reserve(3 * text.Length);
        Utf8.FromUtf16(text, _bytes, out _, out _length);
        _form = Form.Text;
    }

    private void Reserve(int length)
    {
        if (_bytes.Length < length) _bytes = new byte[2 * length];
        _length = length;
    }

    private void SetInteger(long value) => (_form, _integer) = (Form.Integer, value);

    private void SetFloat(double value) => (_form, _float) = (Form.Float, value);

    public override string ToString() => Convert.ToString(ToObject(), CultureInfo.InvariantCulture) ?? "<NULL>";
}
