using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>A row of one's own from a list of columns and a parser.</summary>
public sealed class CsvRecordParserTests
{
    private static readonly string[] s_columns = ["pump", "at", "state", "kW"];
    private static readonly DateTime s_noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    private static readonly PumpEvent First = new("P1", s_noon, true, 4.5), Second = new("P;2", s_noon.AddHours(1), false, null);

    private readonly CsvFormat<PumpEvent> _semicolons = new(s_columns, Parse, new CsvText { Separator = ';' });

    [Test]
    public void Columns_are_found_by_name_in_any_order_and_others_are_passed_over()
    {
        Outcome<PumpEvent> read = Read(
            "kW;note;STATE;Pump;at\n4.5;x;1;P1;2026-03-01T12:00Z\n;;false;\"P;2\";\"2026-03-01T14:00:00+01:00\"\n");

        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Lines, Is.EqualTo(new long[] { 2, 3 }));
        Assert.That(read.Rows[1].AtUtc.Kind, Is.EqualTo(DateTimeKind.Utc));
    }

    [Test]
    public void Each_header_is_bound_for_itself()
    {
        PumpEvent one = Read("pump;at;state;kW\nP1;2026-03-01T12:00Z;1;4.5\n").Rows.Single();
        PumpEvent other = Read("kW;state;at;pump\n4.5;1;2026-03-01T12:00Z;P1\n").Rows.Single();
        PumpEvent again = Read("pump;at;state;kW\nP1;2026-03-01T12:00Z;1;4.5\n").Rows.Single();

        Assert.That(new[] { one, other, again }, Is.All.EqualTo(First));
        Assert.That(other.Pump, Is.SameAs(one.Pump), "equal names are one string");
    }

    [TestCase(' '), TestCase(CsvText.Detected)]
    public void Several_spaces_are_one_separator_for_the_columns_too(char separator)
    {
        var format = new CsvFormat<PumpEvent>(s_columns, Parse, new CsvText { Separator = separator });
        const string text = "kW  x state   pump at\n4.5 - 1      P1   2026-03-01T12:00Z\n 4,5  - 1 P1   2026-03-01T12:00Z\n";

        Outcome<PumpEvent> read = CsvReading.Read(Encoding.UTF8.GetBytes(text), format);

        Assert.That(read.Rows, Is.EqualTo(new[] { First }));
        Assert.That((read.Rejects.Single().Column, read.Rejects.Single().Found), Is.EqualTo(("kW", "4,5")));
    }

    [Test]
    public void Without_a_header_columns_are_named_by_number_and_reported_so()
    {
        var format = new CsvFormat<PumpEvent>(["#2", "#4", "#1", "#3"], Parse, new CsvText { HasHeader = false });

        Outcome<PumpEvent> read = CsvReading.Read("1,P1,4.5,2026-03-01T12:00Z\n2,P1,4.5,2026-03-01T12:00Z\n"u8.ToArray(), format);

        Assert.That(read.Rows, Is.EqualTo(new[] { First }));
        Assert.That(read.Rejects.Single().ToString(),
            Is.EqualTo("line 2, column #1: the value is neither true nor false; found '2', expected 1 or 0, true or false"));
    }

    [Test]
    public async Task A_streamed_file_gives_the_same_rows()
    {
        byte[] text = "pump;at;state;kW\n\"P1\";2026-03-01T12:00Z;1;4.5\nP1;;1;4.5\n\"P;2\";2026-03-01T13:00Z;0;\n"u8.ToArray();

        Outcome<PumpEvent> read = await CsvReading.ReadStreamed(text, _semicolons, bytesPerRead: 3);

        Assert.That(read.Rows, Is.EqualTo(new[] { First, Second }));
        Assert.That(read.Rejects.Single().ToString(), Is.EqualTo(
            "line 3, column at: the timestamp is empty; found '', expected ISO 8601 with Z or an offset, such as 2026-01-31T12:00:00Z"));
    }

    [Test]
    public void A_missing_column_condemns_the_file_as_for_every_format()
    {
        Defect? defect = Read("pump;at;state;power\nP1;2026-03-01T12:00Z;1;4.5\n").BadFile, similar = Read("pump;at;stat;kW\n").BadFile;

        Assert.That(defect!.ToString(), Is.EqualTo("line 1, column kW: the column 'kW' is missing; found 'pump;at;state;power', expected "
            + "pump;at;state;kW. Name the column in the format, or rename it in the file"));
        Assert.That(similar!.Remedy, Does.StartWith("Did you mean 'stat'?"));
    }

    [Test]
    public void A_column_that_is_there_twice_condemns_the_file() =>
        Assert.That(Read("pump;at;state;kW;PUMP\n").BadFile!.Problem, Is.EqualTo("the column 'pump' is there twice"));

    [Test]
    public void A_line_with_too_few_fields_is_rejected_before_the_parser_sees_it()
    {
        Outcome<PumpEvent> read = Read("pump;at;state;kW\nP1;2026-03-01T12:00Z\nP1;2026-03-01T12:00Z;1;4.5\n");

        Assert.That(read.Rejects.Single().Problem, Is.EqualTo("too few fields"));
        Assert.That(read.Rows, Is.EqualTo(new[] { First }));
    }

    [Test]
    public void A_defect_of_the_parsers_own_gets_the_line_and_its_text_where_it_has_none()
    {
        var format = new CsvFormat<PumpEvent>(["pump"], (in CsvRecord line, out PumpEvent row) =>
        {
            row = default;
            return line.Line == 2 ? new Defect("not today") : new Defect("nor then") { Line = 7, RawText = "as it was" };
        });

        Outcome<PumpEvent> read = CsvReading.Read("pump\nP1\nP2\n"u8.ToArray(), format);

        Assert.That(read.Rejects, Is.EqualTo(new[]
        {
            new Defect("not today") { Line = 2, RawText = "P1" }, new Defect("nor then") { Line = 7, RawText = "as it was" },
        }));
    }

    [Test]
    public void A_parser_that_gives_neither_a_row_nor_a_defect_is_named()
    {
        var format = new CsvFormat<Box>(["pump"], static (in CsvRecord line, out Box? row) =>
        {
            row = null;
            return null;
        });

        Assert.That(() => CsvReading.Read("pump\nP1\n"u8.ToArray(), format),
            Throws.InvalidOperationException.With.Message.Contains("The parser of Box gave neither a row nor a defect for line 2"));
    }

    [Test]
    public void A_column_that_was_not_named_is_a_mistake_of_the_parser([Values(-1, 1)] int column)
    {
        var format = new CsvFormat<Box>(["pump"], (in CsvRecord line, out Box? row) =>
        {
            row = new Box(line.Field(column).Length);
            return null;
        });

        Assert.That(() => CsvReading.Read("pump,x\nP1,2\n"u8.ToArray(), format), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Columns_that_cannot_be_found_are_refused_at_once()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => new CsvFormat<PumpEvent>([], Parse), Throws.ArgumentException.With.Message.Contains("at least one column"));
            Assert.That(() => new CsvFormat<PumpEvent>(["a", " "], Parse), Throws.ArgumentException.With.Message.Contains("is empty"));
            Assert.That(() => new CsvFormat<PumpEvent>(["a", " A"], Parse), Throws.ArgumentException.With.Message.Contains("named twice"));
            Assert.That(() => new CsvFormat<PumpEvent>(["a"], null!), Throws.ArgumentNullException);
            Assert.That(() => new CsvFormat<PumpEvent>(["a"], Parse, new CsvText { Separator = '"' }), Throws.ArgumentException);
        });
    }

    private Outcome<PumpEvent> Read(string text) => CsvReading.Read(Encoding.UTF8.GetBytes(text), _semicolons);

    private static Defect? Parse(in CsvRecord line, out PumpEvent row)
    {
        row = line.TryName(0, out string? pump, out Defect? defect)
            && line.TryTimestamp(1, out DateTime at, out defect)
            && line.TryBoolean(2, out bool isOn, out defect)
            && line.TryDoubleOrNull(3, out double? kilowatt, out defect) ? new PumpEvent(pump, at, isOn, kilowatt) : default;
        return defect;
    }

    internal readonly record struct PumpEvent(string Pump, DateTime AtUtc, bool On, double? Kilowatt);

    private sealed record Box(int Length);
}
