using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Compressed files: what is in them is read as if it had been delivered itself, and what is wrong with them is said. Each file is read
/// from memory and as a stream of a few bytes at a time.
/// </summary>
[TestFixture(true)]
[TestFixture(false)]
internal sealed class PackedFilesTests(bool streamed)
{
    private const string Header = "timestamp,flow\n";

    private static readonly ReadingFormat s_wide = ReadingFormat.WideByChannel;

    [Test]
    public void A_gz_is_one_file_that_has_its_name_without_the_ending()
    {
        Outcome<Reading> read = Read("north/L7.csv.gz", Pack.Gzip(Table(1, 3)));

        Assert.That(read.BadFile, Is.Null);
        Assert.That(read.Rows.Select(row => $"{row.Logger} {row.Value}"), Is.EqualTo(new[] { "L7 1", "L7 2", "L7 3" }));
        Assert.That(read.Lines, Is.EqualTo(new[] { 2, 3, 4 }));
    }

    [Test]
    public void A_gz_may_have_several_members_names_comments_and_zeros_behind_it()
    {
        byte[] first = Pack.Gzip(Table(1, 2)), second = Pack.Gzip("2026-01-02T00:00Z,9\n");
        byte[] named = [.. first[..3], 0x1E, .. first[4..10], 2, 0, 9, 9, .. "L1.csv\0why\0"u8, 7, 7, .. first[10..]];

        Assert.That(Read("a.csv.gz", [.. named, .. second, .. new byte[20_000]]).Rows.Select(row => row.Value), Is.EqualTo(new[] { 1,
            2, 9 }));
    }

    [Test]
    public void The_entries_of_a_zip_are_read_one_after_the_other_by_their_own_names()
    {
        Outcome<Reading> read = Read("week.zip", Pack.Zip(("north/L1.csv", Table(1, 2)), ("L2.csv", Table(5, 1)), ("empty/", "")));

        Assert.That(read.BadFile, Is.Null);
        Assert.That(read.Rows.Select(row => $"{row.Logger} {row.Value}"), Is.EqualTo(new[] { "L1 1", "L1 2", "L2 5" }));
    }

    [Test]
    public void A_path_pattern_may_match_the_entry_or_the_archive()
    {
        byte[] zip = Pack.Zip(("data/readings.csv", Table(1, 1)));

        Assert.That(
            Read("S12_2026.zip", zip, s_wide with { Logger = FieldSource.PathPattern("(?<logger>[^/]+)_[0-9]+\\.zip$") }).Rows[0].Logger,
            Is.EqualTo("S12"));
        Assert.That(
            Read("S12.zip", zip, s_wide with { Logger = FieldSource.PathPattern("(?<logger>[^/]+)/readings\\.csv$") }).Rows[0].Logger,
            Is.EqualTo("data"));
    }

    [Test]
    public void A_bad_line_is_named_with_its_entry_and_its_line_in_the_text()
    {
        Outcome<Reading> read = Read("north/week.zip", Pack.Zip(("L1.csv", Table(1, 2)), ("L2.csv", Table(5, 1)
            + "2026-01-02T00:00Z,x\n")));

        Assert.That(read.Rows, Has.Count.EqualTo(3));
        Assert.That(read.Rejects.Single().ToString(), Does.StartWith("line 3, column flow: week.zip!L2.csv: the value is not a number"));
    }

    [Test]
    public void A_bad_entry_makes_the_archive_bad_and_is_named()
    {
        Assert.That(
            Read("week.zip", Pack.Zip(("L1.csv", Table(1, 2)), ("x\u001b[2J.csv", ""))).BadFile?.Problem,
            Is.EqualTo("week.zip!x\\u001b[2J.csv: the file is empty"));
    }

    [Test]
    public void A_file_that_is_cut_off_anywhere_is_bad([Values("gz", "zip")] string kind)
    {
        byte[] whole = kind == "gz" ? Pack.Gzip(Table(1, 40)) : Pack.Zip(("L1.csv", Table(1, 40)));
        for (int length = 1; length < whole.Length; length++)
        {
            Outcome<Reading> read = Read($"L1.{kind}", whole[..length]);
            Assert.That(read.BadFile, Is.Not.Null, $"{length} of {whole.Length} bytes");
            Assert.That(read.BadFile!.ToString(), Does.Contain("cut off").Or.Contain("this is no"), $"{length} of {whole.Length} bytes");
        }
    }

