using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

[TestFixture]
internal sealed class SettingsTests
{
    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task Every_wrong_key_and_value_of_all_places_is_named_in_one_message(CancellationToken token)
    {
        await WriteConfigAsync("""
            { "sorce": "inbox", "readers": 0, "format": { "seperator": ";", "shape": "wyde", "zone": "Europe/Bruxelles" }, "after": true }
            """, token);
        var environment = new Dictionary<string, string?> { ["DYNAMO__BATCH_ROWS"] = "5", ["DYNAMO__CHUNK"] = "many" };

        DynamoResult run = await _folder.RunAsync(
            environment, token, "run", "--config", "dynamo.json", "--duplicates", "lst", "--paterns", "*.txt");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.StandardOutput, Is.Empty);
            Assert.That(run.StandardError, Does.StartWith("dynamo: 10 problems with the settings; nothing was read or written."));
            Assert.That(
                run.StandardError,
                Does.Contain("--paterns: there is no such option (dynamo run --help shows all). Did you mean --pattern?"));
            Assert.That(run.StandardError, Does.Contain("dynamo.json: sorce: there is no such setting. Did you mean dynamo.json: source?"));
            Assert.That(run.StandardError, Does.Contain("dynamo.json: readers: found '0', allowed is auto, or a whole number, 1 or more."));
            Assert.That(
                run.StandardError,
                Does.Contain("dynamo.json: format:seperator: there is no such setting. Did you mean dynamo.json: format:separator?"));
            Assert.That(
                run.StandardError,
                Does.Contain(
                    "dynamo.json: format:shape: found 'wyde', allowed is long, wide, wideByLogger or wideByTime. Did you mean wide?"));
            Assert.That(run.StandardError, Does.Contain("dynamo.json: format:zone: found 'Europe/Bruxelles'"));
            Assert.That(run.StandardError, Does.Contain("dynamo.json: after: found 'True', allowed is keep, archive or delete."));
            Assert.That(run.StandardError, Does.Contain("DYNAMO__BATCH_ROWS: there is no such setting. Did you mean DYNAMO__BATCHROWS?"));
            Assert.That(run.StandardError, Does.Contain("DYNAMO__CHUNK: found 'many'"));
            Assert.That(run.StandardError, Does.Contain("--duplicates: found 'lst', allowed is last, first or reject. Did you mean last?"));
        });
    }

    [TestCase("--source: Option '--source' expects a single argument but 2 were provided.", "--source", "inbox", "--source", "inbox")]
    [TestCase("--config: Required argument missing for option: '--config'.", "--config")]
    [CancelAfter(120_000)]
    public async Task An_option_that_comes_twice_or_without_its_value_is_named(string message, string first, params string[] more)
    {
        DynamoResult run = await _folder.RunAsync(TestContext.CurrentContext.CancellationToken, ["run", first, .. more]);

        Assert.That((run.ExitCode, run.StandardError), Is.EqualTo((2, $"dynamo: {message}\n".ReplaceLineEndings())));
    }

    [Test, CancelAfter(120_000)]
    public async Task Two_tables_of_one_name_are_refused(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(
            new Dictionary<string, string?> { ["DYNAMO__TABLE__NAME"] = "importrun" }, token, "run", "--source", "inbox", "--sink",
            "sqlite:readings.db");

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.StartWith("dynamo: table: Two tables are named importrun"));
    }

    [Test, CancelAfter(120_000)]
    public async Task Paths_in_a_file_start_at_its_folder_and_later_places_win(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["etc"]);
        _folder.PutText("a.txt", "logger,channel,timestamp,value\nL1,flow,2025-01-01T00:00:00Z,1.5\n");
        await File.WriteAllTextAsync(_folder["etc/dynamo.json"],
            """{ "source": "../inbox", "sink": "sqlite:readings.db", "pattern": "*.csv", "after": "delete" } // comments are fine""",
            token);
        var environment = new Dictionary<string, string?> { ["DYNAMO__PATTERN"] = "*.txt", ["DYNAMO__AFTER"] = "archive" };

        DynamoResult run = await _folder.RunAsync(environment, token, "run", "--config", "etc/dynamo.json", "--after", "keep");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.Zero, run.StandardError);
            Assert.That(File.Exists(_folder["etc/readings.db"]));
            Assert.That(File.Exists(_folder["inbox/a.txt"]), "the argument wins over the environment, which wins over the file");
        });
    }

    [TestCase("{ \"source\": \"inbox\",\n  \"after\" \"keep\" }", "line 2, column 11",
        TestName = "Json_that_cannot_be_read_is_named_with_line_and_column")]
    [TestCase("[1]", "found a JSON array, expected an object", TestName = "Json_that_is_no_object_is_refused")]
    [TestCase("{ \"after\": \"keep\", \"after\": \"delete\" }", "not valid JSON", TestName = "A_key_that_comes_twice_is_refused")]
    [CancelAfter(120_000)]
    public async Task A_broken_file_is_refused(string json, string expected, CancellationToken token)
    {
        await WriteConfigAsync(json, token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.StandardError, Does.Contain("dynamo.json").And.Contains(expected));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task Addresses_with_a_password_in_them_are_refused_without_showing_it(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(
            token, "run", "--source", "sftp://me:hunter2@host/inbox", "--sink", "sqlserver:Password=hunter2", "--passwort", "hunter2");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.StandardError, Does.Contain("an address with a password in it").And.Contains("allowed is sqlserver alone"));
            Assert.That(run.StandardError, Does.Not.Contain("hunter2"));
        });
    }

    [Test, CancelAfter(120_000)]
    public async Task A_sink_without_a_source_does_not_import_the_samples(CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, "run", "--sink", "sqlite:production.db");

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.StandardError, Does.Contain("source: nothing says what to import. Add --source DIR"));
            Assert.That(File.Exists(_folder["production.db"]), Is.False);
        });
    }

    [TestCase("stats", "status")]
    [TestCase("rnu", "run")]
    [CancelAfter(120_000)]
    public async Task A_mistyped_command_is_suggested(string typed, string meant, CancellationToken token)
    {
        DynamoResult run = await _folder.RunAsync(token, typed);

        Assert.Multiple(() =>
        {
            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(
                run.StandardError, Does.Contain($"{typed}: there is no such command (dynamo --help shows all). Did you mean {meant}?"));
        });
    }

    [TestCase("auto", null)]
    [TestCase(" AUTO ", null)]
    [TestCase("12", 12)]
    public void Readers_are_a_number_or_auto(string text, int? expected)
    {
        var problems = new List<SettingProblem>();
        HostSettings eight = HostSettings.Default with { Pipeline = new PipelineOptions { Readers = 8 } };

        HostSettings settings = SettingCatalogue.Find("readers")!.TryApply(eight, [text], "readers", problems);

        Assert.That(problems, Is.Empty);
        Assert.That(settings.Pipeline.Readers, Is.EqualTo(expected));
    }

    private Task WriteConfigAsync(string json, CancellationToken token) => File.WriteAllTextAsync(_folder["dynamo.json"], json, token);
}
