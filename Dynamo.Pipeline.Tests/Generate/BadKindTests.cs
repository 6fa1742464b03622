using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>Each broken file is broken in the way its name says, and in no other.</summary>
[TestFixture]
internal sealed class BadKindTests
{
    private const string Header = "logger,channel,timestamp,value";
    private static readonly GenerateOptions _options = new() { To = "unused", Loggers = 10, Steps = 12, Seed = 5, Backlog = 0, Bad = 0.5 };

    private GeneratedFolder _folder = null!;
    private Dictionary<BadKind, ExpectedFile> _files = null!;

    [OneTimeSetUp]
    public void Generate()
    {
        _folder = new GeneratedFolder(_options);
        _files = _folder.Files.ExpectedFiles().Where(file => file.Bad is not null).DistinctBy(file => file.Bad)
            .ToDictionary(file => file.Bad!.Value);
    }

    [OneTimeTearDown]
    public void Remove() => _folder.Dispose();

    [Test]
    public void Every_kind_occurs_equally_often()
    {
        Assert.That(_folder.Result.Bad.Keys, Is.EquivalentTo(BadKinds.All));
        Assert.That(_folder.Result.Bad.Values, Is.All.EqualTo(2));
    }

    [Test]
    public void A_share_of_one_makes_every_file_bad([Values(1, 0.999, 0.7, 0.013)] double share)
    {
        var files = new LoggerFiles(_options with { Loggers = 100, Steps = 100, Bad = share });

        Assert.That(files.ExpectedFiles().Count(file => file.Bad is not null), Is.EqualTo(10_000 * share).Within(1));
    }

    [TestCase(BadKind.TextValue, ",defect\n")]
    [TestCase(BadKind.EmptyValue, "Z,\n")]
    [TestCase(BadKind.NotANumber, ",NaN\n")]
    [TestCase(BadKind.InfiniteValue, ",-Infinity\n")]
    [TestCase(BadKind.OverflowingValue, ",1e999\n")]
    [TestCase(BadKind.TooFewFields, "00Z\n")]
    [TestCase(BadKind.TextTimestamp, ",yesterday,")]
    [TestCase(BadKind.ImpossibleTimestamp, "-02-30T00:00:00Z,")]
    [TestCase(BadKind.OutOfRangeTimestamp, ",0001-01-01T00:00:00+14:00,")]
    public void One_row_is_changed(BadKind kind, string part)
    {
        (string[] lines, string[] good) = Lines(kind);

        string[] changed = [.. lines.Except(good)];

        Assert.That(lines, Has.Length.EqualTo(good.Length));
        Assert.That(changed, Has.Length.EqualTo(1));
        Assert.That(changed[0] + "\n", Does.Contain(part));
    }

    [Test]
    public void A_row_with_a_decimal_comma_has_five_fields()
    {
        (string[] lines, string[] good) = Lines(BadKind.TooManyFields);

        Assert.That(lines.Except(good).Single().Split(','), Has.Length.EqualTo(5));
    }

    [Test]
    public void A_timestamp_without_offset_is_one_without_its_last_letter()
    {
        (string[] lines, string[] good) = Lines(BadKind.NoOffset);
        string changed = lines.Except(good).Single();

        Assert.That(good.Except(lines).Single().Replace("Z,", ",", StringComparison.Ordinal), Is.EqualTo(changed));
    }

