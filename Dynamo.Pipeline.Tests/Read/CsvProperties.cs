using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What holds for any bytes and any readings.</summary>
public sealed class CsvProperties
{
    private static readonly string[] Scraps =
    [
        "logger", "channel", "timestamp", "value", "logger,channel,timestamp,value\n", "L1,flow,2026-01-01T00:00:00Z,1.5\n", "L1,flow,",
        "2026-01-01T00:00:00Z",
        "1.5", "\"", "\"\"", ",", ",", ";", "\n", "\r", "\r\n", " ", "\t", "\0", "\uFEFF", "é", "1e999", "NaN", "-", "x",
    ];

    [Test]
    public void Any_bytes_are_rows_rejects_or_a_bad_file_in_memory_and_streamed_alike()
    {
        Gen<byte[]> scraps = Gen.Elements(Scraps).ArrayOf().Select(s => Encoding.UTF8.GetBytes(string.Concat(s)));
        Gen<byte[]> raw = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf();
        Gen<byte[]> headed = scraps.Select(s => (byte[])[.. "logger,channel,timestamp,value\n"u8, .. s]);
        Gen<byte[]> utf16 = headed.Select(h => (byte[])[0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(h))]);
        Gen<byte[]> mixed = headed.Zip(raw, (a, b) => (byte[])[.. a, .. b]);
        Gen<byte[]> marked = raw.Select(b => (byte[])[0xFE, 0xFF, .. b]);
        ReadingFormat wide = ReadingFormat.WideByChannel with { Zone = "UTC" };

