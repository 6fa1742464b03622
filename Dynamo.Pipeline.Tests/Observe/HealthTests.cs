using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>The line for monitoring systems, texts that leave the machine, and the settings of the page.</summary>
[TestFixture, CancelAfter(60_000)]
internal sealed class HealthTests
{
    private static readonly DateTime s_now = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    [TestCase("completed", 10, 0, null, 0, "DYNAMO OK - the last run ended 10 min ago | age=600s;;7200 quarantined=0;0")]
    [TestCase("completed", 180, 0, null, 2, "DYNAMO CRITICAL - the last run ended 3 h ago | age=10800s;;7200 quarantined=0;0")]
    [TestCase("running", 1, 0, null, 0, "DYNAMO OK - its last sign of life is 60 s old | age=60s;;7200 quarantined=0;0")]
    [TestCase("failed", 1, 0, "disk | full\nagain", 2,
        "DYNAMO CRITICAL - the last run failed: disk / full again; the last run ended 60 s ago | age=60s;;7200 quarantined=0;0")]
    [TestCase("interrupted", 1, 3, null, 2,
        "DYNAMO CRITICAL - the last run was killed; 3 files are in quarantine; the last run ended 60 s ago "
            + "| age=60s;;7200 quarantined=3;0")]
    [TestCase("completed", 1, 1, null, 1,
        "DYNAMO WARNING - 1 file is in quarantine; the last run ended 60 s ago | age=60s;;7200 quarantined=1;0")]
    public void The_worst_comes_first_and_the_figures_behind_a_bar(
        string outcome, int minutes, int quarantined, string? reason, int code, string line)
    {
        Health health = Health.Of(Run(outcome, minutes, reason), quarantined, null, TimeSpan.FromHours(2), null, s_now);

        Assert.That(((int)health.State, health.Line), Is.EqualTo((code, line)));
    }

    [TestCase(10, 10, HealthState.Ok)]
    [TestCase(11, 10, HealthState.Warning)]
    public void Late_loggers_count_from_the_number_that_is_allowed(int late, int most, HealthState state) =>
        Assert.That(
            Health.Of(Run("completed", 1, null), 0, (late, 500), TimeSpan.FromHours(2), most, s_now).State, Is.EqualTo(state));

    [Test]
    public void Without_any_run_it_is_critical() =>
        Assert.That(Health.Of(null, 0, null, TimeSpan.FromHours(2), null, s_now).Line, Is.EqualTo("DYNAMO CRITICAL - no run yet"));

    [Test]
    public async Task A_database_that_cannot_be_read_is_unknown_and_says_why(CancellationToken token)
    {
        using var folder = new ScratchFolder();

        DynamoResult result = await DynamoProcess.RunAsync(["status", "--sink", "sqlite:none.db", "--check"], folder.Path, null, token);

        Assert.That(result.ExitCode, Is.EqualTo(3));
        Assert.That(result.StandardOutput, Does.StartWith("DYNAMO UNKNOWN - The database").And.Contain("does not exist"));
    }

    [TestCase("--max-age", "soon", "found 'soon'")]
    [TestCase("--max-late", "-1", "found '-1'")]
    [TestCase("--settings", "none.json", "none.json")]
    public async Task A_wrong_question_is_unknown_and_no_outage(string option, string value, string why)
    {
        using var folder = new ScratchFolder();

        DynamoResult result = await DynamoProcess.RunAsync(
            ["status", "--sink", "sqlite:none.db", "--check", option, value], folder.Path);

        Assert.That((result.ExitCode, result.StandardOutput), Is.EqualTo((3, result.StandardOutput)));
        Assert.That(result.StandardOutput, Does.StartWith("DYNAMO UNKNOWN - ").And.Contain(why));
    }

    [Test]
    public async Task A_source_that_works_hides_none_that_does_not()
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["works"]);
        File.WriteAllText(folder["d.json"], """
            { "sources": [ { "source": "gone" }, { "source": "works" } ], "sink": "sqlite:r.db" }
            """);
        await DynamoProcess.RunAsync(["run", "--config", "d.json"], folder.Path);

        DynamoResult result = await DynamoProcess.RunAsync(["status", "--config", "d.json", "--check"], folder.Path);

        Assert.That((result.ExitCode, result.StandardOutput), Is.EqualTo((2, result.StandardOutput)));
        Assert.That(result.StandardOutput, Does.StartWith($"DYNAMO CRITICAL - folder:{folder["gone"]}: "));
    }

    [TestCase("/data/in box", "The folder /data/in box does not exist", "/data")]
    [TestCase("sftp://me@files.example.org/out data", "sftp://me@files.example.org/out data (tried 2 times): gone", "data")]
    [TestCase("sftp://me@files.example.org/out", "ssh says \"me@files.example.org: Permission denied (publickey).\"", "me@")]
    [TestCase("/data/in", "The database /my data/r.db is locked", "data/")]
    public void Nor_does_a_path_with_blanks_or_a_user(string source, string text, string hidden)
    {
        HostSettings settings = SettingCatalogue.All.Single(setting => setting.Key == "source")
            .Apply(HostSettings.Default with { Database = "/my data/r.db" }, [source]);

        Assert.That(PublicText.Of(text, settings), Does.Not.Contain(hidden).And.Not.Contain("/data"));
    }

    [Test]
    public void A_path_is_shortened_once() => Assert.That(
        PublicText.Of("The folder /data/inbox does not exist", HostSettings.Default with { Source = "/data/inbox" }),
        Is.EqualTo("The folder …/inbox does not exist"));

    [TestCase("The folder /data/in box/x does not exist", "/data")]
    [TestCase(@"C:\inbox\a.csv cannot be read", "inbox")]
    [TestCase("sftp://u:pw@files.example.org/srv/out: refused", "/srv")]
    [TestCase("Server=db1;Database=water;User ID=sa;Password=x: login failed", "db1")]
    [TestCase("Server=db1;Database=water;User ID=sa;Password=x: login failed", "sa;")]
    [TestCase("'/var/lib/dynamo/readings.db' is locked", "/var/lib")]
    public void No_path_and_no_secret_leaves_the_machine(string text, string hidden) =>
        Assert.That(PublicText.Of(text), Does.Not.Contain(hidden));

    [TestCase("a.csv: line 3, column value: found '1/2', expected m/s")]
    [TestCase("https://status.example.org answers 503")]
    [TestCase("L00001_20250101.csv, 12/31/2025")]
    public void What_is_no_path_stays(string text) => Assert.That(PublicText.Of(text), Is.EqualTo(text));

    [TestCase("0.0.0.0:8080", "which others can reach, and no observe:token")]
    [TestCase("8080:x", "allowed is a port, or an address and a port")]
    [TestCase("http://x:1", "allowed is a port, or an address and a port")]
    public async Task A_page_for_others_without_a_token_is_refused(string listen, string why)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["inbox"]);

        DynamoResult result = await DynamoProcess.RunAsync(["run", "--source", "inbox", "--listen", listen], folder.Path);

        Assert.That((result.ExitCode, result.StandardError), Is.EqualTo((2, result.StandardError)));
        Assert.That(result.StandardError, Does.Contain(why));
    }

    private static ImportedRun Run(string outcome, int minutesAgo, string? reason) =>
        new(1, "folder:/data/inbox", s_now.AddMinutes(-minutesAgo - 1), s_now.AddMinutes(-minutesAgo), outcome, "h", new RunBooks())
        {
            Reason = reason,
        };
}
