using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>Compressed files through the real program: loaded once, kept by what was delivered, large ones streamed.</summary>
[TestFixture, CancelAfter(240_000)]
internal sealed class PackedImportTests
{
    private const string Header = "logger,channel,timestamp,value\n";

    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task They_are_loaded_once_and_archived_as_they_were_delivered(CancellationToken token)
    {
        byte[] gzip = Pack.Gzip(Header + "L1,flow,2026-01-01T00:00Z,1\n");
        byte[] zip = Pack.Zip(("a.csv", Header + "L2,flow,2026-01-01T00:00Z,2\n"), ("b.csv", Header + "L3,flow,2026-01-01T00:00Z,x\n"
            + "L3,flow,2026-01-01T00:15Z,3\n"));
        Put("a.csv.gz", gzip);
        Put("b.zip", zip);
        Put("c.csv.gz", gzip[..^9]);
        _folder.Put("d.csv", "L4,flow,2026-01-01T00:00Z,4");

        JsonElement first = await _folder.ImportAsync(token, "--pattern", "*.csv;*.csv.gz;*.zip", "--after", "archive");
        Put("a.csv.gz", gzip);
        JsonElement second = await _folder.ImportAsync(token, "--pattern", "*.csv;*.csv.gz;*.zip", "--after", "archive");

        Assert.Multiple(() =>
        {
            Assert.That(first.GetProperty("files").GetProperty("loaded").GetInt32(), Is.EqualTo(3), first.ToString());
            Assert.That(second.GetProperty("files").GetProperty("alreadyLoaded").GetInt32(), Is.EqualTo(1), second.ToString());
            Assert.That(
                Sql.Rows(_folder["readings.db"], "select Logger || Value from Reading order by 1"),
                Is.EqualTo(new[] { "L11.0", "L22.0", "L33.0", "L44.0" }));
            Assert.That(
                Sql.Rows(_folder["readings.db"], "select Path || ' ' || Line || ' ' || Problem from RejectedRow"),
                Is.EqualTo(new[] { "b.zip 2 b.zip!b.csv: the value is not a number" }));
            Assert.That(Sql.Rows(_folder["readings.db"], "select Size from ImportedFile where Path = 'b.zip'"),
                Is.EqualTo(new[] { $"{zip.Length}" }));
            Assert.That(ScratchFolder.Archived(_folder["inbox/archive"]), Does.Contain("b.zip").And.Contain("a.csv.gz"));
            Assert.That(
                File.ReadAllText(_folder["inbox/quarantine/c.csv.gz.reason.json"]), Does.Contain("the gzip file is").And.Contain("cut "
                    + "off"));
        });
    }

    [Test]
    public async Task A_small_file_that_unpacks_to_a_large_one_is_streamed([Values("gz", "zip")] string kind, CancellationToken token)
    {
        const int Rows = 60_000;
        string text = Header + string.Concat(Enumerable.Range(0, Rows).Select(i
            => $"L1,flow,{DateTime.UnixEpoch.AddMinutes(i):s}Z,{i % 7}\n"));
        Put($"a.{kind}", kind == "gz" ? Pack.Gzip(text) : Pack.Zip(("a.csv", text)));

        JsonElement run = await _folder.ImportAsync(token, "--pattern", $"*.{kind}");

        Assert.That(run.GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(Rows), run.ToString());
    }

    [Test]
    public async Task A_large_archive_is_read_as_a_stream(CancellationToken token)
    {
        var random = new Random(1);
        string text = Header + string.Concat(
            Enumerable.Range(0, 40_000).Select(i => $"L1,flow,{DateTime.UnixEpoch.AddMinutes(i):s}Z,{random.NextDouble():R}\n"));
        byte[] zip = Pack.Zip(System.IO.Compression.CompressionLevel.NoCompression, ("a.csv", System.Text.Encoding.UTF8.GetBytes(text)));
        Put("a.zip", zip);
        Put("b.zip", zip[..(zip.Length / 2)]);

        JsonElement run = await _folder.ImportAsync(token, "--pattern", "*.zip");

        Assert.That(zip, Has.Length.GreaterThan(1 << 20));
        Assert.That(run.GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(40_000), run.ToString());
        Assert.That(run.GetProperty("files").GetProperty("quarantined").GetInt64(), Is.EqualTo(1), run.ToString());
    }

