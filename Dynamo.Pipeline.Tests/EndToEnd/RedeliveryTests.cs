using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>Bad files that come back: corrected, bad once more, or brought back by hand.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed class RedeliveryTests
{
    private const string Row = "L1,flow,2026-01-01T00:00:00Z,1.5";

    private ImportFolder _import = null!;

    [SetUp]
    public void MakeInbox() => _import = new ImportFolder { Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive } };

    [TearDown]
    public void RemoveInbox() => _import.Dispose();

    [Test]
    public async Task A_corrected_file_of_the_same_name_is_loaded_and_the_bad_one_stays_in_quarantine(CancellationToken token)
    {
        _import.Put("a.csv", "nonsense");
        await _import.RunAsync(token);
        _import.PutRows("a.csv", Row);

        Assert.That((await _import.RunAsync(token)).Books.Loaded, Is.EqualTo(1));
        Assert.That(_import.Query("select Outcome from ImportedFile order by 1"), Is.EqualTo(new[] { "loaded", "quarantined" }));
        Assert.That(File.Exists(_import["inbox/quarantine/a.csv"]));
        Assert.That(ScratchFolder.Archived(_import["inbox/archive"]), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task Of_two_bad_versions_retry_brings_the_newer_one_back_and_the_next_run_reads_it(CancellationToken token)
    {
        _import.Put("a.csv", "nonsense");
        await _import.RunAsync(token);
        _import.Put("a.csv", "more nonsense");
        await _import.RunAsync(token);
        Assert.That(Directory.GetFiles(_import["inbox/quarantine"]), Has.Length.EqualTo(4), "two versions with a reason each");

        (int code, JsonElement[] files) = await RetryAsync(token);

        Assert.That(code, Is.EqualTo(1));
        Assert.That(files.Select(file => file.GetProperty("returned").GetBoolean()), Is.EquivalentTo(new[] { true, false }));
        Assert.That(await File.ReadAllTextAsync(_import["inbox/a.csv"], token), Is.EqualTo("more nonsense"));
        Assert.That((await _import.RunAsync(token)).Books.Quarantined, Is.EqualTo(1), "it was read again, and not put back as known");
    }

    [Test]
    public async Task Retry_leaves_a_new_file_of_that_name_alone_and_can_be_repeated(CancellationToken token)
    {
        _import.Put("a.csv", "nonsense");
        await _import.RunAsync(token);
        _import.PutRows("a.csv", Row);

        (int code, JsonElement[] files) = await RetryAsync(token);

        Assert.That(code, Is.EqualTo(1));
        Assert.That(files.Single().GetProperty("obstacle").GetString(), Does.Contain("another file of that name"));
        Assert.That((await _import.RunAsync(token)).Books, Has.Property("Loaded").EqualTo(1).And.Property("Quarantined").EqualTo(0));
        Assert.That((await RetryAsync(token)).Code, Is.Zero, "now there is room");
        Assert.That((await _import.RunAsync(token)).Books.Quarantined, Is.EqualTo(1));
    }

    [Test]
    public async Task Retry_forgets_a_file_whose_reason_is_damaged(CancellationToken token)
    {
        _import.Put("a.csv", "nonsense");
        await _import.RunAsync(token);
        await File.WriteAllTextAsync(_import["inbox/quarantine/a.csv.reason.json"], "", token);
        await File.WriteAllTextAsync(_import["inbox/quarantine/a.csv"], ImportFolder.Header + Row, token);

        (int code, JsonElement[] files) = await RetryAsync(token);

        Assert.That((code, files.Length), Is.EqualTo((0, 1)));
        Assert.That(_import.Query("select Path from ImportedFile"), Is.Empty);
    }

    private async Task<(int Code, JsonElement[] Files)> RetryAsync(CancellationToken token)
    {
        DynamoResult retry = await DynamoProcess.RunAsync(
            ["retry", "--source", _import.Inbox, "--sink", $"sqlite:{_import.Database}", "--json"], cancellationToken: token);
        return (retry.ExitCode, [.. DynamoFolder.Json(retry).GetProperty("files").EnumerateArray()]);
    }
}