    [Test]
    public void Encodings_and_line_ends_hold_the_same_text()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Bytes(BadKind.EmptyFile), Is.Empty);
            Assert.That(Text(BadKind.HeaderOnly), Is.EqualTo(Header + "\n"));
            Assert.That(Bytes(BadKind.Utf8Mark), Is.EqualTo(Encoding.UTF8.Preamble.ToArray().Concat(Good(BadKind.Utf8Mark))));
            Assert.That(Text(BadKind.CrLfLineEnds), Is.EqualTo(GoodText(BadKind.CrLfLineEnds).ReplaceLineEndings("\r\n")));
            Assert.That(Text(BadKind.CrLineEnds), Is.EqualTo(GoodText(BadKind.CrLineEnds).ReplaceLineEndings("\r")));
            Assert.That(
                Encoding.Unicode.GetString(Bytes(BadKind.Utf16LittleEndian)), Is.EqualTo('\uFEFF' + GoodText(BadKind.Utf16LittleEndian)));
            Assert.That(
                Encoding.BigEndianUnicode.GetString(Bytes(BadKind.Utf16BigEndian)),
                Is.EqualTo('\uFEFF' + GoodText(BadKind.Utf16BigEndian)));
        }
    }

    [Test]
    public void Headers_are_wrong_as_named()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Text(BadKind.UnknownHeader), Does.StartWith("Messstelle;Kanal;Zeit;Wert\n"));
            Assert.That(Text(BadKind.MissingColumn), Does.StartWith("logger,channel,timestamp\n"));
            Assert.That(Text(BadKind.DoubledColumn), Does.StartWith(Header + ",value\n"));
            Assert.That(Text(BadKind.OtherColumns), Does.StartWith("battery,timestamp,value,site,logger,channel\n3.6,2025-"));
            Assert.That(Text(BadKind.UnclosedQuote).Count(c => c == '"'), Is.EqualTo(1));
        }
    }

    [Test]
    public void Bytes_are_wrong_as_named()
    {
        byte[] nul = Bytes(BadKind.NulBytes), cut = Bytes(BadKind.LastLineCutOff), invalid = Bytes(BadKind.InvalidUtf8);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(nul, Has.Length.EqualTo(Good(BadKind.NulBytes).Length));
            Assert.That(Encoding.UTF8.GetString(nul).Split('\n')[^1], Does.Match(@"Z,\d\0+$"));
            Assert.That(Good(BadKind.LastLineCutOff).AsSpan().StartsWith(cut), "the beginning of the good file");
            Assert.That(Encoding.UTF8.GetString(cut).Split('\n')[^1].Split(','), Has.Length.EqualTo(3));
            Assert.That(() => new UTF8Encoding(false, true).GetString(invalid), Throws.InstanceOf<DecoderFallbackException>());
            Assert.That(Bytes(BadKind.BinaryFile), Has.Some.EqualTo(0));
            Assert.That(Bytes(BadKind.OneLongLine), Has.Length.InRange(1 << 20, 2 << 20).And.None.EqualTo((byte)'\n'));
        }
    }

    [Test]
    public void Doubled_readings_have_one_value()
    {
        Reading[] twice = [.. GeneratedFolder.Parse(Text(BadKind.ReadingTwice))];
        string again = _files[BadKind.SameAsOtherFile].Path;
        DateTime step = DateTime.ParseExact(again[7..22], "yyyyMMddTHHmmss", CultureInfo.InvariantCulture);
        Reading[] other = [.. GeneratedFolder.Parse(_folder.Text(again))];

        Assert.That(twice.Distinct().Count(), Is.EqualTo(twice.Length - 1));
        Assert.That(other.Select(reading => reading.TimestampUtc).Distinct().Single(), Is.EqualTo(step.AddMinutes(-15)));
        Assert.That(_folder.Files.ExpectedReadings(), Is.SupersetOf(other));
    }

    [Test]
    public void What_is_expected_of_a_file_is_what_its_good_rows_are()
    {
        HashSet<Reading> expected = [.. _folder.Files.ExpectedReadings()];
        var found = new HashSet<Reading>();
        foreach (ExpectedFile file in _folder.Files.ExpectedFiles().Where(file => file.Outcome == FileOutcome.Loaded))
        {
            Reading[] rows = [.. GoodRows(file)];
            Assert.That(rows, Has.Length.EqualTo(file.LoadedRows), $"{file.Bad} {file.Path}");
            found.UnionWith(rows);
        }
        Assert.That(found.SetEquals(expected));
    }

    /// <summary>The rows of the file that also a good file could hold, whatever its encoding.</summary>
    private IEnumerable<Reading> GoodRows(ExpectedFile file)
    {
        byte[] bytes = _folder.Bytes(file.Path);
        using var reader = new StreamReader(new MemoryStream(bytes), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        string text = reader.ReadToEnd();
        if (file.Bad == BadKind.OtherColumns)
            text = Lines(text.Split('\n')[..^1].Select(line => line.Split(',')).Select(f => $"{f[^2]},{f[^1]},{f[1]},{f[2]}"));
        HashSet<string> good = [.. GoodLines(file.Path)];
        return GeneratedFolder.Parse(Lines(text.ReplaceLineEndings("\n").Split('\n').Where(good.Contains).Prepend(Header)));
    }

    private (string[] Lines, string[] Good) Lines(BadKind kind) => (Text(kind).Split('\n'), GoodText(kind).Split('\n'));

    private byte[] Bytes(BadKind kind) => _folder.Bytes(_files[kind].Path);

    private string Text(BadKind kind) => _folder.Text(_files[kind].Path);

    private byte[] Good(BadKind kind) => Encoding.UTF8.GetBytes(GoodText(kind));

    /// <summary>What a good file with four timestamps would hold there.</summary>
    private string GoodText(BadKind kind) => Lines(GoodLines(_files[kind].Path).Prepend(Header));

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    private static IEnumerable<string> GoodLines(string path)
    {
        var step = DateTimeOffset.ParseExact(path[7..22], "yyyyMMddTHHmmss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        return new LoggerFiles(_options with { Steps = 4, Bad = 0, Start = step.AddMinutes(-45) }).ExpectedReadings()
            .Where(reading => path.StartsWith(reading.Logger, StringComparison.Ordinal))
            .Select(reading => string.Create(CultureInfo.InvariantCulture,
                $"{reading.Logger},{reading.Channel},{reading.TimestampUtc:yyyy-MM-dd'T'HH:mm:ss'Z'},{reading.Value:0.000}"));
    }
}
