namespace Dynamo.Pipeline.Tests;

/// <summary>The way back from the quarantine of Debian's sftp-server, on a pipe or through the managed client.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[CancelAfter(60_000)]
public sealed class SftpQuarantineTests(SshClientKind client) : SftpFolderFixture(client)
{
    private static readonly DateTime s_time = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Defect s_broken = new("the value is not a number") { Line = 7, Remedy = "Mend it" };

    [Test]
    public async Task A_missing_quarantine_is_empty(CancellationToken token) =>
        Assert.That(await new SftpQuarantine(Source(AfterCommit.Keep)).ListAsync(token), Is.Empty);

    [Test]
    public async Task The_list_says_what_is_there_and_why([Values] AfterCommit after, CancellationToken token)
    {
        SftpSource source = Source(after);
        SourceFile file = await QuarantineAsync(source, "sub/a.csv", token);

        QuarantinedFile found = (await new SftpQuarantine(source).ListAsync(token)).Single();

        Assert.That((found.Source, found.File, found.Location, found.Defect),
            Is.EqualTo((source.Name, file, Inbox["quarantine/sub/a.csv"], s_broken)));
    }

    [Test]
    public async Task Returned_files_are_listed_again_with_the_same_identity(
        [Values] AfterCommit after, [Values] bool marked, CancellationToken token)
    {
        SftpSource source = Source(after, marked ? ".done" : null);
        SourceFile file = await QuarantineAsync(source, "sub/a.csv", token);

        QuarantineReturn returned = await ReturnAsync(source, token);

        Assert.That((returned.IsReturned, returned.File.File), Is.EqualTo((true, file)));
        Assert.That(Inbox.Files(), Is.EqualTo(marked ? new[] { "sub/a.csv", "sub/a.csv.done" } : ["sub/a.csv"]));
        Assert.That((await ListAsync(source, token)).Single(), Is.EqualTo(file));
    }

    [Test]
    public async Task A_newer_file_of_the_same_name_is_not_overwritten([Values] AfterCommit after, CancellationToken token)
    {
        SftpSource source = Source(after);
        await QuarantineAsync(source, "a.csv", token);
        await File.WriteAllTextAsync(Inbox["a.csv"], "newer", token);
        string[] before = Inbox.Files();

        QuarantineReturn returned = await ReturnAsync(source, token);

        Assert.That(returned.Obstacle, Does.Contain("another file of that name"));
        Assert.That(Inbox.Files(), Is.EqualTo(before));
    }

    [Test]
    public async Task A_return_that_was_interrupted_is_finished([Values("moved", "copied")] string where, CancellationToken token)
    {
        SftpSource source = Source(where == "moved" ? AfterCommit.Archive : AfterCommit.Keep);
        await QuarantineAsync(source, "a.csv", token);
        if (where == "moved") File.Move(Inbox["quarantine/a.csv"], Inbox["a.csv"]);
        else File.Delete(Inbox["quarantine/a.csv"]);

        Assert.That((await ReturnAsync(source, token)).IsReturned);
        Assert.That(Inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task A_file_that_is_nowhere_stays_in_the_list_with_what_to_do(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        await QuarantineAsync(source, "a.csv", token);
        File.Delete(Inbox["quarantine/a.csv"]);

        Assert.That((await ReturnAsync(source, token)).Obstacle,
            Does.Contain("neither in the quarantine").And.Contain("a.csv.reason.json"));
    }

    [Test]
    public async Task Damaged_missing_and_lying_reasons_lead_nowhere(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        await QuarantineAsync(source, "a.csv", token);
        string reason = await File.ReadAllTextAsync(Inbox["quarantine/a.csv.reason.json"], token);
        await File.WriteAllTextAsync(Inbox["quarantine/evil.csv.reason.json"],
            reason.Replace("\"path\": \"a.csv\"", "\"path\": \"../../etc/passwd\"", StringComparison.Ordinal), token);
        await File.WriteAllTextAsync(Inbox["quarantine/b.csv"], "b", token);
        await File.WriteAllTextAsync(Inbox["quarantine/b.csv.reason.json"], "{", token);

        IReadOnlyList<QuarantinedFile> found = await new SftpQuarantine(source).ListAsync(token);

        Assert.That(found.Select(file => (file.File.Path, file.IsDamaged)), Is.EqualTo(new[] { ("a.csv", false), ("b.csv", true) }));
    }

    private async Task<SourceFile> QuarantineAsync(SftpSource source, string path, CancellationToken token)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Inbox[path])!);
        await File.WriteAllTextAsync(Inbox[path], "12345", token);
        File.SetLastWriteTimeUtc(Inbox[path], s_time);
        if (source.Options.DoneMarker is { } marker) await File.WriteAllTextAsync(Inbox[path + marker], "", token);
        SourceFile file = (await ListAsync(source, token)).Single();
        await source.CompleteAsync([new CompletedFile(file, s_broken)], token);
        return file;
    }

    private static async Task<QuarantineReturn> ReturnAsync(SftpSource source, CancellationToken token)
    {
        var quarantine = new SftpQuarantine(source);
        return await quarantine.ReturnAsync((await quarantine.ListAsync(token)).Single(), token);
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source, CancellationToken token)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(token)) files.Add(file);
        return files;
    }
}