    [Test]
    public void A_byte_that_is_wrong_in_the_data_is_noticed([Values("gz", "zip")] string kind)
    {
        byte[] whole = kind == "gz" ? Pack.Gzip(Table(1, 40)) : Pack.Zip(("L1.csv", Table(1, 40)));
        int from = kind == "gz" ? 10 : 30 + "L1.csv".Length, to = kind == "gz" ? whole.Length : from + Pack.Packed(whole);
        for (int at = from; at < to; at++)
        {
            byte[] bad = [.. whole];
            bad[at] ^= 0x10;
            Outcome<Reading> read = Read($"L1.{kind}", bad);
            // Bits behind the end of the data mean nothing.
            bool isSame = at == to - 1 && read.Rows.Sum(row => row.Value) == 820;
            Assert.That(read.BadFile is not null || isSame, $"byte {at} of {whole.Length}");
        }
    }

    [TestCase("L1.csv.gz", "this is no gzip file")]
    [TestCase("L1.zip", "this is no zip file")]
    public void Something_else_by_that_name_is_bad(string name, string problem) =>
        Assert.That(Read(name, Encoding.UTF8.GetBytes(Table(1, 5))).BadFile?.Problem, Is.EqualTo(problem));

    [Test]
    public void What_follows_the_text_of_a_gz_is_not_lost_in_silence() =>
        Assert.That(
            Read("a.csv.gz", [.. Pack.Gzip(Table(1, 2)), .. "more\n"u8]).BadFile?.Problem,
            Is.EqualTo("the gzip file is damaged: something follows the text"));

    [Test]
    public void A_file_that_unpacks_to_more_than_it_may_is_bad()
    {
        byte[] zeros = new byte[5_000_000];
        string endless = Header + string.Concat(Enumerable.Repeat("2026-01-01T00:00Z,1\n", 60_000));

        Assert.Multiple(() =>
        {
            Assert.That(Read("a.csv.gz", Pack.Gzip(endless), limit: 1_000_000).BadFile?.Problem,
                Does.EndWith("unpacks to more than it may"));
            Assert.That(
                Read("a.zip", Pack.Zip(("a.csv", endless[..600_000]), ("b.csv", endless[..600_000])), limit: 1_000_000).BadFile?.Problem,
                Is.EqualTo("a.zip!b.csv: the file unpacks to more than it may"));
            Assert.That(Read("a.csv.gz", Pack.Gzip(zeros)).BadFile?.Problem, Is.EqualTo("the file is not text"));
        });
    }

    [TestCase("../../etc/L1.csv")]
    [TestCase("/etc/L1.csv")]
    [TestCase("..\\L1.csv")]
    [TestCase("C:\\L1.csv")]
    public void A_name_that_leads_out_of_the_archive_is_refused(string name) =>
        Assert.That(
            Read("a.zip", Pack.Zip((name, Table(1, 1)))).BadFile?.Problem, Is.EqualTo("an entry's name leads out of the archive"));

    [Test]
    public void Two_entries_of_one_name_are_refused() =>
        Assert.That(
            Read("a.zip", Pack.Zip(("L1.csv", Table(1, 1)), ("L1.csv", Table(2, 1)))).BadFile?.Problem,
            Is.EqualTo("two entries of the archive have one name"));

    [Test]
    public void An_archive_in_an_archive_is_refused()
    {
        const string Nested = "there is an archive inside the archive";
        byte[] inner = Pack.Zip(("L1.csv", Table(1, 1)));

        Assert.That(Read("a.zip", Pack.Zip(("inner.zip", inner))).BadFile?.Problem, Is.EqualTo($"a.zip!inner.zip: {Nested}"));
        Assert.That(Read("a.zip", Pack.Zip(("inner.csv", inner))).BadFile?.Problem, Is.EqualTo($"a.zip!inner.csv: {Nested}"));
        Assert.That(Read("a.csv.gz", Pack.Gzip(Pack.Gzip(Table(1, 1)))).BadFile?.Problem, Is.EqualTo(Nested));
        Assert.That(Read("a.tar.gz", Pack.Gzip(Table(1, 1))).BadFile?.Problem, Is.EqualTo(Nested));
    }

    [Test]
    public void An_encrypted_entry_is_refused()
    {
        byte[] zip = Pack.Zip(("L1.csv", Table(1, 1)));
        zip[zip.AsSpan().LastIndexOf("PK\x01\x02"u8) + 8] |= 1;

        Assert.That(Read("a.zip", zip).BadFile?.Problem, Is.EqualTo("a.zip!L1.csv: the entry is encrypted"));
    }

    [Test]
    public void An_entry_that_is_packed_in_an_unknown_way_is_refused()
    {
        byte[] zip = Pack.Zip(("L1.csv", Table(1, 1)));
        zip[zip.AsSpan().LastIndexOf("PK\x01\x02"u8) + 10] = 14;

        Assert.That(Read("a.zip", zip).BadFile?.Problem, Does.StartWith("a.zip!L1.csv: the zip file is damaged").And.Contain("LZMA"));
    }

