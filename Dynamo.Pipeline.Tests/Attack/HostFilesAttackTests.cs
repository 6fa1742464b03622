using System.Runtime.Versioning;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>The files of the host, beside a database or where a user says, in folders that strangers can read or write.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
internal sealed class HostFilesAttackTests
{
    private const string Kept = "the administrator's";

    private DynamoFolder _folder = null!;

    [SetUp]
    public async Task MakeFolder()
    {
        Stranger.Require();
        _folder = new DynamoFolder();
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        Directory.CreateDirectory(_folder["shared"]);
        Directory.CreateDirectory(_folder["victim"]);
        await File.WriteAllTextAsync(_folder["victim/keys"], Kept);
        await Stranger.OwnAsync(_folder["shared"]);
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public async Task The_lock_cannot_be_held_by_whoever_may_only_read_it(CancellationToken token)
    {
        await RunAsync(token);
        string held = Directory.GetFiles(_folder.Path, "*.lock").Single();
        // As an older version left it.
        File.SetUnixFileMode(held, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

        DynamoResult again = await RunAsync(token);

        Assert.That(again.ExitCode, Is.Zero, again.StandardError);
        await Stranger.RunAsync(_folder.Path, $"! flock -n '{held}' true");
    }

    [Test]
    public async Task A_lock_that_is_a_link_is_refused_by_name(CancellationToken token)
    {
        await RunAsync(token);
        string held = Directory.GetFiles(_folder.Path, "*.lock").Single();
        File.Delete(held);
        File.CreateSymbolicLink(held, _folder["victim/new"]);

        DynamoResult run = await RunAsync(token);

        Assert.That((run.ExitCode, File.Exists(_folder["victim/new"])), Is.EqualTo((4, false)), run.StandardError);
        Assert.That(run.StandardError, Does.Contain(".lock").And.Contains("symbolic link"));
    }

    [Test]
    public async Task A_trace_is_not_written_through_a_link(CancellationToken token)
    {
        await Stranger.RunAsync(_folder["shared"], $"ln -s '{_folder["victim/keys"]}' run.json");

        DynamoResult run = await RunAsync(token, "--trace", "shared/run.json");

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.Contain("--trace").And.Contains("symbolic link"));
        Assert.That(await File.ReadAllTextAsync(_folder["victim/keys"], token), Is.EqualTo(Kept));
    }

    [Test]
    public async Task A_trace_does_not_end_up_in_the_file_of_a_stranger(CancellationToken token)
    {
        await Stranger.RunAsync(_folder["shared"], "echo mine > run.json && ln run.json other");

        DynamoResult run = await RunAsync(token, "--trace", "shared/run.json");

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(await File.ReadAllTextAsync(_folder["shared/run.json"], token), Does.Contain("traceEvents"));
        Assert.That(await File.ReadAllTextAsync(_folder["shared/other"], token), Is.EqualTo("mine\n"));
    }

    [Test]
    public async Task Measurements_are_not_added_through_a_link()
    {
        await File.WriteAllTextAsync(_folder["victim/keys"], "");
        await Stranger.RunAsync(_folder["shared"], $"ln -s '{_folder["victim/keys"]}' measurements.csv");

        Assert.That(() => Measurements.Open(_folder["shared/measurements.csv"]).Dispose(), Throws.InstanceOf<IOException>());

        Assert.That(await File.ReadAllTextAsync(_folder["victim/keys"]), Is.Empty);
    }

    [Test]
    public async Task Check_says_what_the_rights_leave_open(CancellationToken token)
    {
        await RunAsync(token);
        DynamoResult fine = await _folder.RunAsync(token, "check", "--source", "inbox", "--sink", "sqlite:readings.db");
        await Stranger.RunAsync(_folder["shared"], $"mkdir archive inbox && ln -s '{_folder["victim"]}' quarantine");
        await External.RunAsync("chmod", "666", _folder["readings.db"]);
        Directory.Move(_folder["shared/archive"], _folder["inbox/archive"]);
        File.CreateSymbolicLink(_folder["inbox/quarantine"], _folder["victim"]);

        DynamoResult open = await _folder.RunAsync(token, "check", "--source", "inbox", "--sink", "sqlite:readings.db");
        DynamoResult below = await _folder.RunAsync(
            token, "check", "--source", "shared/inbox", "--sink", "sqlite:readings.db", "--json");

        Assert.That(fine.StandardOutput, Does.Contain("its tables fit").And.Not.Contains("belongs to").And.Not.Contains("everybody"));
        Assert.That(open.StandardOutput, Does.Contain("inbox/archive belongs to user 65534")
            .And.Contains("inbox/quarantine is a symbolic link").And.Contains("readings.db can be written by everybody"));
        string first = DynamoFolder.Json(below).GetProperty("open").EnumerateArray().First().GetString()!;
        Assert.That(first, Does.Contain("shared belongs to user"));
    }

    [TestCase("on")]
    [TestCase("off")]
    public async Task What_is_in_a_bad_file_is_kept_only_where_that_is_wanted(string text, CancellationToken token)
    {
        _folder.Put("bad.csv", "L1,flow,2025-01-01T00:00:00Z,hunter2");
        _folder.Put("mixed.csv", "L2,flow,2025-01-01T00:00:00Z,1.5", "L2,flow,2025-01-01T00:15:00Z,hunter2");
        var off = new Dictionary<string, string?> { ["DYNAMO__REJECTS__TEXT"] = text };

        DynamoResult run = await _folder.RunAsync(off, token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--json");

        Assert.That(run.ExitCode, Is.EqualTo(1), run.StandardError);
        string database = _folder["readings.db"];
        string kept = string.Concat(Sql.Rows(database, "select Problem || coalesce(Found, '') || coalesce(RawText, '') from RejectedRow"))
            + string.Concat(Sql.Rows(database, "select coalesce(Reason, '') from ImportedFile"))
            + await File.ReadAllTextAsync(_folder["inbox/quarantine/bad.csv.reason.json"], token) + run.StandardOutput;
        Assert.That(kept.Contains("hunter2", StringComparison.Ordinal), Is.EqualTo(text == "on"), kept);
        Assert.That(kept, Does.Contain("value"));
    }

    private Task<DynamoResult> RunAsync(CancellationToken token, params string[] more) =>
        _folder.RunAsync(token, ["run", "--source", "inbox", "--sink", "sqlite:readings.db", .. more]);
}
