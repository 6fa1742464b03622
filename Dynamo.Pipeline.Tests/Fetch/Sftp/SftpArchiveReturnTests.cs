namespace Dynamo.Pipeline.Tests;

/// <summary>The way back from the archive of Debian's sftp-server, on a pipe or through the managed client.</summary>
[TestFixture(SshClientKind.OpenSsh)]
[TestFixture(SshClientKind.Managed)]
[CancelAfter(60_000)]
public sealed class SftpArchiveReturnTests(SshClientKind client) : SftpFolderFixture(client)
{
    private static readonly DateTime s_time = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    [Test]
    public async Task A_file_is_listed_again_with_the_same_identity_and_its_marker([Values] bool marked, CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive, marked ? ".done" : null);
        SourceFile file = await ArchiveAsync(source, "sub/a.csv", "12345", token);
        Directory.Delete(Inbox["sub"]);

        string? obstacle = await BringBackAsync(source, file, token), again = await BringBackAsync(source, file, token);

        Assert.That((obstacle, again), Is.EqualTo(((string?)null, (string?)null)));
        Assert.That(Inbox.Files(), Is.EqualTo(marked ? new[] { "sub/a.csv", "sub/a.csv.done" } : ["sub/a.csv"]));
        Assert.That((await ListAsync(source, token)).Single(), Is.EqualTo(file));
    }

    [Test]
    public async Task The_version_that_is_meant_is_found_under_its_name_with_the_time(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        await ArchiveAsync(source, "a.csv", "1", token);
        await ArchiveAsync(source, "a.csv", "22", token);
        SourceFile third = await ArchiveAsync(source, "a.csv", "333", token);
        Assert.That(Inbox.Files(), Has.Length.EqualTo(3));

        Assert.That(await BringBackAsync(source, third, token), Is.Null);

        Assert.That(await File.ReadAllTextAsync(Inbox["a.csv"], token), Is.EqualTo("333"));
        Assert.That(Inbox.Files(), Has.Length.EqualTo(3));
    }

    [Test]
    public async Task A_file_that_was_archived_days_after_its_import_is_found(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        SourceFile file = await ArchiveAsync(source, "a.csv", "12345", token);

        Assert.That(await new SftpArchiveReturn(source).BringBackAsync(file, DateTime.UtcNow.AddDays(-5), token), Is.Null);
        Assert.That(Inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task A_file_of_the_same_name_is_not_replaced(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        SourceFile file = await ArchiveAsync(source, "a.csv", "12345", token);
        await File.WriteAllTextAsync(Inbox["a.csv"], "newer", token);
        string[] before = Inbox.Files();

        Assert.That(await BringBackAsync(source, file, token), Does.Contain("another file of that name"));
        Assert.That(Inbox.Files(), Is.EqualTo(before));
    }

    [Test]
    public async Task A_file_that_was_kept_needs_no_way_back(CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Keep);
        SourceFile file = await ArchiveAsync(source, "a.csv", "12345", token);

        Assert.That(await BringBackAsync(source, file, token), Is.Null);
        Assert.That(Inbox.Files(), Is.EqualTo(new[] { "a.csv" }));
    }

    [Test]
    public async Task What_is_gone_changed_or_a_link_is_not_brought_back(
        [Values("gone", "changed", "link")] string what, CancellationToken token)
    {
        SftpSource source = Source(AfterCommit.Archive);
        SourceFile file = await ArchiveAsync(source, "a.csv", "12345", token);
        string archived = Directory.GetFiles(Inbox["archive"], "*", SearchOption.AllDirectories).Single();
        if (what == "changed") await File.WriteAllTextAsync(archived, "other", token);
        else File.Move(archived, Inbox["elsewhere"]);
        if (what == "link") File.CreateSymbolicLink(archived, Inbox["elsewhere"]);

        Assert.That(await BringBackAsync(source, file, token), Does.Contain("it is neither in"));
        Assert.That(File.Exists(Inbox["a.csv"]), Is.False);
    }

    [Test]
    public void A_path_that_leads_out_of_the_source_is_refused([Values("../a.csv", "/etc/passwd", "a/../../b")] string path) =>
        Assert.ThrowsAsync<ArgumentException>(
            () => BringBackAsync(Source(AfterCommit.Archive), new SourceFile(path, 1, s_time), default));

    private static Task<string?> BringBackAsync(SftpSource source, SourceFile file, CancellationToken token) =>
        new SftpArchiveReturn(source).BringBackAsync(file, DateTime.UtcNow, token).AsTask();

    private async Task<SourceFile> ArchiveAsync(SftpSource source, string path, string text, CancellationToken token)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Inbox[path])!);
        await File.WriteAllTextAsync(Inbox[path], text, token);
        File.SetLastWriteTimeUtc(Inbox[path], s_time);
        if (source.Options.DoneMarker is { } marker) await File.WriteAllTextAsync(Inbox[path + marker], "", token);
        SourceFile file = (await ListAsync(source, token)).Single();
        await source.CompleteAsync([new CompletedFile(file, null)], token);
        return file;
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source, CancellationToken token)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(token)) files.Add(file);
        return files;
    }
}