    [Test]
    public async Task From_a_server_too_also_large_ones(CancellationToken token)
    {
        Sshd.Require();
        using var sshd = new Sshd(_folder.Path);
        var random = new Random(1);
        string text = Header + string.Concat(
            Enumerable.Range(0, 90_000).Select(i => $"L1,flow,{DateTime.UnixEpoch.AddMinutes(i):s}Z,{random.NextDouble():R}\n"));
        Put("a.csv.gz", Pack.Gzip(text));
        Put("b.zip", Pack.Zip(("b.csv", Header + "L2,flow,2026-01-01T00:00Z,2\n")));
        Put("c.zip", Pack.Zip(("c.csv", text.Replace("L1", "L3", StringComparison.Ordinal))));

        DynamoResult run = await _folder.RunAsync(
            token, ["run", .. sshd.Arguments(_folder["inbox"]), "--pattern", "*.gz;*.zip", "--sink", "sqlite:readings.db", "--json"]);

        Assert.That(new FileInfo(_folder["inbox/a.csv.gz"]).Length, Is.GreaterThan(1 << 20));
        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(
            Sql.Rows(_folder["readings.db"], "select Logger || ' ' || count(*) from Reading group by Logger order by 1"),
            Is.EqualTo(new[] { "L1 90000", "L2 1", "L3 90000" }));
    }

    [Test]
    public async Task Infer_looks_into_a_gz_and_its_proposal_imports_it(CancellationToken token)
    {
        Put("L1.csv.gz", Pack.Gzip(Wide("flow", 1)));
        Put("L2.csv.gz", Pack.Gzip(Wide("flow", 2)));

        DynamoResult inferred = await _folder.RunAsync(token, "infer", "inbox", "--out", "dynamo.json");
        DynamoResult check = await _folder.RunAsync(token, "check", "--config", "dynamo.json");
        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--json");

        Assert.That(inferred.StandardError, Does.StartWith("All 40 readings of 2 files would be imported, none twice."));
        Assert.That(File.ReadAllText(_folder["dynamo.json"]), Does.Contain("\"pattern\": \"*.csv.gz\"").And.Not.Contain("entries"));
        Assert.That(check.StandardOutput, Does.Contain("L1"), check.StandardError);
        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(
            Sql.Rows(_folder["readings.db"], "select distinct Logger from Reading order by 1"), Is.EqualTo(new[] { "L1", "L2" }));
    }

    [Test]
    public async Task Infer_looks_into_a_zip_and_says_which_entries_it_leaves_out(CancellationToken token)
    {
        Put("week1.zip", Pack.Zip(("produkt_L1.txt", Wide("flow", 1)), ("readme.txt", "Some words.\nNo table.\n")));
        Put("week2.zip", Pack.Zip(("produkt_L2.txt", Wide("flow", 2))));
        Put("week3.zip", [1, 2, 3]);

        DynamoResult inferred = await _folder.RunAsync(token, "infer", "inbox", "--out", "dynamo.json");
        File.Delete(_folder["inbox/week3.zip"]);
        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--json");

        Assert.That(
            inferred.StandardError,
            Does.StartWith("Not told by the samples: a file that is not understood; ").And.Contain("entries that are left out")
                .And.Contain("week3.zip: this is no zip file"));
        Assert.That(
            File.ReadAllText(_folder["dynamo.json"]),
            Does.Contain("\"pattern\": \"*.zip\"").And.Contain("\"entries\": \"produkt_*.txt\""), inferred.StandardError);
        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(DynamoFolder.Json(run).GetProperty("rows").GetProperty("inserted").GetInt64(), Is.EqualTo(40));
    }

    private static string Wide(string channel, int value) => $"timestamp,{channel}\n"
        + string.Concat(Enumerable.Range(0, 20).Select(i => $"{new DateTime(2026, 3, 14).AddMinutes(15 * i):s}Z,{value}.{i}\n"));

    private void Put(string name, byte[] bytes)
    {
        string path = _folder[$"inbox/{name}"];
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }
}
