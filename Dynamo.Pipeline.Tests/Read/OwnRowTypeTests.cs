using System.Buffers.Text;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>How another team reads its own row type: a shape that finds its columns and parses its fields.</summary>
public sealed class OwnRowTypeTests
{
    [Test]
    public void A_shape_of_ones_own_gets_rejects_names_and_line_numbers_from_the_format()
    {
        var format = new CsvFormat<PumpEvent>(new PumpEvents());

        Outcome<PumpEvent> read = CsvReading.Read(Encoding.UTF8.GetBytes("on|pump\n1|P1\nx|P1\n0|\"P|2\"\n"), format);

        Assert.That(read.Rows, Is.EqualTo(new[] { new PumpEvent("P1", true), new PumpEvent("P|2", false) }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 2, 4 }));
        Assert.That(read.Rejects.Single().ToString(), Is.EqualTo("line 3, column on: the state is unknown; found 'x', expected 0 or 1"));
    }

    [Test]
    public void A_shape_of_ones_own_refuses_a_header_with_a_remedy() =>
        Assert.That(
            CsvReading.Read("on|pmp\n"u8.ToArray(), new CsvFormat<PumpEvent>(new PumpEvents())).BadFile!.Remedy,
            Does.StartWith("Did you mean 'pmp'?"));

    internal readonly record struct PumpEvent(string Pump, bool On);

    /// <summary>The description: how the text is written and which columns there must be.</summary>
    private sealed class PumpEvents : ICsvShape<PumpEvent>
    {
        public CsvText Text { get; } = new() { Separator = '|' };

        public ICsvTable<PumpEvent> Bind(CsvHeader header) => new Columns(header.Column("pump", "pump|on"), header.Column("on", "pump|on"));
    }

    /// <summary>The columns of one header. Nothing depends on the file: one parser for all.</summary>
    private sealed class Columns(int pump, int on) : ICsvTable<PumpEvent>, ICsvRowParser<PumpEvent>
    {
        public ICsvRowParser<PumpEvent> Open(in CsvFile file) => this;

        public void Parse(in CsvRecord record, RowBatch<PumpEvent> rows)
        {
            if (!record.TryName(pump, out string? name, out Defect? defect))
                rows.Reject(defect);
            else if (
                Utf8Parser.TryParse(record.Field(on), out int state, out int used) && used == record.Field(on).Length && state is 0 or 1)
                rows.Add(new PumpEvent(name, state == 1), record.Line);
            else
                rows.Reject(record.Defect(on, "the state is unknown", "0 or 1"));
        }
    }
}
