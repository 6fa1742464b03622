using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>Fields read as types: what is taken, and what is said of the rest.</summary>
public sealed class CsvRecordTests
{
    private const string Instant = "ISO 8601 with Z or an offset, such as 2026-01-31T12:00:00Z";

    private delegate bool Try<T>(in CsvRecord line, out T? value, out Defect? defect);

    [TestCase("P1", ExpectedResult = "P1")]
    [TestCase("\"a,\"\"b\"\"\"", ExpectedResult = "a,\"b\"")]
    [TestCase("", ExpectedResult = "the name is empty; found '', expected a name of 1 to 400 bytes without control characters")]
    [TestCase("\"a\nb\"", ExpectedResult = "the name holds a control character; "
        + "found 'a\\u000ab', expected a name of 1 to 400 bytes without control characters")]
    public string A_name(string field) => Of<string>(field, (in line, out value, out defect) => line.TryName(0, out value, out defect));

    [TestCase("a note", ExpectedResult = "a note")]
    [TestCase("\"two\nlines\"", ExpectedResult = "two\nlines")]
    [TestCase("\"\"", ExpectedResult = "the text is empty; found '', expected text in UTF-8")]
    public string A_text(string field) => Of<string>(field, (in line, out value, out defect) => line.TryText(0, out value, out defect));

    [Test]
    public void Bytes_that_are_no_UTF_8_are_no_text()
    {
        byte[] bytes = [.. "note\n"u8, 0xE9, 0x74, (byte)'\n'];
        var format = new CsvFormat<string>(["note"], (in line, out row) => line.TryText(0, out row, out Defect? defect) ? null : defect);

        Assert.That(CsvReading.Read(bytes, format).Rejects.Single().Problem, Is.EqualTo("the text is not valid UTF-8"));
    }

    [TestCase("42", ExpectedResult = "42")]
    [TestCase("-9223372036854775808", ExpectedResult = "-9223372036854775808")]
    [TestCase("+007", ExpectedResult = "7")]
    [TestCase("9223372036854775808", ExpectedResult = "the value is too large for a whole number of 64 bits; "
        + "found '9223372036854775808', expected a whole number such as 42")]
    [TestCase("-9223372036854775809", ExpectedResult = "the value is too large for a whole number of 64 bits; "
        + "found '-9223372036854775809', expected a whole number such as 42")]
    [TestCase("x1", ExpectedResult = "the value is not a whole number; found 'x1', expected a whole number such as 42")]
    [TestCase("1.0", ExpectedResult = "the value is not a whole number; found '1.0', expected a whole number such as 42")]
    [TestCase("1e3", ExpectedResult = "the value is not a whole number; found '1e3', expected a whole number such as 42")]
    [TestCase("-", ExpectedResult = "the value is not a whole number; found '-', expected a whole number such as 42")]
    [TestCase("", ExpectedResult = "the value is empty; found '', expected a whole number such as 42")]
    public string A_whole_number(string field) =>
        Of<long>(field, (in line, out value, out defect) => line.TryInt64(0, out value, out defect));

    [TestCase("4.25", ExpectedResult = "4.25")]
    [TestCase("-1.5e-3", ExpectedResult = "-0.0015")]
    [TestCase("NaN", ExpectedResult = "the value is NaN, not a number; found 'NaN', expected a decimal number such as 12.5")]
    [TestCase("1e400", ExpectedResult = "the value is too large for a number; found '1e400', expected a decimal number such as 12.5")]
    [TestCase("\"4,25\"", ExpectedResult = "the value is not a number; found '4,25', expected a decimal number such as 12.5. "
        + "If decimals follow ',', give it as the decimalSeparator where the row is read")]
    public string A_number(string field) => Of<double>(field, (in line, out value, out defect) => line.TryDouble(0, out value, out defect));

    [TestCase("\"4,25\"", ExpectedResult = "4.25")]
    [TestCase("4.25", ExpectedResult = "the value is not a number; found '4.25', expected a decimal number such as 12,5. "
        + "If decimals follow '.', give it as the decimalSeparator where the row is read")]
    public string A_number_with_a_decimal_comma(string field) =>
        Of<double>(field, (in line, out value, out defect) => line.TryDouble(0, out value, out defect, decimalSeparator: ','));