        Check(Gen.OneOf(scraps, raw, headed, utf16, mixed, marked).Zip(Gen.Choose(1, 7)).Zip(Gen.Choose(1, 3)), 2000, input =>
        {
            ((byte[] bytes, int step), int limit) = input;
            return SameBothWays(bytes, step, limit, ReadingFormat.Default) && SameBothWays(bytes, step, limit, wide);
        });
    }

    [Test]
    public void Readings_written_in_any_style_are_read_back_as_they_were()
    {
        Gen<string> name = Gen.Elements("a", "B7", "é", " ", "\"", ",", ";", "'", "水", "😀", "-").NonEmptyListOf()
            .Select(p => string.Concat(p).Trim()).Where(n => n.Length is > 0 and < 90);
        Gen<DateTime> time = Gen.Choose(0, int.MaxValue).Zip(Gen.Choose(0, int.MaxValue))
            .Select(t => new DateTime((long)(((double)t.Item1 / int.MaxValue * (DateTime.MaxValue.Ticks - 4e12)) + 1e12 + t.Item2),
                DateTimeKind.Utc));
        Gen<double> value = Doubles();
        Gen<Reading> reading = name.Zip(name).Zip(time.Zip(value)).Select(
            r => new Reading(r.Item1.Item1, r.Item1.Item2, r.Item2.Item1, r.Item2.Item2));
        Gen<int[]> order = Gen.Shuffle(new[] { 0, 1, 2, 3, 4 });
        var format = new CsvFormat<Reading>(ReadingFormat.Default);

        Check(reading.ArrayOf().Zip(order).Zip(Gen.Elements("\n", "\r\n", "\r")).Zip(Gen.Choose(0, 840)), 500, input =>
        {
            (((Reading[] readings, int[] columns), string newline), int offset) = input;
            byte[] bytes = Encoding.UTF8.GetBytes(Write(readings, columns, newline, offset));
            Outcome<Reading> read = CsvReading.Read(bytes, format);
            Assert.That(read.BadFile, Is.Null);
            Assert.That(read.Rejects, Is.Empty);
            return read.Rows.SequenceEqual(readings);
        });
    }

    [Test]
    public void Timestamps_agree_with_the_platform()
    {
        Gen<string> digits = Gen.Elements("0", "1", "2", "3", "5", "9").ArrayOf(14).Select(d => string.Concat(d));
        Gen<string> fraction = Gen.Elements("", ".1", ".12", ".1234567", ".0000001", ".9999999");
        Gen<string> offset = Gen.Elements("Z", "+00:00", "-00:00", "+05:30", "-14:00", "+14:00", "+14:01", "+02:59", "-03:60");
        Gen<string> plausible = Gen.Choose(0, 3_650_000).Select(
            m => new DateTime(2000, 1, 1).AddMinutes(m * 1.37).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture));

        Check(Gen.OneOf(digits, plausible).Zip(fraction).Zip(offset), 5000, input =>
        {
            ((string d, string f), string o) = input;
            string text = $"{d[..4]}-{d[4..6]}-{d[6..8]}T{d[8..10]}:{d[10..12]}:{d[12..14]}{f}{o}";
            bool valid = DateTimeOffset.TryParseExact(
                text.Replace(
                    "Z", "+00:00",
                    StringComparison.Ordinal), "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", CultureInfo.InvariantCulture, DateTimeStyles.None,
                        out DateTimeOffset expected);
            TimestampProblem problem = new TimestampText([]).Read(Encoding.UTF8.GetBytes(text), out long utc);
            return (problem == TimestampProblem.None) == valid && (!valid || utc == expected.UtcTicks);
        });
    }

    /// <summary>Timestamps that are cut off, or have one or two other characters, are read or refused as the rules in words say.</summary>
    [Test]
    public void Timestamps_are_read_by_the_rules_and_by_nothing_else()
    {
        string[] starts = [
            "2026-12-31T23:59:59.1234567+13:59", "2024-02-29 08:30:00Z", "2026-05-17T08:09-1400", "0001-01-01T00:00+00:01",
            "9999-12-31T23:59:59.9999999z", "2026-06-30T12:00+05", "2026-06-30T12:00:00.5",
            "0000-00-00T00:00Z"];
        foreach (string start in starts)
        {
            for (int at = 0; at <= start.Length; at++)
            {
                Agree(start[..at]);
                foreach (char one in "/0123456789:-+. TZzx")
                {
                    Agree(start[..at] + one);
                    Agree(start[..at] + one + start[at..]);
                    if (at == start.Length) continue;
                    Agree(start[..at] + one + start[(at + 1)..]);
                    if (at + 1 < start.Length) Agree(start[..at] + one + '6' + start[(at + 2)..]);
                }
            }
        }

        static void Agree(string text)
        {
            (TimestampProblem problem, long ticks) = ByTheRules(text);
            TimestampProblem found = IsoTimestamp.ReadUtc(Encoding.UTF8.GetBytes(text), out DateTime utc);
            if (found != problem || utc.Ticks != ticks) Assert.Fail($"'{text}' is {found} {utc:O}, not {problem} {new DateTime(ticks):O}");
        }
    }

    private static readonly Regex Iso = new(
        @"^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?([Zz]|[-+]\d\d(?::?\d\d)?)?$", RegexOptions.CultureInvariant);

    private static (TimestampProblem Problem, long Ticks) ByTheRules(string text)
    {
        if (text.Length == 0) return (TimestampProblem.Empty, 0);
        Match match = Iso.Match(text);
        if (!match.Success) return (TimestampProblem.Unreadable, 0);
        int Part(int group) => match.Groups[group] is { Length: > 0 } part ? int.Parse(part.Value, CultureInfo.InvariantCulture) : 0;
        (int year, int month, int day, int hour, int minute, int second) = (Part(1), Part(2), Part(3), Part(4), Part(5), Part(6));
        string offset = match.Groups[8].Value.ToUpperInvariant().Replace(":", "", StringComparison.Ordinal);
        if (!DateTime.TryParseExact(text[..10], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime date))
            return (TimestampProblem.NoSuchDate, 0);
        if (hour == 24) return (TimestampProblem.Hour24, 0);
        if (second == 60) return (TimestampProblem.LeapSecond, 0);
        if (hour > 23 || minute > 59 || second > 59) return (TimestampProblem.NoSuchTime, 0);
        int minutes = 0;
        if (offset.Length > 1)
        {
            int rest = offset.Length > 3 ? int.Parse(offset[3..], CultureInfo.InvariantCulture) : 0;
            minutes = (int.Parse(offset[1..3], CultureInfo.InvariantCulture) * 60) + rest;
            if (rest > 59 || minutes > 14 * 60) return (TimestampProblem.NoSuchOffset, 0);
            if (offset[0] == '-') minutes = -minutes;
        }
        if (offset.Length == 0) return (TimestampProblem.NoOffset, 0);
        long fraction = (long)(decimal.Parse("0" + match.Groups[7].Value, CultureInfo.InvariantCulture) * TimeSpan.TicksPerSecond);
        long ticks = date.Ticks + new TimeSpan(hour, minute - minutes, second).Ticks + fraction;
        bool isIn = ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;
        return isIn ? (TimestampProblem.None, ticks) : (TimestampProblem.OutOfRange, 0);
    }

    [Test]
    public void Numbers_agree_with_the_platform_bit_for_bit()
    {
        Gen<string> digits = Gen.Elements("0", "1", "7", "9", "5", ".", "-").NonEmptyListOf().Select(d => string.Concat(d));
        Gen<string> written = Doubles().Zip(Gen.Elements("R", "F3", "E5", "G15", "G17", "F0")).Select(
            v => v.Item1.ToString(v.Item2, CultureInfo.InvariantCulture));
        const NumberStyles styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

        Check(Gen.OneOf(digits, written, written.Select(w => "+" + w), digits.Zip(Gen.Choose(-330, 330), (d, e) => $"{d}e{e}")), 20_000,
            text =>
        {
            bool valid = double.TryParse(text, styles, CultureInfo.InvariantCulture, out double expected) && double.IsFinite(expected);
            bool same = (new ValueText('.').Read(Encoding.UTF8.GetBytes(text), out double value) is null) == valid;
            string comma = text.Replace('.', ',');
            bool sameComma = (new ValueText(',').Read(Encoding.UTF8.GetBytes(comma), out double other) is null) == valid;
            return same
                && sameComma
                && (!valid || (BitConverter.DoubleToInt64Bits(value) == BitConverter.DoubleToInt64Bits(expected) && other.Equals(value)));
        });
    }

    /// <summary>One of these seeds once put 50 of 20,000 such names in one bucket: what did not fit was a new string each time.</summary>
    [Test]
    public void Names_that_differ_in_digits_are_one_string_whatever_the_seed([Values(0x717ad8df405ec57dUL, 0x1e35889eaff89bdUL)] ulong seed)
    {
        var names = new CsvNames(seed);
        string[] once = [.. Enumerable.Range(0, 20_000).Select(i => names.Intern($"logger {i}", out _)!)];

        Assert.That(Enumerable.Range(0, 20_000).Where(i => !ReferenceEquals(names.Intern($"logger {i}", out _), once[i])), Is.Empty);
    }

    [Test]
    public void Names_are_one_string_for_all_threads_and_their_number_is_bounded()
    {
        var names = new CsvNames();
        string[][] seen = new string[4][];
        Parallel.For(0, 4, thread => seen[thread] = [.. Enumerable.Range(0, 20_000).Select(i => names.Intern($"logger {i}", out _)!)]);

        for (int i = 0; i < 20_000; i++)
        {
            Assert.That(seen[0][i], Is.EqualTo($"logger {i}"));
            Assert.That(seen.All(s => ReferenceEquals(s[i], seen[0][i])));
        }
        for (int i = 0; i < 120_000; i++)
            names.Intern($"other {i}", out _);
        string?[] late = [names.Intern("other 119999", out _), names.Intern("other 119999", out _)];
        string?[] early = [names.Intern("other 5", out _), names.Intern("other 5", out _)];
        Assert.That(late[0], Is.EqualTo("other 119999").And.Not.SameAs(late[1]), "no longer kept");
        Assert.That(early[0], Is.SameAs(early[1]), "kept");
    }

    [Test]
    public void A_name_as_text_has_the_limits_of_one_in_bytes()
    {
        var names = new CsvNames();
        foreach (string name in (string[])[new('x', 400), new('é', 200), new string('水', 133) + "x", new('x', 8), new('x', 7), "😀"])
        {
            Assert.That(names.Intern(name, out string? problem), Is.EqualTo(name), problem);
            Assert.That(names.Intern(Encoding.UTF8.GetBytes(name), out _), Is.SameAs(names.Intern(name, out _)));
        }
        foreach (string name in (string[])[new('x', 401), new('é', 201), new('x', 403), new('x', 404), new('水', 1000)])
            Assert.That((names.Intern(name, out string? problem), problem), Is.EqualTo(((string?)null, "is too long")));
        Assert.That((names.Intern("", out string? empty), empty), Is.EqualTo(((string?)null, "is empty")));
    }

    private static Gen<double> Doubles() => Gen.OneOf(
        Gen.Choose(-100_000, 100_000).Select(i => i / 1000.0),
        Gen.Choose(int.MinValue, int.MaxValue).Zip(
            Gen.Choose(int.MinValue, int.MaxValue),
            (a, b) => BitConverter.Int64BitsToDouble(((long)a << 32) | (uint)b)).Where(double.IsFinite));

    private static bool SameBothWays(byte[] bytes, int bytesPerRead, int limit, ReadingFormat shape)
    {
        var format = new CsvFormat<Reading>(shape);
        Outcome<Reading> memory = CsvReading.Read(bytes, format, limit);
        Outcome<Reading> stream = CsvReading.ReadStreamed(bytes, format, bytesPerRead, limit).GetAwaiter().GetResult();
        Assert.That(stream.BadFile, Is.EqualTo(memory.BadFile));
        Assert.That(stream.Rejects, Is.EqualTo(memory.Rejects));
        return stream.Rows.SequenceEqual(memory.Rows) && stream.Lines.SequenceEqual(memory.Lines);
    }

    private static string Write(Reading[] readings, int[] columns, string newline, int offset)
    {
        string[] names = ["logger", "Channel", "TIMESTAMP", "value", "note"];
        var text = new StringBuilder().AppendJoin(',', columns.Select(c => names[c])).Append(newline);
        foreach (Reading reading in readings)
        {
            string timestamp = new DateTimeOffset(reading.TimestampUtc).ToOffset(TimeSpan.FromMinutes(offset)).ToString(
                "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz", CultureInfo.InvariantCulture);
            string[] fields = [
                Quoted(reading.Logger), Quoted(reading.Channel), timestamp, reading.Value.ToString("R", CultureInfo.InvariantCulture),
                "\"x\n\""];
            text.AppendJoin(',', columns.Select(c => fields[c])).Append(newline);
        }
        return text.ToString();
    }

    private static string Quoted(string name) =>
        name.AsSpan().ContainsAny("\",") || name.Length % 2 == 0 ? '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"' : name;

    private static void Check<T>(Gen<T> inputs, int count, Func<T, bool> holds) =>
        FsCheck.Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(SoakAttribute.Rounds(count / 3, count / 2, count)),
            Prop.ForAll(inputs.ToArbitrary(), holds));
}
