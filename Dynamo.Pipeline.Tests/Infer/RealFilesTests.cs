using System.Globalization;
using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Real loggers' files, imported by what <c>dynamo infer</c> prints, with at most one edit. Each is counted independently, from its
/// text: cells = loaded + skipped + rejected,
/// and the sum of each channel to the last digit.
/// </summary>
[TestFixture]
internal sealed class RealFilesTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(240_000)]
    public Task L_TOWN_flows(CancellationToken token) =>
        ImportAsync(
            "ltown-2019-flows.csv", json => json.Replace("\"zone\": \"UTC\"", "\"zone\": \"Europe/Brussels\"", StringComparison.Ordinal),
            ';',
            [("p227", 1), ("p235", 2), ("PUMP_1", 3)], "ltown-2019-flows", ("2019-06-01 12:00:00", "2019-06-01T10:00:00.0000000"), token);

    [Test, CancelAfter(240_000)]
    public Task L_TOWN_levels(CancellationToken token) =>
        ImportAsync(
            "ltown-2019-levels.csv", json => json, ';', [("T1", 1)], "ltown-2019-levels",
            ("2019-06-01 12:00:00", "2019-06-01T12:00:00.0000000"), token);

    [Test, CancelAfter(240_000)]
    public Task WEUSEDTO_whole_house(CancellationToken token) =>
        ImportAsync(
            "weusedto-wholehouse.csv", json => json, ' ', [("wholehouse", 1)], "weusedto", ("1596503593", "2020-08-04T01:13:13.0000000"),
            token, hasHeader: false);

    [Test, CancelAfter(240_000)]
    public Task INBO_diver(CancellationToken token) =>
        ImportAsync(
            "inbo-diver-DYLP224X_79036.csv",
            json => json.Replace("\"column\": \"DRSO_SER_NBR\"", "\"column\": \"PPNT_CDE\"", StringComparison.Ordinal), ',',
            [("DRME_DRU", 6), ("DRME_TPU", 7)], "DYLP224X", ("2/05/2013 12:00:00 +01:00", "2013-05-02T11:00:00.0000000"), token);

    [Test, CancelAfter(240_000)]
    public Task E_Watch(CancellationToken token) =>
        ImportAsync(
            "ewatch-long.csv", json => json.Replace("\"zone\": \"UTC\"", "\"zone\": \"Europe/London\"", StringComparison.Ordinal), ',',
            [("AQ_CO", 4), ("ID_MAIN", 4)], "S0001", ("2020-02-14T00:00:33", "2020-02-14T00:00:33.0000000"), token, channelColumn: 3);

    [Test, CancelAfter(240_000)]
    public async Task Files_of_several_kinds_get_a_format_each(CancellationToken token)
    {
        string[] names = ["ltown-2019-levels.csv", "ewatch-long.csv", "weusedto-wholehouse.csv"];
        foreach (string name in names) File.Copy(SharedData.File(name), _folder[$"inbox/{name}"]);

        DynamoResult inferred = await _folder.RunAsync(token, ["infer", .. names.Select(name => $"inbox/{name}")]);
        await File.WriteAllTextAsync(_folder["dynamo.json"], inferred.StandardOutput, token);
        JsonElement run = await RunAsync(token);

        Assert.That(Count(run, "files", "loaded"), Is.EqualTo(3), inferred.StandardError);
        Assert.That(Count(run, "rows", "read"), Is.EqualTo(105_120 + 9 + 18_895));
    }

    /// <summary>
    /// Real files, damaged as editors, uploads and loggers do: what is proposed imports the file whole and without two readings of one key,
    /// or its first line says what it could not tell.
    /// </summary>
    [Test, CancelAfter(240_000)]
    public async Task A_damaged_real_file_imports_whole_or_says_what_it_could_not_tell([Range(1, 24)] int seed, CancellationToken token)
    {
        string[] files = [.. SharedData.Find("*.csv").Order(StringComparer.Ordinal)];
        if (files.Length == 0) Assert.Ignore("No real files are beside this repository.");
        var random = new Random(seed);
        string path = files[seed % files.Length];
        List<string> lines = [.. File.ReadLines(path).Take(random.Next(40, 400))];
        for (int times = random.Next(1, 4); times > 0; times--) Damage(lines, random);
        string text = string.Join('\n', lines) + (random.Next(4) == 0 ? "" : "\n");
        Sample sample = Sample.Of($"/x/{Path.GetFileName(path)}", System.Text.Encoding.UTF8.GetBytes(text), true);

        (IReadOnlyList<Proposal> proposals, IReadOnlyList<NoProposal> others) = await FormatGuess.OfAsync([sample], null, "/x", token);

        bool isSaid = others.Count > 0 || proposals.Any(proposal => proposal.Topics.Any(topic => topic != "the zone"));
        if (isSaid) return;
        Proof proof = proposals.Single().Proof;
        Assert.That((proof.Rejected, proof.Collided, proof.Files[0].Defect), Is.EqualTo((0, 0, (Defect?)null)), text[..Math.Min(600,
            text.Length)]);
        // Each line that is left but the header is read: none is taken for something else.
        int data = lines.Count(line => line.Any(char.IsAsciiDigit) && line.Count(char.IsLetter) <= 40 && line.Length > 8);
        long read = proof.Read + proof.Files[0].Skipped;
        Assert.That(read, Is.GreaterThanOrEqualTo(data - 3), text[..Math.Min(600, text.Length)]);
    }

    private static void Damage(List<string> lines, Random random)
    {
        int place = random.Next(1, lines.Count), other = random.Next(1, lines.Count);
        switch (random.Next(11))
        {
            case 0: lines.RemoveAt(place); break;
            case 1: lines.Insert(place, ""); break;
            case 2: lines[place] = lines[place][..(lines[place].Length / 2)]; break;
            case 3: lines.Insert(place, lines[place]); break;
            case 4: (lines[place], lines[other]) = (lines[other], lines[place]); break;
            case 5: lines.Insert(0, "Exported by a program"); break;
            case 6: lines.Insert(place, lines[0]); break;
            case 7: lines.Add("End of file"); break;
            case 8: lines.RemoveAt(0); break;
            case 9: lines[place] = lines[place].Replace('1', 'x'); break;
            default: lines[place] += ",7"; break;
        }
    }

    private async Task ImportAsync(
        string name, Func<string, string> edit, char separator, (string Channel, int Column)[] channels, string logger,
        (string Text, string Utc) instant,
        CancellationToken token, bool hasHeader = true, int? channelColumn = null)
    {
        string[][] cells = [
            .. File.ReadLines(SharedData.File(name)).Skip(hasHeader ? 1 : 0).Where(line => line.Length > 0).Select(
                line => Split(line, separator))];
        File.Copy(SharedData.File(name), _folder[$"inbox/{name}"]);

        DynamoResult inferred = await _folder.RunAsync(token, "infer", $"inbox/{name}");
        string edited = edit(inferred.StandardOutput);
        await File.WriteAllTextAsync(_folder["dynamo.json"], edited, token);
        JsonElement run = await RunAsync(token);

        // Exit code 1 says that there is something to decide, at least the zone.
        bool isOpen = inferred.StandardError.StartsWith("Not told by the samples:", StringComparison.Ordinal);
        Assert.That(inferred.ExitCode, Is.EqualTo(isOpen ? 1 : 0), inferred.StandardError);
        Assert.That(Edits(inferred.StandardOutput, edited), Is.LessThanOrEqualTo(1));
        long source = channelColumn is null ? (long)cells.Length * channels.Length : cells.Length;
        // A line whose timestamp does not exist in the zone is one reject and stands for all its cells.
        long lines = Sql.Rows(_folder["readings.db"], "select Line from RejectedRow where Problem like 'the timestamp%'").Length;
        Assert.That(
            Count(run, "rows", "read") + Count(run, "rows", "skipped") + (lines * (channelColumn is null ? channels.Length - 1 : 0)),
            Is.EqualTo(source), "loaded + rejected + skipped");
        Assert.That(Count(run, "rows", "rejected"), Is.EqualTo(lines));
        Assert.That(
            Count(run, "rows", "read"),
            Is.EqualTo(
                Count(run, "rows", "inserted") + Count(run, "rows", "updated") + Count(run, "rows", "unchanged")
                    + Count(run, "rows", "rejected")));
        Assert.That(Count(run, "files", "loaded"), Is.EqualTo(1));
        foreach ((string channel, int column) in channels)
            AssertValues(
                channel,
                [.. cells.Where(line => channelColumn is null || line[channelColumn.Value] == channel).Select(line => line[column])], run);
        string first = cells.First(line => line.Contains(instant.Text)) is var line && channelColumn is null
            ? line[channels[0].Column]
            : line[4];
        Assert.That(
            Sql.Rows(
                _folder["readings.db"],
                $"select Logger || ' ' || Value from Reading where TimestampUtc like '{instant.Utc[..19]}%' or TimestampUtc like "
                    + $"'{instant.Utc[..19].Replace('T', ' ')}%'"),
            Has.Some.EqualTo($"{logger} {Shortest(first)}"));
    }

    private async Task<JsonElement> RunAsync(CancellationToken token) =>
        DynamoFolder.Json(
            await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--sink", "sqlite:readings.db", "--settle", "0", "--json"));

    /// <summary>
    /// Sums in whole units of the last decimal: no rounding. Rows that replace others are not in the table, so these are only
    /// counted.
    /// </summary>
    private void AssertValues(string channel, string[] texts, JsonElement run)
    {
        string[] rows = Sql.Rows(_folder["readings.db"], $"select Value from Reading where Channel = '{channel}'");
        if (Count(run, "rows", "updated") + Count(run, "rows", "unchanged") + Count(run, "rows", "rejected") > 0)
        {
            Assert.That(rows, Has.Length.LessThan(texts.Length), channel);
            return;
        }
        Assert.That(rows, Has.Length.EqualTo(texts.Length), channel);
        Assert.That(rows.Sum(Decimal), Is.EqualTo(texts.Sum(Decimal)), channel);
    }

    private static decimal Decimal(string text) => decimal.Parse(text.Replace(',', '.'), NumberStyles.Float, CultureInfo.InvariantCulture);

    private static string Shortest(string text)
    {
        string shown = double.Parse(text.Replace(',', '.'), CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture);
        return shown.Contains('.') ? shown : shown + ".0";
    }

    private static int Edits(string before, string after) =>
        before.Split('\n').Zip(after.Split('\n')).Count(lines => lines.First != lines.Second);

    private static string[] Split(string line, char separator) =>
        line.StartsWith('"') ? line.Trim('"').Split($"\"{separator}\"") : line.Split(separator);

    private static long Count(JsonElement json, string what, string name) => json.GetProperty(what).GetProperty(name).GetInt64();
}