    [TestCase("12.50", ExpectedResult = "12.5")]
    [TestCase("-.5", ExpectedResult = "-0.5")]
    [TestCase("-0.0", ExpectedResult = "0")]
    [TestCase("+0012", ExpectedResult = "12")]
    [TestCase("79228162514264337593543950335", ExpectedResult = "79228162514264337593543950335")]
    [TestCase("0.0000000000000000000000000001000", ExpectedResult = "0.0000000000000000000000000001")]
    [TestCase("79228162514264337593543950336", ExpectedResult = "the value is too large for a decimal number; "
        + "found '79228162514264337593543950336', "
        + "expected a decimal number such as 12.5")]
    [TestCase("7.92281625142643375935439503351", ExpectedResult = "the value has more digits than a decimal number keeps; "
        + "found '7.92281625142643375935439503351', expected a decimal number such as 12.5")]
    [TestCase("0.00000000000000000000000000001", ExpectedResult = "the value has more digits than a decimal number keeps; "
        + "found '0.00000000000000000000000000001', expected a decimal number such as 12.5")]
    [TestCase("1e3", ExpectedResult = "the value is not a number; found '1e3', expected a decimal number such as 12.5")]
    [TestCase(".", ExpectedResult = "the value is not a number; found '.', expected a decimal number such as 12.5")]
    [TestCase("--1", ExpectedResult = "the value is not a number; found '--1', expected a decimal number such as 12.5")]
    public string A_decimal(string field) =>
        Of<decimal>(field, (in line, out value, out defect) => line.TryDecimal(0, out value, out defect));

    [Test]
    public void Every_decimal_is_read_back_as_it_was() => Prop.ForAll(ArbMap.Default.ArbFor<decimal>(), (decimal any) =>
    {
        string text = any.ToString(CultureInfo.InvariantCulture);
        string? problem = DecimalText.Read(Encoding.UTF8.GetBytes(text), '.', out decimal read);
        string longer = text.Replace('.', ',') + (text.Contains('.') ? "00" : ",00");
        string? comma = DecimalText.Read(Encoding.UTF8.GetBytes(longer), ',', out decimal same);
        return problem is null && comma is null && read == any && same == any;
    }).QuickCheckThrowOnFailure();

    [TestCase("1", ExpectedResult = "True")]
    [TestCase("0", ExpectedResult = "False")]
    [TestCase("TRUE", ExpectedResult = "True")]
    [TestCase("False", ExpectedResult = "False")]
    [TestCase("yes", ExpectedResult = "the value is neither true nor false; found 'yes', expected 1 or 0, true or false")]
    [TestCase("10", ExpectedResult = "the value is neither true nor false; found '10', expected 1 or 0, true or false")]
    [TestCase("", ExpectedResult = "the value is empty; found '', expected 1 or 0, true or false")]
    public string A_yes_or_no(string field) =>
        Of<bool>(field, (in line, out value, out defect) => line.TryBoolean(0, out value, out defect));

    [TestCase("2026-03-01T12:00Z", ExpectedResult = "2026-03-01T12:00:00.0000000Z")]
    [TestCase("2026-03-01 12:00:00.1234567+14:00", ExpectedResult = "2026-02-28T22:00:00.1234567Z")]
    [TestCase("2026-03-01T12:00:00", ExpectedResult = "the timestamp has no offset; found '2026-03-01T12:00:00', expected " + Instant
        + ". Have the logger write Z or an offset: without one, it is another moment in each zone")]
    [TestCase("2026-02-29T12:00Z", ExpectedResult = "the timestamp's date does not exist; found '2026-02-29T12:00Z', expected " + Instant)]
    [TestCase("0001-01-01T00:00+01:00", ExpectedResult = "the timestamp is outside the years 1 to 9999; "
        + "found '0001-01-01T00:00+01:00', expected " + Instant)]
    [TestCase("1.3.2026", ExpectedResult = "the timestamp cannot be read; found '1.3.2026', expected " + Instant)]
    [TestCase("", ExpectedResult = "the timestamp is empty; found '', expected " + Instant)]
    public string A_moment(string field) => Of<string>(field, (in line, out value, out defect) =>
    {
        bool read = line.TryTimestamp(0, out DateTime utc, out defect);
        value = utc.ToString("O", CultureInfo.InvariantCulture);
        return read;
    });

