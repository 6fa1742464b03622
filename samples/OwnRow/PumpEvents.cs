using System.Buffers.Text;
using Dynamo.Pipeline;

/// <summary>The files: <c>pump;unix;state;kW</c>. Quotes, encodings, line numbers and rejects are the format's business.</summary>
internal sealed class PumpEvents : ICsvShape<PumpEvent>
{
    private const string Header = "pump;unix;state;kW";

    public CsvText Text { get; } = new() { Separator = ';' };

    public ICsvTable<PumpEvent> Bind(CsvHeader header) =>
        new Columns(header.Column("pump", Header), header.Column("unix", Header), header.Column("state", Header), header.Column("kW", Header));

    /// <summary>The columns of one header. Nothing in a row depends on the file, so one parser serves all files.</summary>
    private sealed class Columns(int pump, int unix, int state, int power) : ICsvTable<PumpEvent>, ICsvRowParser<PumpEvent>
    {
        public ICsvRowParser<PumpEvent> Open(in CsvFile file) => this;

        public void Parse(in CsvRecord record, RowBatch<PumpEvent> rows)
        {
            if (record.Name(pump, out Defect? defect) is not { } name)
                rows.Reject(defect!);
            else if (!TryWhole(record.Field(unix), out long seconds) || seconds is < 0 or > 4_102_444_800)
                rows.Reject(record.Defect(unix, "the time cannot be read", "seconds since 1970, up to the year 2100"));
            else if (record.Field(state) is not [(byte)'0' or (byte)'1'] on)
                rows.Reject(record.Defect(state, "the state is unknown", "0 or 1"));
            else if (!TryPower(record.Field(power), out double? kilowatt))
                rows.Reject(record.Defect(power, "the power is not a number", "a decimal number such as 12.5, or nothing"));
            else
                rows.Add(new PumpEvent(name, DateTime.UnixEpoch.AddSeconds(seconds), on[0] == '1', kilowatt), record.Line);
        }

        private static bool TryWhole(ReadOnlySpan<byte> text, out long value) => Utf8Parser.TryParse(text, out value, out int used) && used == text.Length;

        private static bool TryPower(ReadOnlySpan<byte> text, out double? kilowatt)
        {
            kilowatt = null;
            if (text.IsEmpty) return true;
            if (!Utf8Parser.TryParse(text, out double value, out int used) || used < text.Length || !double.IsFinite(value)) return false;
            kilowatt = value;
            return true;
        }
    }
}
