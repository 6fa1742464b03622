namespace Dynamo.Pipeline.Tests;

/// <summary>Renaming, converting and judging values.</summary>
public sealed class ChannelFormatTests
{
    [TestCase("l/s", "m3/h", 10, 36)]
    [TestCase("m³/h", "l/s", 36, 10)]
    [TestCase("m3/d", "m3/h", 24, 1)]
    [TestCase("l/min", "l/s", 60, 1)]
    [TestCase("bar", "kPa", 1, 100)]
    [TestCase("bar", "mH2O", 1, 10.19716213)]
    [TestCase("m H₂O", "kPa", 10, 98.0665)]
    [TestCase("mwc", "bar", 10, 0.980665)]
    [TestCase("mbar", "kPa", 1000, 100)]
    [TestCase("psi", "kPa", 1, 6.894757293)]
    [TestCase("cmH2O", "mH2O", 250, 2.5)]
    [TestCase("MPa", "bar", 1, 10)]
    [TestCase("°C", "K", 20, 293.15)]
    [TestCase("°F", "°C", 212, 100)]
    [TestCase("°C", "°F", 100, 212)]
    [TestCase("ft", "m", 1, 0.3048)]
    [TestCase("Ml/d", "m3/h", 24, 1000)]
    [TestCase("uS/cm", "mS/cm", 500, 0.5)]
    public void Units_are_converted_by_name(string from, string to, double value, double expected)
    {
        (double factor, double offset) = UnitOfMeasure.Conversion(from, to);

        Assert.That((value * factor) + offset, Is.EqualTo(expected).Within(1e-8 * Math.Abs(expected)));
    }

    [Test]
    public void Conversions_that_are_exact_in_decimals_are_exact() => Assert.Multiple(() =>
    {
        Assert.That(UnitOfMeasure.Conversion("l/s", "m3/h"), Is.EqualTo((3.6, 0.0)));
        Assert.That(UnitOfMeasure.Conversion("bar", "kPa"), Is.EqualTo((100.0, 0.0)));
        Assert.That(UnitOfMeasure.Conversion("kPa", "bar"), Is.EqualTo((0.01, 0.0)));
        Assert.That(UnitOfMeasure.Conversion("°C", "K"), Is.EqualTo((1.0, 273.15)));
    });

    [Test]
    public void Names_that_mean_two_units_without_case_are_not_guessed() => Assert.Multiple(() =>
    {
        Assert.That(UnitOfMeasure.Conversion("Ml", "m3").Factor, Is.EqualTo(1000));
        Assert.That(UnitOfMeasure.Conversion("ml", "m3").Factor, Is.EqualTo(1e-6));
        Assert.That(UnitOfMeasure.IsKnown("mPA"), Is.False);
        Assert.That(UnitOfMeasure.IsKnown("KPA"), Is.True);
        Assert.That(
            () => UnitOfMeasure.Conversion("m", "bar"),
            Throws.ArgumentException.With.Message.Contains("'m' is a unit of length and 'bar' one of pressure"));
    });

    [Test]
    public void Channels_are_renamed_scaled_and_converted_in_this_order([Values] bool wide)
    {
        var channels = new Dictionary<string, ChannelFormat>
        {
            ["P1"] = new() { Name = "pressure", Scale = 2, Offset = 1, Unit = "bar", ToUnit = "kPa" },
        };

        Outcome<Reading> read = Read(wide, channels, ("p1", "1.5"), ("q", "7"));

        Assert.That(read.Rows.Select(r => (r.Channel, r.Value)), Is.EqualTo(new[] { ("pressure", 400.0), ("q", 7.0) }));
    }

    [Test]
    public void A_value_outside_its_range_is_rejected_flagged_or_skipped([Values] bool wide, [Values] DoubtfulReading outside)
    {
        var channels = new Dictionary<string, ChannelFormat> { ["p"] = new() { Min = 0, Max = 10, Outside = outside } };

        Outcome<Reading> read = Read(wide, channels, ("p", "11"), ("q", "11"));

        Assert.That(read.Rows, Has.Count.EqualTo(outside == DoubtfulReading.Flag ? 2 : 1));
        Assert.That(
            (read.Rejects.Count, read.Flagged, read.Skipped),
            Is.EqualTo(outside switch { DoubtfulReading.Reject => (1, 0L, 0L), DoubtfulReading.Flag => (0, 1L, 0L), _ => (0, 0L, 1L) }));
        if (outside == DoubtfulReading.Reject)
            Assert.That(read.Rejects[0].ToString(), Does.Contain("the value of p is not plausible; found '11', expected 0 to 10"));
    }

    [Test]
    public void A_star_stands_for_all_channels_that_are_not_named()
    {
        var channels = new Dictionary<string, ChannelFormat> { ["*"] = new() { Max = 1 }, ["p"] = new() };

        Assert.That(Read(true, channels, ("p", "2"), ("q", "2")).Rejects.Single().Column, Is.EqualTo("q"));
    }

    [Test]
    public void A_conversion_that_leaves_the_numbers_is_rejected() =>
        Assert.That(
            Read(true, new Dictionary<string, ChannelFormat> { ["p"] = new() { Scale = 1e300 } }, ("p", "1e300")).Rejects.Single().Problem,
            Is.EqualTo("the value is too large once it is converted"));

    [Test]
    public void Two_channels_that_would_become_one_condemn_the_file() =>
        Assert.That(
            Read(true, new Dictionary<string, ChannelFormat> { ["p"] = new() { Name = "q" } }, ("p", "1"), ("q", "1")).BadFile!.Problem,
            Is.EqualTo("two columns would both be the channel 'q'"));

    [Test]
    public void Readings_of_another_quality_are_rejected_flagged_or_skipped([Values] DoubtfulReading otherwise)
    {
        ReadingFormat format =
            ReadingFormat.WideByChannel with { Quality = new QualityColumn("Q", ["good", "0", ""]) { Otherwise = otherwise } };

        Outcome<Reading> read = CsvReading.Read(
            "timestamp,a,q,b\n2026-01-01T00:00Z,1,GOOD,2\n2026-01-01T00:05Z,1,bad,2\n2026-01-01T00:10Z,1,,2\n", format);

        Assert.That(read.Rows, Has.Count.EqualTo(otherwise == DoubtfulReading.Flag ? 6 : 4));
        Assert.That(
            (read.Rejects.Count, read.Flagged, read.Skipped),
            Is.EqualTo(otherwise switch { DoubtfulReading.Reject => (1, 0L, 0L), DoubtfulReading.Flag => (0, 2L, 0L), _ => (0, 0L, 2L) }));
        if (otherwise == DoubtfulReading.Reject)
            Assert.That(
                read.Rejects[0].ToString(),
                Is.EqualTo("line 3, column q: the quality code is not accepted; found 'bad', expected one of good, 0, "));
    }

    private static Outcome<Reading> Read(
        bool wide, Dictionary<string, ChannelFormat> channels, params (string Channel, string Value)[] values)
    {
        string text = wide
            ? $"timestamp,{string.Join(',', values.Select(v => v.Channel))}\n"
                + $"2026-01-01T00:00Z,{string.Join(',', values.Select(v => v.Value))}\n"
            : "logger,channel,timestamp,value\n" + string.Concat(values.Select(v => $"L1,{v.Channel},2026-01-01T00:00Z,{v.Value}\n"));
        return CsvReading.Read(text, (wide ? ReadingFormat.WideByChannel : ReadingFormat.Default) with { Channels = channels });
    }
}