    [Test]
    public void A_directory_that_would_need_much_memory_is_refused_unread()
    {
        byte[] zip = Pack.Zip(("L1.csv", Table(1, 1)));
        BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(zip.Length - 10), 1u << 30);

        Assert.That(Read("a.zip", zip).BadFile?.Problem, Is.EqualTo("the archive has too many entries"));
    }

    [Test]
    public void Only_entries_like_the_pattern_are_read_and_never_hidden_ones()
    {
        byte[] zip = Pack.Zip(
            ("produkt_1.txt", Table(1, 1)), ("Metadaten_1.txt", "x"), ("__MACOSX/._produkt_1.txt", "x"), (".DS_Store", "x"));

        Assert.That(Read("a.zip", zip, entries: "produkt_*.txt").Rows.Select(row => row.Logger), Is.EqualTo(new[] { "produkt_1" }));
        Assert.That(
            Read("a.zip", zip, entries: "*.csv").BadFile?.ToString(),
            Does.StartWith("no entry of the archive is a file to read; found 'produkt_1.txt, Metadaten_1.txt").And.Contain("a name "
                + "like *.csv"));
        Assert.That(Read("a.zip", Pack.Zip(("a/", ""))).BadFile?.Problem, Is.EqualTo("no entry of the archive is a file to read"));
    }

    [Test]
    public void With_a_limit_of_zero_the_format_gets_the_file_as_it_is() =>
        Assert.That(Read("a.csv.gz", Encoding.UTF8.GetBytes(Table(1, 2)), limit: 0).Rows, Has.Count.EqualTo(2));

    [Test]
    public void Any_text_comes_out_as_it_went_in([Values(1, 7, 8191, 8192, 20_000)] int lines,
        [Values(CompressionLevel.NoCompression, CompressionLevel.Fastest)] CompressionLevel level)
    {
        string text = Table(1, lines);
        double[] values = [.. Enumerable.Range(1, lines).Select(i => (double)i)];

        Assert.That(Read("a.csv.gz", Pack.Gzip(Encoding.UTF8.GetBytes(text), level)).Rows.Select(row => row.Value), Is.EqualTo(values));
        Assert.That(Read("a.zip", Pack.Zip(level, ("a.csv", Encoding.UTF8.GetBytes(text)))).Rows.Select(row => row.Value),
            Is.EqualTo(values));
    }

    private Outcome<Reading> Read(
        string path, byte[] bytes, ReadingFormat? format = null, long limit = 1 << 30, string? entries = null)
    {
        var unpacking = new UnpackingFormat<Reading>(
            new CsvFormat<Reading>(format ?? s_wide), limit, entries is null ? null : new FilePattern(entries));
        using var content = streamed ? new FileContent(new DribblingStream(bytes, 999)) : new FileContent(bytes);
        var rows = new RowBatch<Reading>();
        Outcome<Reading> With(Defect? defect) => new(rows.Rows, rows.Lines, rows.Rejects, defect);
        try
        {
            using IRowReader<Reading> reader = unpacking.Open(new SourceFile(path, bytes.Length, DateTime.UnixEpoch), content);
            while (reader.ReadAsync(rows, rows.Count + 4096, default).AsTask().GetAwaiter().GetResult()) { }
            return With(null);
        }
        catch (BadFileException bad)
        {
            return With(bad.Defect);
        }
    }

    private static string Table(int first, int lines) => Header + string.Concat(Enumerable.Range(0, lines).Select(i =>
        string.Create(CultureInfo.InvariantCulture, $"{DateTime.UnixEpoch.AddMinutes(i):s}Z,{first + i}\n")));
}

/// <summary>Makes compressed files.</summary>
internal static class Pack
{
    public static byte[] Gzip(string text) => Gzip(Encoding.UTF8.GetBytes(text));

    public static byte[] Gzip(byte[] bytes, CompressionLevel level = CompressionLevel.Optimal)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, level, leaveOpen: true)) gzip.Write(bytes);
        return packed.ToArray();
    }

    /// <summary>How many bytes the first entry of an archive has in it.</summary>
    public static int Packed(byte[] zip)
    {
        using var archive = new ZipArchive(new MemoryStream(zip));
        return (int)archive.Entries[0].CompressedLength;
    }

    public static byte[] Zip(params (string Name, string Text)[] entries) =>
        Zip([.. entries.Select(entry => (entry.Name, Encoding.UTF8.GetBytes(entry.Text)))]);

    public static byte[] Zip(params (string Name, byte[] Bytes)[] entries) => Zip(CompressionLevel.Optimal, entries);

    public static byte[] Zip(CompressionLevel level, params (string Name, byte[] Bytes)[] entries)
    {
        var packed = new MemoryStream();
        using (var zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }
        return packed.ToArray();
    }
}