    [TestCase("6f9619ff-8b86-d011-b42d-00c04fc964ff", ExpectedResult = "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [TestCase("6F9619FF8B86D011B42D00C04FC964FF", ExpectedResult = "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [TestCase("{6f9619ff-8b86-d011-b42d-00c04fc964ff}", ExpectedResult = "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [TestCase("6f9619ff-8b86-d011-b42d-00c04fc964f", ExpectedResult = "the value is not a GUID; "
        + "found '6f9619ff-8b86-d011-b42d-00c04fc964f', "
        + "expected a GUID such as 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [TestCase("", ExpectedResult = "the value is empty; found '', expected a GUID such as 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    public string A_GUID(string field) => Of<Guid>(field, (in line, out value, out defect) => line.TryGuid(0, out value, out defect));

    [Test]
    public void An_empty_field_is_null_where_it_may_be_and_a_bad_one_is_still_bad()
    {
        Assert.Multiple(() =>
        {
            Check<string>("n", "", (in line, out value, out defect) => line.TryNameOrNull(0, out value, out defect), "n",
                "the name holds a control character", "\"\u0007\"");
            Check<string>("t", "", (in line, out value, out defect) => line.TryTextOrNull(0, out value, out defect), "t", null, "");
            Check<long?>("5", "\"\"", (in line, out value, out defect) => line.TryInt64OrNull(0, out value, out defect),
                5, "the value is not a whole number", "x");
            Check<double?>("5.5", "  ", (in line, out value, out defect) => line.TryDoubleOrNull(0, out value, out defect),
                5.5, "the value is not a number", "x");
            Check<decimal?>("5.5", "", (in line, out value, out defect) => line.TryDecimalOrNull(0, out value, out defect),
                5.5m, "the value is not a number", "x");
            Check<bool?>("1", "", (in line, out value, out defect) => line.TryBooleanOrNull(0, out value, out defect),
                true, "the value is neither true nor false", "x");
            Check<DateTime?>("1970-01-01T00:00Z", "", (in line, out value, out defect) => line.TryTimestampOrNull(0, out value, out defect),
                DateTime.UnixEpoch, "the timestamp cannot be read", "x");
            Check<Guid?>(Guid.Empty.ToString(), "", (in line, out value, out defect) => line.TryGuidOrNull(0, out value, out defect),
                Guid.Empty, "the value is not a GUID", "x");
        });

        static void Check<T>(string good, string empty, Try<T> read, T value, string? problem, string bad)
        {
            (IReadOnlyList<T?> values, IReadOnlyList<Defect> rejects) = All([good, empty, bad], read);
            T?[] expected = problem is null ? [value, default, default] : [value, default];
            Assert.That(values, Is.EqualTo(expected));
            (long?, string)[] bads = problem is null ? [] : [(4, problem)];
            Assert.That(rejects.Select(r => (r.Line, r.Problem)), Is.EqualTo(bads));
        }
    }

    [Test]
    public void Another_decimal_separator_than_a_point_or_a_comma_is_refused()
    {
        Assert.That(() => All<double>(["1"], (in line, out value, out defect) => line.TryDouble(0, out value, out defect, ';')),
            Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => All<decimal>(["1"], (in line, out value, out defect) => line.TryDecimal(0, out value, out defect, ';')),
            Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    /// <summary>The value, or what is said of it without its place.</summary>
    private static string Of<T>(string field, Try<T> read)
    {
        (IReadOnlyList<T?> values, IReadOnlyList<Defect> rejects) = All([field], read);
        if (rejects.Count == 0) return Convert.ToString(values.Single(), CultureInfo.InvariantCulture)!;
        const string place = "line 2, column field: ";
        string defect = rejects.Single().ToString();
        Assert.That(defect, Does.StartWith(place));
        return defect[place.Length..];
    }

    private static (IReadOnlyList<T?> Values, IReadOnlyList<Defect> Rejects) All<T>(string[] fields, Try<T> read)
    {
        var format = new CsvFormat<Field<T>>(["field"], (in line, out row) =>
        {
            bool isGood = read(line, out T? value, out Defect? defect);
            row = new Field<T>(value);
            Assert.That(defect is null, Is.EqualTo(isGood));
            return defect;
        });
        // A second column, since a line with nothing in it is passed over.
        string text = "field,x\n" + string.Concat(fields.Select(field => field + ",x\n"));
        Outcome<Field<T>> outcome = CsvReading.Read(Encoding.UTF8.GetBytes(text), format);
        Assert.That(outcome.BadFile, Is.Null);
        return ([.. outcome.Rows.Select(row => row.Value)], outcome.Rejects);
    }

    private readonly record struct Field<T>(T? Value);
}
