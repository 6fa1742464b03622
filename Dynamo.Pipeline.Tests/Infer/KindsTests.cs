using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>Generated files of the kinds that once went wrong: each is imported whole, and what cannot be told is said.</summary>
[TestFixture]
internal sealed class KindsTests
{
    private const int Seeds = 6;

    [Test]
    public void A_text_column_beside_two_measured_ones_is_no_channel(
        [Range(1, Seeds)] int seed, [Values("ValueType", "Status", "Tag", "Kind")] string name)
    {
        var file = new Lines(seed);
        file.Add($"timestamp,flow,pressure,{name}");
        file.Times(
            40, 15,
            time => $"{time:yyyy-MM-ddTHH:mm:ss}Z,{file.Value("flow", time)},{file.Value("pressure", time)},"
                + (file.Chance(3) ? "R" : "C"));

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.LeftOut, Has.Some.StartsWith($"'{name}':"));
    }

    [Test]
    public void Files_that_one_logger_sends_one_after_the_other_are_its_own(
        [Range(1, Seeds)] int seed, [Values("logger", "station", "device_id")] string name,
        [Values("L{0}_{1:0000}", "export_{1}")] string file)
    {
        Lines[] files = [
            .. Enumerable.Range(0, 4).Select(i => new Lines(seed) { Logger = $"L{seed}", Start = new DateTime(2025, 1, 1, i, 0, 0) })];
        foreach (Lines one in files)
        {
            one.Add($"{name},channel,timestamp,value");
            one.Times(3, 15, at => $"{one.Logger},flow,{at:yyyy-MM-ddTHH:mm:ss}Z,{one.Value("flow", at)}");
        }

        (string Path, string Text)[] samples = [
            .. files.Select((one, i) => ($"/x/{string.Format(CultureInfo.InvariantCulture, file, seed, i)}.csv", one.Text))];
        Proposal proposal = Infer(samples).Proposals.Single();

        bool isAsked = proposal.Topics.Contains("the logger");
        Assert.That(isAsked, Is.EqualTo(file.StartsWith("export", StringComparison.Ordinal)), string.Join('\n', proposal.Sure));
        if (isAsked) return;
        for (int i = 0; i < files.Length; i++)
            Assert.That(Read(proposal, Path.GetFileName(samples[i].Path), samples[i].Text), Is.EquivalentTo(files[i].Readings));
    }

    [Test]
    public void Date_and_time_without_colons_are_put_together([Range(1, Seeds)] int seed, [Values("HHmm", "HHmmss")] string time)
    {
        var file = new Lines(seed);
        file.Add("date,time,flow");
        file.Times(96, 15, at => $"{at:yyyyMMdd},{at.ToString(time, CultureInfo.InvariantCulture)},{file.Value("flow", at)}");

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void Hour_24_is_the_next_midnight([Range(1, Seeds)] int seed, [Values("dd.MM.yyyy HH:mm", "yyyy-MM-dd HH:mm")] string format)
    {
        var file = new Lines(seed);
        file.Add("Date;q [l/s]");
        file.Times(72, 60, at => $"{Ending(at, format)};{file.Value("q [l/s]", at)}");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Format.Hour24);
    }

    [Test]
    public void Thousands_that_begin_within_the_column_are_thousands([Range(1, Seeds)] int seed, [Values('.', ' ')] char separator)
    {
        var file = new Lines(seed);
        file.Add("Zeit;Stand m3");
        int count = 900 + seed;
        file.Times(48, 60, at =>
        {
            count += 7;
            file.Readings.Add(new Reading("x", "Stand m3", DateTime.SpecifyKind(at, DateTimeKind.Utc), count));
            return $"{at:dd.MM.yyyy HH:mm};{(count < 1000 ? $"{count}" : $"{count / 1000}{separator}{count % 1000:000}")}";
        });

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void Three_digits_behind_every_point_are_asked_about([Range(1, Seeds)] int seed, [Values('.', ',')] char separator)
    {
        var file = new Lines(seed);
        file.Add("Zeit;Stand m3");
        int count = 1234;
        file.Times(48, 60, at => $"{at:dd.MM.yyyy HH:mm};{++count / 1000}{separator}{count % 1000:000}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Does.Contain("the decimal separator"));
    }

    [Test]
    public void Between_commas_a_point_with_three_digits_behind_it_is_a_decimal_point([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("time,pressure");
        int value = 1000 + seed * 37 % 8000;
        file.Times(48, 60, at =>
        {
            value = value % 8999 + 1007;
            file.Readings.Add(new Reading("x", "pressure", DateTime.SpecifyKind(at, DateTimeKind.Utc), value / 1000.0));
            return string.Create(CultureInfo.InvariantCulture, $"{at:yyyy-MM-dd HH:mm}:00Z,{value / 1000}.{value % 1000:000}");
        });

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Topics, Is.Empty);
    }

    [Test]
    public void A_decimal_comma_makes_points_thousands_in_all_columns([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Zeit;Stand;q");
        int count = 912_345;
        file.Times(48, 60, at =>
        {
            file.Readings.Add(new Reading("x", "Stand", DateTime.SpecifyKind(at, DateTimeKind.Utc), ++count));
            return $"{at:dd.MM.yyyy HH:mm};{count / 1000}.{count % 1000:000};{file.Value("q", at, ',')}";
        });

        file.AssertRead(["x.csv"]);
    }

    [TestCase("M/d/yyyy", 12)]
    [TestCase("dd/MM/yyyy", 12)]
    [TestCase("M/d/yyyy", 24)]
    [TestCase("dd-MM-yyyy", 9)]
    public void First_days_of_months_are_asked_about(string format, int months)
    {
        var file = new Lines(1);
        file.Add("Date,Stand");
        for (int i = 0; i < months; i++)
            file.Add($"{new DateTime(2024, 1, 1).AddMonths(i).ToString(format, CultureInfo.InvariantCulture)},{i + 0.5}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Does.Contain("the order of day, month and year"));
    }

    [TestCase("M/d/yyyy")]
    [TestCase("dd/MM/yyyy")]
    public void A_day_above_12_tells_the_order(string format)
    {
        var file = new Lines(1);
        file.Add("Date,Stand");
        for (int i = 0; i < 24; i++)
            file.Add($"{new DateTime(2024, 1, 15).AddMonths(i).ToString(format, CultureInfo.InvariantCulture)},{i + 0.5}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Is.EqualTo((string[])["the zone"]));
    }

    [Test]
    public void What_never_changes_for_a_logger_is_no_channel([Range(1, Seeds)] int seed, [Values] bool together)
    {
        var file = new Lines(seed);
        file.Add("station_id;sensor_type;location;lat;lon;altitude;station_name;timestamp;P1;P2");
        string[] loggers = ["ST01", "ST02", "ST03"];
        file.Times(40, 15, at => string.Join('\n', loggers.Select((logger, k) =>
        {
            DateTime time = together ? at : at.AddSeconds(40 * k);
            return $"{logger};SDS011;{70 + k};48.{800 + k};9.{100 + k};{30 + (10 * k)};Street {k};{time:yyyy-MM-ddTHH:mm:ss}Z;"
                + $"{file.Of(logger).Value("P1", time)};{file.Of(logger).Value("P2", time)}";
        })));

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.LeftOut, Has.None.Contains("quality"));
        Assert.That(file.Proposal.LeftOut, Has.Some.StartsWith("'altitude': it never changes for a logger"));
    }

    [Test]
    public void What_follows_a_logger_without_a_usual_name_is_no_channel([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("NUM;WHERE;LAT;ALTI;datetime;T;U");
        string[] loggers = ["Paris", "Brest"];
        file.Times(40, 60, at => string.Join('\n', loggers.Select((logger, k) =>
            $"{logger};{75000 + k};48.{82 + k};{94 + k};{at:yyyy-MM-ddTHH:mm:ss}Z;{file.Of(logger).Value("T", at)};"
                + file.Of(logger).Value("U", at))));

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void Codes_of_OPC_beside_192_are_asked_about()
    {
        var file = new Lines(1);
        file.Add("Tag;Quality;Timestamp;Value");
        file.Times(40, 1, at => $"A;{(at.Minute == 6 ? 24 : 192)};{at:yyyy-MM-ddTHH:mm:ss}Z;{file.Value("A", at)}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Does.Contain("the quality"));
    }

    [Test]
    public void A_second_time_that_differs_is_asked_about([Range(1, Seeds)] int seed, [Values(0, 17)] int apart)
    {
        var file = new Lines(seed);
        file.Add("A Time;A Value;B Time;B Value");
        file.Times(30, 1, at =>
            $"{at:dd.MM.yyyy HH:mm:ss};{file.Value("A", at)};{at.AddSeconds(apart == 0 ? at.Minute % 7 : apart):dd.MM.yyyy HH:mm:ss};"
                + file.Value("B", at));

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Does.Contain("a second time"));
    }

    [Test]
    public void Another_zones_time_and_an_intervals_end_are_no_question([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Start,End,UTC,A");
        file.Times(60, 15, at => $"{at:yyyy-MM-dd HH:mm:ss},{at.AddMinutes(15):yyyy-MM-dd HH:mm:ss},{at:yyyy-MM-dd HH:mm:ss},"
            + file.Value("A", at));

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Topics, Does.Not.Contain("a second time"));
    }

    [Test]
    public void Times_with_one_letter_for_half_a_day_are_read([Range(1, Seeds)] int seed, [Values] bool isLower)
    {
        var file = new Lines(seed);
        file.Add("Date\tTime\tTemp\tHum");
        file.Times(100, 30, at =>
        {
            string time = at.ToString("h:mmt", CultureInfo.InvariantCulture);
            return $"{at:M/d/yy}\t{(isLower ? time.ToLowerInvariant() : time)}\t{file.Value("Temp", at)}\t{file.Value("Hum", at)}";
        });

        file.AssertRead(["x.txt"]);
    }

    [Test]
    public void Times_of_day_are_no_logger_and_no_channel()
    {
        var file = new Lines(1);
        file.Add("Date;Time;A;B");
        file.Times(200, 60, at => $"{at:dd.MM.yyyy};'{at:HH:mm}';{file.Value("A", at)};{file.Value("B", at)}");

        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) = Infer(("/x/x.csv", file.Text));

        IEnumerable<Reading> first = proposals.SelectMany(one => one.Proof.Files).SelectMany(one => one.First);
        Assert.That(first.Select(row => row.Logger), Is.All.EqualTo("x"));
        Assert.That(others.Count + proposals.Sum(one => one.Topics.Count(topic => topic == "readings with one key")), Is.GreaterThan(0));
    }

    [Test]
    public void A_zone_against_the_header_is_asked_about([Values("Time (UTC)", "Date Time, GMT+00:00")] string header)
    {
        var file = new Lines(1);
        file.Add($"{header};T");
        file.Times(30, 60, at => $"{at:yyyy-MM-dd HH:mm:ss};{file.Value("T", at)}");

        Proposal proposal = FormatGuess.OfAsync(
            [Sample.Of("/x/x.csv", Encoding.UTF8.GetBytes(file.Text), true)], "Europe/Brussels", "/x").GetAwaiter().GetResult()
            .Proposals.Single();

        Assert.That(proposal.Topics, Does.Contain("the zone"));
        Assert.That(
            proposal.Proof.Files[0].First.Select(row => row.TimestampUtc),
            Is.EqualTo(file.Readings.Take(5).Select(row => row.TimestampUtc)));
    }

    [Test]
    public void A_number_far_away_that_comes_again_is_asked_about(
        [Values("6999", "7999", "9999", "32767", "-9999", "-999.9", "55555")] string odd)
    {
        var file = new Lines(1);
        file.Add("time,a,b");
        file.Times(60, 10, at => $"{at:yyyy-MM-ddTHH:mm:ss}Z,{(at.Hour == 3 ? odd : $"{at.Hour}.5")},{file.Value("b", at)}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Does.Contain("numbers for 'no value'"));
    }

    [Test]
    public void Keyed_lines_above_a_table_are_no_header([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed) { Logger = $"{39000 + seed}" };
        file.Add(
            $"station,id,{file.Logger}", "station,name,Thames", "dataType,id,gdf", "dataType,units,m3/s", "data,first,2025-01-01",
            "data,last,2025-03-01");
        file.Times(60, 24 * 60, at => $"{at:yyyy-MM-dd},{file.Value("value", at)},");

        file.AssertRead(["x.csv"]);
    }

    [TestCase("Identifiant PRM;Type;Unite\n{0};Courbe;W\nHorodate;Valeur", "y.csv")]
    [TestCase("Account Number;{0}\nName;Jane\nHorodate;Valeur", "y.csv")]
    [TestCase("Horodate;Valeur", "Enedis_Conso_20260301-20260302_{0}.csv")]
    [TestCase("Horodate;Valeur", "{0}_2026-03-01_to_2026-03-02.csv")]
    [TestCase("Horodate;Valeur", "{0} 2025-07-14 14_20_11 EDT (Data EDT).csv")]
    [TestCase("Horodate;Valeur", "{0}_1-3-2026.csv")]
    [TestCase("Horodate;Valeur", "{0}_3-1-26_12-00_AM_1_Day.csv")]
    public void The_loggers_name_is_without_dates_and_words(string head, string name)
    {
        const string Logger = "14862012345678";
        var file = new Lines(1) { Logger = Logger };
        file.Add(head.Replace("{0}", Logger, StringComparison.Ordinal));
        file.Times(48, 30, at => $"{at:yyyy-MM-ddTHH:mm:ss}Z;{file.Value("Valeur", at)}");

        file.AssertRead([name.Replace("{0}", Logger, StringComparison.Ordinal)]);
    }

    /// <summary>AT1452 is no column "at", DT4425 no "dt", STN1234 no station: letters before a number are a code, not a word.</summary>
    [TestCase("Identifiant PRM;Type de donnees\n{0};Courbe\nHorodate;Valeur")]
    [TestCase("Meter ID;Kind\n{0};A\ntimestamp;value")]
    public void A_code_below_its_label_is_the_logger_whatever_its_letters(string head)
    {
        IEnumerable<string> pairs = from one in Enumerable.Range('A', 26) from two in Enumerable.Range('A', 26)
                                    select $"{(char)one}{(char)two}";
        foreach (string letters in pairs.Concat(
            ["UTC", "STN", "VAL", "TID", "ORA", "DTE", "TMS", "SER", "TAG", "VAR", "REC", "ROW", "DATE"]))
        {
            var file = new Lines(1) { Logger = letters + "4425" };
            file.Add(head.Replace("{0}", file.Logger, StringComparison.Ordinal));
            file.Times(12, 15, at => $"{at:yyyy-MM-ddTHH:mm:ss}Z;{file.Value(head[(head.LastIndexOf(';') + 1)..], at)}");

            file.AssertRead(["y.csv"]);
        }
    }

    [Test]
    public void Units_and_names_of_stations_do_not_look_like_a_quality([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("timestamp,flow,Unit,Zone,StationName");
        file.Times(
            40, 15, at => $"{at:yyyy-MM-ddTHH:mm:ss}Z,{file.Value("flow", at)},{(file.Chance(3) ? "m" : "cm")},"
                + $"{(file.Chance(3) ? "A" : "B")},{(file.Chance(3) ? "Upper" : "Lower")}");

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().LeftOut, Has.None.Contains("accepted"));
    }

    [TestCase("Waarde")]
    [TestCase("NUMERIEKEWAARDE")]
    [TestCase("q")]
    public void The_value_of_a_long_file_is_the_one_that_varies(string name)
    {
        var file = new Lines(3);
        file.Add($"tag;datetime;{name};X;method");
        string[] channels = ["h", "t"];
        file.Times(40, 10, at => string.Join('\n', channels.Select((channel, k) =>
            $"{channel};{at:yyyy-MM-ddTHH:mm:ss}Z;{file.Value(channel, at)};{5759136 + k};{(at.Minute == 0 ? 700 : 800)}")));

        (IReadOnlyList<Proposal> proposals, _) = Infer(("/x/x.csv", file.Text));

        Assert.That(Read(proposals.Single(), "x.csv", file.Text), Is.EquivalentTo(file.Readings));
    }

    [Test]
    public void Without_the_setting_hour_24_is_rejected_by_name()
    {
        ReadingFormat format = ReadingFormat.WideByChannel with { Zone = "UTC" };

        Assert.That(
            CsvReading.Read("timestamp,q\n2026-03-01 24:00,1\n", format).Rejects.Single().Problem,
            Is.EqualTo("the timestamp's hour is 24"));
        Assert.That(
            CsvReading.Read(
                "timestamp,q\n2026-03-01 24:00,1\n2026-03-01 24:01,1\n", format with { Hour24 = true }).Rows.Single().TimestampUtc,
            Is.EqualTo(new DateTime(2026, 3, 2)));
    }

    [Test]
    public void Lines_with_and_without_a_remark_at_the_end([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Date Time,Level,Note");
        file.Times(60, 15, at => $"{at:yyyy-MM-dd HH:mm:ss},{file.Value("Level", at)}{(at.Minute == 0 ? ",ok" : "")}");

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void A_comma_file_with_a_blank_in_its_times_and_one_line_above([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed) { Logger = "4711" };
        file.Add("Logger: 4711", "Date Time,Level");
        file.Times(40, 15, at => $"{at:yyyy-MM-dd HH:mm},{file.Value("Level", at)}");

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void A_header_with_more_separators_and_an_empty_line_below_it([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Logger X", "", "Date\tTime\tLevel [m]\tFlow [l/s]\t\t", "");
        file.Times(60, 15, at =>
            $"{at:dd.MM.yyyy}\t{at:HH:mm:ss}\t{file.Value("Level [m]", at, ',')}\t"
                + (at.Minute % 30 == 0 ? "#-1" : file.Value("Flow [l/s]", at, ',')) + "\t");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Topics, Does.Contain("words for 'no value'"));
    }

    [Test]
    public void Files_of_one_name_are_told_apart_by_their_folders([Range(1, Seeds)] int seed)
    {
        var north = new Lines(seed) { Logger = "north" };
        var south = new Lines(seed + 100) { Logger = "south" };
        foreach (Lines file in (Lines[])[north, south])
        {
            file.Add("timestamp,flow");
            file.Times(10, 15, at => $"{at:yyyy-MM-ddTHH:mm:ss}Z,{file.Value("flow", at)}");
        }

        (IReadOnlyList<Proposal> proposals, _) = Infer(("/x/north/flow.csv", north.Text), ("/x/south/flow.csv", south.Text));

        Assert.That(Read(proposals.Single(), "north/flow.csv", north.Text), Is.EquivalentTo(north.Readings));
        Assert.That(Read(proposals.Single(), "south/flow.csv", south.Text), Is.EquivalentTo(south.Readings));
        Assert.That(proposals.Single().Pattern, Is.EqualTo("*.csv"));
    }

    [Test]
    public void Names_of_months_of_any_century([Range(1, Seeds)] int seed, [Values(1905, 1970, 1999)] int year)
    {
        var file = new Lines(seed) { Start = new DateTime(year, 7, 1, 1, 0, 0) };
        file.Add("date;level");
        file.Times(60, 24 * 60, at => $"{at:dd-MMM-yyyy HH:mm:ss};{file.Value("level", at)}");

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void Words_in_names_do_not_make_a_counter([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Date & Time,Temp,Heat Index,UV Index,NO,NO2");
        file.Times(
            60, 15,
            at =>
                $"{at:dd/MM/yyyy HH:mm},{file.Value("Temp", at)},{file.Value("Heat Index", at)},"
                    + $"{file.Value("UV Index", at)},{file.Value("NO", at)},{file.Value("NO2", at)}");

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void The_next_logger_of_a_kind_fits([Range(1, Seeds)] int seed)
    {
        Lines Of(string serial, int offset, int with)
        {
            var file = new Lines(with) { Logger = serial, Offset = offset };
            file.Add(
                $"\"Plot Title: {serial}\"",
                $"\"#\",\"Date Time, GMT-0{-offset}:00\",\"Temp, °C (LGR S/N: {serial}, SEN S/N: {serial})\",\"Host Connected (LGR S/N: "
                    + $"{serial})\"");
            int n = 0;
            file.Times(
                40, 15, at => $"{++n},{at.ToString("MM/dd/yy hh:mm:ss tt", CultureInfo.InvariantCulture)},{file.Value("Temp", at)},");
            return file;
        }
        Lines one = Of("20001001", -5, seed), next = Of("20001002", -4, seed + 50);

        Proposal proposal = Infer(("/x/a.csv", one.Text)).Proposals.Single();

        Assert.That(Read(proposal, "a.csv", one.Text), Is.EquivalentTo(one.Readings));
        Assert.That(Read(proposal, "b.csv", next.Text), Is.EquivalentTo(next.Readings));
    }

    [Test]
    public void A_date_alone_is_its_midnight([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("timestamp;flow");
        file.Times(
            200, 15,
            at => at.ToString(at.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
                + $";{file.Value("flow", at)}");

        file.AssertRead(["x.csv"]);
    }

    [TestCase("YY MM DD hh mm LEVEL", "yyyy MM dd HH mm")]
    [TestCase("Year Month Day Hour Minute LEVEL", "yyyy M d H m")]
    [TestCase("year mon day hour LEVEL", "yyyy M d H")]
    public void A_date_over_several_columns(string header, string format)
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var file = new Lines(seed);
            file.Add(header);
            file.Times(
                60, format.Contains('m') ? 10 : 60, at => $"{at.ToString(format, CultureInfo.InvariantCulture)} {file.Value("LEVEL", at)}");

            file.AssertRead(["x.csv"]);
        }
    }

    [Test]
    public void Day_of_the_year_and_hour_with_minute([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Times(80, 30, at =>
        {
            DateTime day = at.TimeOfDay == TimeSpan.Zero ? at.AddDays(-1) : at;
            int clock = at.TimeOfDay == TimeSpan.Zero ? 2400 : (at.Hour * 100) + at.Minute;
            return $"101,{day.Year},{day.DayOfYear},{clock},{file.Value("value", at)}";
        });

        file.AssertRead(["x.csv"]);
    }

    [Test]
    public void A_day_a_line([Range(1, Seeds)] int seed, [Values(15, 30, 60)] int minutes)
    {
        var file = new Lines(seed) { Start = new DateTime(2025, 3, 1) };
        int[] times = [.. Enumerable.Range(0, 24 * 60 / minutes).Select(i => i * minutes)];
        file.Add("Date;" + string.Join(';', times.Select(time => $"{time / 60:00}:{time % 60:00}")));
        file.Times(
            5, 24 * 60, day => $"{day:dd.MM.yyyy};{string.Join(';', times.Select(time => file.Value("value", day.AddMinutes(time))))}");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Format.Layout, Is.EqualTo(ReadingLayout.WideByTime));
    }

    [Test]
    public void Readings_of_one_key_are_said_in_the_first_words([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("date,flow");
        file.Times(60, 15, at => $"{at:yyyy-MM-dd},{file.Value("flow", at)}");

        Proposal proposal = Infer(("/x/x.csv", file.Text)).Proposals.Single();

        Assert.That(proposal.Topics[0], Is.EqualTo("readings with one key"));
        Assert.That(
            proposal.Decide[0], Does.Contain("of 60 readings share logger, channel and time").And.Contain("lines 2 and 3 of x.csv"));
    }

    [Test]
    public void Several_stations_below_each_other_are_told_apart([Values("#", "")] string mark, [Range(1, 3)] int seed)
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { Separator = ' ', HasHeader = false, Comment = mark == "#" ? '#' : null, PreambleLines = mark == "#"
                ? 0 : 1 },
            Logger = mark == "#" ? FieldSource.PreamblePattern("SANR(?<logger>[^|*]+)") : FieldSource.Preamble("Station"),
            Timestamp = FieldSource.Column(1),
            TimestampFormats = ["yyyyMMddHHmmss"],
            Zone = "UTC",
        };
        var text = new StringBuilder();
        var expected = new List<(string, double)>();
        for (int station = 0; station < 2 + seed; station++)
        {
            text.Append(mark == "#" ? $"#SANR{6200 + station}|*|CUNITmm|*|\n" : $"Station: {6200 + station}\n");
            for (int hour = 0; hour < 3; hour++)
            {
                text.Append(CultureInfo.InvariantCulture, $"202601010{hour}0000 {station + (hour / 10.0)}\n");
                expected.Add(($"{6200 + station}", station + (hour / 10.0)));
            }
        }

        Outcome<Reading> read = CsvReading.Read(text.ToString(), format);

        Assert.That(read.Rejects, Is.Empty);
        Assert.That(read.Rows.Select(row => (row.Logger, row.Value)), Is.EqualTo(expected));
    }

    [TestCase("Device Properties\nDevice;Level Probe 100\nSerial Number;111222;;\n", "Device", "Level Probe 100")]
    [TestCase("Device Properties\nDevice;Level Probe 100\nSerial Number;111222;;\n", "Serial Number", "111222")]
    [TestCase("\"Station\";\"W 7\";\"x\"\n", "Station", "W 7")]
    [TestCase("Station   W7\n", "Station", "W7")]
    [TestCase("Station = W7, east\n", "Station", "W7, east")]
    public void A_label_ends_at_a_separator_and_its_text_with_the_cell(string above, string label, string logger)
    {
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { Separator = ';', TableStart = "timestamp" }, Logger = FieldSource.Preamble(label), Zone = "UTC",
        };

        Assert.That(CsvReading.Read(above + "timestamp;a\n2026-01-01 00:00;1\n", format).Rows.Single().Logger, Is.EqualTo(logger));
    }

    [Test]
    public void A_wide_file_without_a_channel_is_quarantined() =>
        Assert.That(
            CsvReading.Read("timestamp,note\n", ReadingFormat.WideByChannel with { IgnoredColumns = ["note"] }).BadFile?.Problem,
            Is.EqualTo("no column is a channel"));

    [Test]
    public void Lines_of_separators_are_empty_lines([Values(',', ';', '\t')] char separator)
    {
        string line = new(separator, 2);
        Outcome<Reading> read = CsvReading.Read(
            $"{line}\ntimestamp{separator}a{separator}b\n2026-01-01T00:00Z{separator}1{separator}2\n"
                + string.Concat(Enumerable.Repeat(line + "\n", 300)),
            ReadingFormat.WideByChannel with { Text = new CsvText { Separator = separator } });

        Assert.That((read.Rows.Count, read.Rejects.Count, read.BadFile), Is.EqualTo((2, 0, (Defect?)null)));
    }

    [Test]
    public void An_interval_in_one_field_is_read_by_its_start_and_asked_about(
        [Range(1, Seeds)] int seed, [Values("{0:dd.MM.yyyy HH:mm} - {1:dd.MM.yyyy HH:mm}", "{0:yyyy-MM-ddTHH:mm}/{1:yyyy-MM-ddTHH:mm}",
            "{0:dd.MM.yyyy HH:mm} - {1:HH:mm}", "{0:yyyy-MM-dd};{0:HH:mm} - {1:HH:mm}",
                "{0:yyyy-MM-dd};{0:HH:mm}–{1:HH:mm}", "{0:yyyy-MM-dd HH:mm}-{1:HH:mm}", "{0:dd.MM.yyyy H:mm}-{1:H:mm}")] string interval)
    {
        var file = new Lines(seed);
        file.Add(interval.Contains(';') ? "date;time;kWh" : "period;kWh");
        file.Times(
            60, 30, at => string.Format(CultureInfo.InvariantCulture, interval, at, at.AddMinutes(30)) + $";{file.Value("kWh", at)}");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Format.Interval, Is.EqualTo(IntervalTime.Start));
        Assert.That(file.Proposal.Topics, Has.Some.EqualTo("the start or end of intervals"));
    }

    [Test]
    public void The_end_of_an_interval_without_a_date_is_the_first_one_after_its_start(
        [Range(1, Seeds)] int seed, [Values("{0:yyyy-MM-dd HH:mm}-{1:HH:mm}", "{0:dd.MM.yyyy HH:mm} - {1:HH:mm}",
            "{0:yyyy-MM-dd};{0:HH:mm}-{1:HH:mm}")] string interval)
    {
        var file = new Lines(seed);
        file.Add(interval.Contains(';') ? "date;time;kWh" : "period;kWh");
        // 60 hours, so midnight comes at least twice.
        file.Times(
            120, 30, at => string.Format(CultureInfo.InvariantCulture, interval, at, at.AddMinutes(30))
                + $";{file.Value("kWh", at.AddMinutes(30))}");

        Proposal proposal = Infer(("/x/x.csv", file.Text)).Proposals.Single();
        Proposal ends = proposal with { Format = proposal.Format with { Interval = IntervalTime.End } };

        Assert.That(Read(ends, "x.csv", file.Text), Is.EquivalentTo(file.Readings));
    }

    [Test]
    public void Offsets_are_no_ends_of_intervals([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed) { Offset = -5 };
        file.Add("time,flow");
        file.Times(60, 15, at => $"{at:yyyy-MM-ddTHH:mm}-05:00,{file.Value("flow", at)}");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Decide, Is.Empty);
    }

    [Test]
    public void Stations_above_their_columns_are_loggers_and_the_next_file_of_others_fits(
        [Range(1, Seeds)] int seed, [Values(1, 2, 3)] int stations, [Values] bool hasQuality, [Values] bool hasPreamble)
    {
        string[] channels = ["気温(℃)", "降水量(mm)"];
        Lines Of(string[] names)
        {
            var file = new Lines(seed + names[0].Length);
            if (hasPreamble) file.Add("ダウンロードした時刻：2026/03/04 10:00:00", "");
            string[][] columns = [
                .. names.SelectMany(name => channels.SelectMany(channel => hasQuality
                    ? (string[][])[[name, channel, ""], [name, channel, "品質情報"]] : [[name, channel, ""]]))];
            file.Add("," + string.Join(',', columns.Select(column => column[0])));
            file.Add("年月日時," + string.Join(',', columns.Select(column => column[1])));
            if (hasQuality) file.Add("," + string.Join(',', columns.Select(column => column[2])));
            file.Times(60, 60, at => $"{at:yyyy/M/d H:mm:ss}," + string.Join(',', names.SelectMany(name => channels.SelectMany(channel =>
            {
                string value = file.Of(name).Value(channel, at);
                return hasQuality ? (string[])[value, "8"] : [value];
            }))));
            return file;
        }
        Lines one = Of(((string[])["東京", "大阪", "札幌"])[..stations]), next = Of(["那覇", "仙台"]);

        Proposal proposal = Infer(("/x/x.csv", one.Text)).Proposals.Single();

        Assert.That(Read(proposal, "x.csv", one.Text), Is.EquivalentTo(one.Readings), string.Join('\n', proposal.Sure));
        Assert.That(Read(proposal, "y.csv", next.Text), Is.EquivalentTo(next.Readings));
        if (stations > 1) Assert.That(proposal.Topics, Has.Member("the loggers"));
    }

    [Test]
    public void Groups_above_names_are_parts_of_them(
        [Range(1, Seeds)] int seed, [Values(',', ';', '\t')] char separator, [Values] bool merged)
    {
        var file = new Lines(seed);
        string[] above = ["", "Inlet", merged ? "" : "Inlet", "Outlet", merged ? "" : "Outlet", "Room"];
        string[] below = ["time", "Flow", "Pressure", "Flow", "Pressure", "Temp"];
        file.Add(string.Join(separator, above), string.Join(separator, below));
        file.Times(60, 15, at => $"{at:yyyy-MM-dd HH:mm:ss}" + string.Concat(Enumerable.Range(1, 5).Select(i =>
            $"{separator}{file.Value(i == 5 ? "Room Temp" : $"{(i < 3 ? "Inlet" : "Outlet")} {below[i]}", at)}")));

        file.AssertRead(["x.csv"]);
        Assert.That((file.Proposal.Format.Text.HeaderLines, file.Proposal.Format.Text.HeaderSpans), Is.EqualTo((2, merged)));
    }

    [Test]
    public void A_date_that_is_written_where_it_changes_is_that_of_the_lines_below([Range(1, Seeds)] int seed)
    {
        var file = new Lines(seed);
        file.Add("Date,Time,Flow,Pressure");
        DateTime last = default;
        file.Times(150, 15, at =>
        {
            string date = at.Date == last ? "" : $"{at:yyyy-MM-dd}";
            last = at.Date;
            return $"{date},{at:HH:mm},{file.Value("Flow", at)},{file.Value("Pressure", at)}";
        });

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Topics, Is.EqualTo((string[])["the zone"]));
    }

    [Test]
    public void A_date_that_is_written_once_is_asked_about_where_midnight_comes([Values(20, 150)] int lines)
    {
        var file = new Lines(1);
        file.Add("Date,Time,Flow,Pressure");
        file.Times(lines, 15, at =>
        {
            string date = at == file.Start ? $"{at:yyyy-MM-dd}" : "";
            return $"{date},{at:HH:mm},{file.Value("Flow", at)},{file.Value("Pressure", at)}";
        });

        Assert.That(
            Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics.Contains("dates that are left out"), Is.EqualTo(lines > 96));
    }

    [TestCase("ON", "OFF")]
    [TestCase("true", "false")]
    [TestCase("Open", "Closed")]
    public void States_get_their_numbers_and_are_asked_about(string one, string zero)
    {
        var file = new Lines(3);
        file.Add("timestamp,flow,pump");
        file.Times(40, 15, at =>
        {
            bool isOn = file.Chance(3);
            file.Readings.Add(new Reading("x", "pump", DateTime.SpecifyKind(at, DateTimeKind.Utc), isOn ? 1 : 0));
            return $"{at:yyyy-MM-ddTHH:mm}Z,{file.Value("flow", at)},{(isOn ? one : zero)}";
        });

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.Topics, Is.EqualTo((string[])["words for numbers"]));
    }

    [TestCase("status")]
    [TestCase("valid")]
    public void Words_of_a_quality_are_no_numbers(string name)
    {
        var file = new Lines(3);
        file.Add($"timestamp,flow,{name}");
        file.Times(40, 15, at => $"{at:yyyy-MM-ddTHH:mm}Z,{file.Value("flow", at)},{(file.Chance(3) ? "true" : "false")}");

        file.AssertRead(["x.csv"]);
        Assert.That(file.Proposal.LeftOut.Single(), Does.Contain("looks like a status or quality"));
    }

    [TestCase("readings.csv", true)]
    [TestCase("data_2026-03-14.csv", true)]
    [TestCase("export (1).csv", true)]
    [TestCase("log.txt", true)]
    [TestCase("Messwerte.csv", true)]
    [TestCase("L7.csv", false)]
    [TestCase("well-data.csv", false)]
    [TestCase("export_4711203.csv", false)]
    public void A_name_that_only_says_what_a_file_is_is_no_loggers_in_silence(string name, bool isAsked)
    {
        var file = new Lines(1);
        file.Add("timestamp,flow");
        file.Times(40, 15, at => $"{at:yyyy-MM-ddTHH:mm}Z,{file.Value("flow", at)}");

        Assert.That(Infer(($"/x/{name}", file.Text)).Proposals.Single().Topics, Is.EqualTo(isAsked ? (string[])["the logger"] : []));
    }

    [Test]
    public void Numbers_in_a_column_of_codes_are_no_loggers_in_silence([Values("code", "cde", "id", "param_code")] string name)
    {
        var file = new Lines(1);
        file.Add($"timestamp,{name},flow");
        file.Times(40, 15, at => string.Join('\n', ((int[])[17, 18]).Select(code
            => $"{at:yyyy-MM-ddTHH:mm}Z,{code},{file.Value($"{code}", at)}")));

        Assert.That(Infer(("/x/x.csv", file.Text)).Proposals.Single().Topics, Has.Some.Contains("logger"));
    }

    [TestCase("Serial_number:\n{0}\nProject ID:\n\nLocation:\nWell 7\n")]
    [TestCase("Logger ID\n{0}\nModel\nX200\n")]
    [TestCase("\"Serial Number\",\n\"{0}\",\n")]
    public void A_serial_number_below_its_label_is_found(string above)
    {
        Lines[] files = [new Lines(1) { Logger = "1062553" }, new Lines(2) { Logger = "1062554" }];
        foreach (Lines file in files)
        {
            file.Add(string.Format(CultureInfo.InvariantCulture, above, file.Logger).TrimEnd('\n').Split('\n'));
            file.Add("Date,Time,LEVEL,TEMP");
            file.Times(40, 15, at => $"{at:yyyy-MM-dd},{at:HH:mm:ss},{file.Value("LEVEL", at)},{file.Value("TEMP", at)}");
        }

        Proposal proposal = Infer([.. files.Select((file, i) => ($"/x/{i}.csv", file.Text))]).Proposals.Single();

        Assert.That(Read(proposal, "0.csv", files[0].Text), Is.EquivalentTo(files[0].Readings), string.Join('\n', proposal.Sure));
        Assert.That(Read(proposal, "1.csv", files[1].Text), Is.EquivalentTo(files[1].Readings));
    }

    [Test]
    public void A_day_a_line_of_lines_of_several_kinds_is_read_by_its_steps([Range(1, 2)] int seed, [Values(30, 15, 5)] int minutes)
    {
        var file = new Lines(seed);
        file.Add("100,NEM12,202603150900,MDP,RETAILER");
        foreach (string channel in (string[])["E1", "B1"])
        {
            file.Of("6123456789").Add($"200,6123456789,E1B1,,{channel},N1,METER1,kWh,{minutes},");
            for (int day = 0; day < 3; day++)
            {
                DateTime date = file.Start.AddDays(day);
                IEnumerable<string> values = Enumerable.Range(1, 1440 / minutes).Select(i => file.Value(channel,
                    date.AddMinutes(i * minutes)));
                file.Add($"300,{date:yyyyMMdd},{string.Join(',', values)},A,,,20260315090000,");
            }
        }
        file.Add("900");

        file.AssertRead(["nem12.csv"]);
        Assert.That(file.Proposal.Topics, Is.EqualTo((string[])["the zone", "the start or end of intervals"]));
    }

    [Test]
    public void Lines_of_another_kind_are_not_data_and_another_interval_is_quarantined()
    {
        ReadingFormat format = ReadingFormat.Default with
        {
            Layout = ReadingLayout.WideByTime, Text = new CsvText { HasHeader = false, DataStart = "300," },
                Timestamp = FieldSource.Column(2),
            TimestampFormats = ["yyyyMMdd HH:mm"], DayStep = TimeSpan.FromHours(12), Zone = "UTC", IgnoredColumns = ["#1"],
            Logger = FieldSource.PreamblePattern("^200,(?<logger>.+)"), Channel = FieldSource.Constant("kWh"),
        };
        const string Text = "100,x\n200,A\n300,20260301,1,2\n400,1,2,3\n500\n200,B\n400,7\n300,20260301,3,4\n300,20260302,5,6\n900\n";

        Assert.That(
            CsvReading.Read(Text, format).Rows.Select(row => $"{row.Logger} {row.TimestampUtc:dd HH} {row.Value}"),
            Is.EqualTo(new[] { "A 01 00 1", "A 01 12 2", "B 01 00 3", "B 01 12 4", "B 02 00 5", "B 02 12 6" }));
        Assert.That(
            CsvReading.Read(Text, format with { DayStep = TimeSpan.FromHours(6) }).BadFile?.Problem,
            Is.EqualTo("a line has not as many values as a day has times"));
    }

    [TestCase("shift_jis", "日時,流量(m3/h),圧力(kPa)", "流量(m3/h)", "圧力(kPa)", false)]
    [TestCase("windows-1252", "Date,Débit (m³/h),Température (°C)", "Débit (m³/h)", "Température (°C)", false)]
    [TestCase("windows-1251", "Дата,Расход,Давление", "Ðàñõîä", "Äàâëåíèå", true)]
    [TestCase("gb18030", "时间,流量,压力", "Á÷Á¿", "Ñ¹Á¦", true)]
    [TestCase("iso-8859-7", "Ημερομηνία,Ροή,Πίεση", "Ñïπ", "", true)]
    public void A_text_that_is_not_western_is_told_or_asked_about(string encoding, string header, string one, string two, bool isAsked)
    {
        var file = new Lines(1);
        file.Add(header);
        file.Times(40, 15, at => $"{at:yyyy/MM/dd HH:mm},{file.Value(one, at)},{file.Value(two, at)}");
        byte[] bytes = CodePagesEncodingProvider.Instance.GetEncoding(encoding)!.GetBytes(file.Text);

        Proposal proposal = FormatGuess.OfAsync([Sample.Of("/x/x.csv", bytes, true)], null,
            "/x").GetAwaiter().GetResult().Proposals.Single();

        Assert.That(proposal.Topics.Contains("the encoding"), Is.EqualTo(isAsked));
        if (isAsked) return;
        Assert.That(proposal.Format.Text.Encoding, Is.EqualTo(encoding));
        Assert.That(CsvReading.Read(bytes, proposal.Format).Rows.Select(row => row.Channel).Distinct(), Is.EqualTo(new[] { one, two }));
    }

    /// <summary>
    /// Tables with one to four lines of header: names in any of them, and above or below that stations, kinds, units, or how a column was
    /// measured. Channels are told apart, and nothing is lost.
    /// </summary>
    [Test]
    public void Headers_of_one_to_four_lines_are_read_or_asked_about([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        char separator = ",;\t"[random.Next(3)];
        int channels = random.Next(1, 5), lines = random.Next(1, 5);
        string[] names = [.. Enumerable.Range(0, channels).Select(i => ((string[])["Level", "Flow", "Temp", "Battery", "Rain"])[i])];
        string time = ((string[])["TIMESTAMP", "Date/Time", "Zeit", "time"])[random.Next(4)];
        string[][] others = [
            [.. names.Select(_ => "Smp")], [.. names.Select((_, i) => ((string[])["m", "l/s", "°C", "V", "mm"])[i])],
            [.. names.Select(_ => "Station 7")], [.. names.Select((_, i) => $"Sensor {i + 1}")]];
        random.Shuffle(others);
        int at = random.Next(lines);
        var file = new Lines(seed);
        for (int i = 0; i < lines; i++)
        {
            string[] cells = i == at ? [time, .. names] : [random.Next(2) == 0 ? "" : "TS", .. others[i]];
            file.Add(string.Join(separator, cells.Select(cell => separator == ',' && random.Next(4) == 0 ? $"\"{cell}\"" : cell)));
        }
        file.Times(60, 15, when => string.Join(
            separator, [$"{when:yyyy-MM-dd HH:mm:ss}", .. names.Select(name => file.Value(name, when))]));

        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> rest) = Infer(("/x/x.csv", file.Text));

        if (rest.Count > 0 || proposals.Any(one => one.Topics.Any(topic => topic != "the zone"))) return;
        Assert.That(Read(proposals.Single(), "x.csv", file.Text).ToHashSet().SetEquals(file.Readings), file.Text[..300]);
    }

    [Test]
    public void Headers_of_one_to_four_lines_are_seldom_asked_about()
    {
        // Otherwise the property above would hold for a proposal that always asks.
        int right = Enumerable.Range(1, 3).Count(lines =>
        {
            var file = new Lines(lines);
            file.Add(((string[])["TIMESTAMP,Level,Flow", "TS,m,l/s", ",Avg,Smp"])[..lines]);
            file.Times(60, 15, when => $"{when:yyyy-MM-dd HH:mm:ss},{file.Value("Level", when)},{file.Value("Flow", when)}");
            Proposal proposal = Infer(("/x/x.csv", file.Text)).Proposals.Single();
            return proposal.Topics.All(topic => topic == "the zone") && Read(proposal, "x.csv", file.Text).Count == 120;
        });

        Assert.That(right, Is.EqualTo(3));
    }

    private static string Ending(DateTime at, string format) => at.TimeOfDay == TimeSpan.Zero
        ? at.AddDays(-1).ToString(format, CultureInfo.InvariantCulture).Replace("00:00", "24:00", StringComparison.Ordinal)
        : at.ToString(format, CultureInfo.InvariantCulture);

    private static (IReadOnlyList<Proposal> Proposals, IReadOnlyList<NoProposal> Others) Infer(params (string Path, string Text)[] files) =>
        FormatGuess.OfAsync([.. files.Select(file => Sample.Of(file.Path, Encoding.UTF8.GetBytes(file.Text), true))], null, "/x")
            .GetAwaiter().GetResult();

    private static List<Reading> Read(Proposal proposal, string path, string text)
    {
        using var content = new FileContent(Encoding.UTF8.GetBytes(text));
        using IRowReader<Reading> reader = new CsvFormat<Reading>(proposal.Format)
            .Open(new SourceFile(path, 0, DateTime.UnixEpoch), content);
        var rows = new RowBatch<Reading>();
        while (reader.ReadAsync(rows, int.MaxValue, default).AsTask().GetAwaiter().GetResult()) { }
        Assert.That(rows.Rejects, Is.Empty);
        return [.. rows.Rows];
    }

    /// <summary>A file that is being written, and the readings in it.</summary>
    private sealed class Lines(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly StringBuilder _text = new();

        public string Logger { get; set; } = "x";

        public int Offset { get; init; }

        public DateTime Start { get; init; } = new DateTime(2025, 1, 1).AddDays(new Random(seed).Next(200));

        public List<Reading> Readings { get; } = [];

        public string Text => _text.ToString();

        public Proposal Proposal { get; private set; } = null!;

        public void Add(params string[] lines)
        {
            foreach (string line in lines) _text.Append(line).Append('\n');
        }

        public void Times(int count, int minutes, Func<DateTime, string> line)
        {
            for (int i = 0; i < count; i++) Add(line(Start.AddMinutes((double)i * minutes)));
        }

        public Lines Of(string logger)
        {
            Logger = logger;
            return this;
        }

        public bool Chance(int of) => _random.Next(of) == 0;

        public string Value(string channel, DateTime time, char point = '.')
        {
            double value = _random.Next(0, 10_000) / 100.0;
            Readings.Add(new Reading(Logger, channel, new DateTime(time.AddHours(-Offset).Ticks, DateTimeKind.Utc), value));
            return value.ToString("F2", CultureInfo.InvariantCulture).Replace('.', point);
        }

        public void AssertRead(string[] names)
        {
            (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) = Infer([.. names.Select(name => ($"/x/{name}", Text))]);
            Assert.That(others.Select(other => other.Why), Is.Empty, Text[..Math.Min(500, Text.Length)]);
            Proposal = proposals.Single();
            Assert.That(
                Read(Proposal, names[0], Text), Is.EquivalentTo(Readings), string.Join('\n', Proposal.Sure.Concat(Proposal.Decide)));
        }
    }
}
