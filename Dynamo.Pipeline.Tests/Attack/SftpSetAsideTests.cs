using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>Setting files aside on Debian's sftp-server, on a pipe to it.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
internal sealed partial class SftpSetAsideTests
{
    private static int Versions => SoakAttribute.Rounds(150, 300, 600);
    private static readonly DateTime s_start = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeInbox()
    {
        Sshd.Require();
        _folder = new ScratchFolder();
        Directory.CreateDirectory(_folder["inbox"]);
    }

    [TearDown]
    public void RemoveInbox() => _folder?.Dispose();

    [TestCase(AfterCommit.Delete, false)]
    [TestCase(AfterCommit.Archive, false)]
    [TestCase(AfterCommit.Archive, true)]
    public async Task No_version_is_dealt_with_unread(AfterCommit after, bool bad)
    {
        await using SftpSource source = Source(after);
        var read = new HashSet<string>();
        Defect? defect = bad ? new Defect("bad") : null;
        Task<HashSet<string>> replacing = FileUser.AsNobodyAsync(
            () => Replace(_folder["inbox/a.csv"], _folder["next"]), _folder.Path, _folder["inbox"]);
        while (!replacing.IsCompleted) await ImportAsync(source, read, defect);
        HashSet<string> gone = await replacing;
        await ImportAsync(source, read, defect);

        foreach (string left in Left()) gone.Remove(await File.ReadAllTextAsync(left));
        Assert.That(gone.Except(read), Is.Empty, $"of {Versions} versions, {gone.Count} were archived or deleted");
        Assert.That(gone, Is.Not.Empty);
        if (after == AfterCommit.Archive)
        {
            string aside = _folder[bad ? "inbox/quarantine" : "inbox/archive"];
            string[] kept = [.. Directory.EnumerateFiles(aside, "*", SearchOption.AllDirectories)
                .Where(path => !path.EndsWith(".json", StringComparison.Ordinal)).Select(File.ReadAllText)];
            Assert.That(kept, Is.EquivalentTo(gone), "each is in the archive, once");
        }
    }

    [Test]
    public async Task What_a_killed_run_had_set_aside_is_put_back_and_listed_once([Values("", "sub/")] string below)
    {
        string claims = Claim(below, "a.csv", "12345");
        Put(below + "b.csv", "other");
        await using SftpSource source = Source(AfterCommit.Archive);

        List<SourceFile> files = await ListAsync(source);

        Assert.That(files.Select(file => (file.Path, file.DeferReason)), Is.EquivalentTo(new[]
        {
            (below + "a.csv", (string?)null), (below + "b.csv", null),
        }));
        Assert.That(Directory.Exists(claims), Is.False);
        await source.CompleteAsync([.. files.Select(file => new CompletedFile(file, null))], default);
        Assert.That(Directory.EnumerateFiles(_folder["inbox/archive"], "*.csv", SearchOption.AllDirectories).Count(), Is.EqualTo(2));
        Assert.That(Directory.EnumerateDirectories(_folder["inbox"], ".*", SearchOption.AllDirectories), Is.Empty);
    }

    [Test]
    public async Task A_newer_file_of_that_name_goes_first_and_none_is_lost()
    {
        Claim("", "a.csv", "older");
        Put("a.csv", "newer");
        await using SftpSource source = Source(AfterCommit.Archive);

        List<SourceFile> first = await ListAsync(source);
        await source.CompleteAsync([new CompletedFile(first.Single(file => file.DeferReason is null), null)], default);
        List<SourceFile> second = await ListAsync(source);

        Assert.That(first.Single(file => file.DeferReason is not null).DeferReason, Does.Contain("set aside"));
        Assert.That(await File.ReadAllTextAsync(ScratchFolder.Archived(_folder["inbox/archive"], "a.csv")), Is.EqualTo("newer"));
        Assert.That(second.Single().DeferReason, Is.Null);
        Assert.That(await File.ReadAllTextAsync(_folder["inbox/a.csv"]), Is.EqualTo("older"));
    }

    [Test]
    public async Task Where_nothing_is_to_be_changed_it_is_only_told()
    {
        string claims = Claim("", "a.csv", "12345");
        await using SftpSource source = Source(AfterCommit.Archive);
        source.ChangesNothing = true;

        SourceFile file = (await ListAsync(source)).Single();

        Assert.That(file.DeferReason, Does.Contain("set aside"));
        Assert.That(File.Exists(Path.Combine(claims, "a.csv")));
    }

    [Test]
    public async Task The_same_name_size_and_time_with_other_content_replaces_nothing_in_the_archive()
    {
        await using SftpSource source = Source(AfterCommit.Archive);
        foreach (string content in (string[])["first", "other"])
        {
            Put("a.csv", content);
            await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), null)], default);
        }

        string[] archived = Directory.GetFiles(_folder["inbox/archive"], "*", SearchOption.AllDirectories);
        Assert.That(archived.Select(File.ReadAllText), Is.EquivalentTo(new[] { "first", "other" }));
    }

    [Test]
    public async Task An_archive_that_is_a_link_is_refused_by_name()
    {
        Directory.CreateDirectory(_folder["victim"]);
        Directory.CreateSymbolicLink(_folder["inbox/archive"], _folder["victim"]);
        Put("a.csv", "12345");
        await using SftpSource source = Source(AfterCommit.Archive);
        SourceFile file = (await ListAsync(source)).Single();

        var error = Assert.CatchAsync<SourceException>(async () => await source.CompleteAsync([new CompletedFile(file, null)], default));

        Assert.That(error!.Message, Does.Contain(_folder["inbox/archive"]).And.Contains("symbolic link"));
        Assert.That(Directory.GetFileSystemEntries(_folder["victim"]), Is.Empty);
    }

    [Test]
    public async Task A_planted_link_is_not_written_through()
    {
        await File.WriteAllTextAsync(_folder["victim"], "kept");
        Put("a.csv", "12345");
        Directory.CreateDirectory(_folder["inbox/quarantine"]);
        File.CreateSymbolicLink(_folder["inbox/quarantine/a.csv"], _folder["victim"]);
        File.CreateSymbolicLink(_folder["inbox/quarantine/a.csv.reason.json"], _folder["victim"]);
        await using SftpSource source = Source(AfterCommit.Keep);

        await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), new Defect("bad"))], default);

        Assert.That(await File.ReadAllTextAsync(_folder["victim"]), Is.EqualTo("kept"));
        Assert.That(Directory.GetFiles(_folder["inbox/quarantine"]), Has.Length.GreaterThan(2));
    }

    [Test]
    public async Task A_copy_and_its_reason_are_for_nobody_who_could_not_read_the_file()
    {
        Put("a.csv", "12345");
        File.SetUnixFileMode(_folder["inbox/a.csv"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using SftpSource source = Source(AfterCommit.Keep);

        await source.CompleteAsync([new CompletedFile((await ListAsync(source)).Single(), new Defect("bad"))], default);

        foreach (string file in Directory.GetFiles(_folder["inbox/quarantine"]))
            Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite), file);
    }

    private SftpSource Source(AfterCommit after) => new(
        new SftpSourceOptions
        {
            Host = "pipe", Path = _folder["inbox"], AfterCommit = after, Recursive = true, SettleTime = TimeSpan.Zero,
        }, () => new SftpServerTransport());

    private IEnumerable<string> Left() => Directory.EnumerateFiles(_folder["inbox"], "*", new EnumerationOptions
    {
        RecurseSubdirectories = true, AttributesToSkip = 0,
    }).Where(path => !path.Contains("quarantine") && !path.Contains("archive"));

    private void Put(string path, string content)
    {
        string full = _folder["inbox/" + path];
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
        File.SetLastWriteTimeUtc(full, s_start);
    }

    private string Claim(string below, string name, string content)
    {
        string claims = below + FileNames.NewClaims();
        Put(claims + "/" + name, content);
        return _folder["inbox/" + claims];
    }

    /// <summary>
    /// Puts one version after the other in place, takes the old one back in the same step, and returns those that were not taken back.
    /// A server tells times to the second, so each is a second younger.
    /// </summary>
    private static HashSet<string> Replace(string path, string next)
    {
        var gone = new HashSet<string>();
        for (int i = 0; i < Versions; i++)
        {
            string content = $"version {i:d8}";
            File.WriteAllText(next, content);
            File.SetLastWriteTimeUtc(next, s_start.AddSeconds(i));
            gone.Add(content);
            while (true)
            {
                const uint NoReplace = 1, Exchange = 2;
                if (Rename(-100, next, -100, path, Exchange) == 0)
                {
                    gone.Remove(File.ReadAllText(next));
                    break;
                }
                if (Rename(-100, next, -100, path, NoReplace) == 0) break;
            }
            if (i % 4 == 0) Thread.Yield();
        }
        return gone;
    }

    private static async Task ImportAsync(SftpSource source, HashSet<string> read, Defect? defect)
    {
        foreach (SourceFile file in await ListAsync(source))
        {
            if (file.DeferReason is not null) continue;
            try
            {
                using FileContent content = await source.OpenAsync(file, 1000, default);
                read.Add(System.Text.Encoding.UTF8.GetString(content.Bytes.Span));
            }
            catch (FileChangedException)
            {
                continue;
            }
            await source.CompleteAsync([new CompletedFile(file, defect)], default);
        }
    }

    private static async Task<List<SourceFile>> ListAsync(SftpSource source)
    {
        var files = new List<SourceFile>();
        await foreach (SourceFile file in source.ListAsync(default)) files.Add(file);
        return files;
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int from, string path, int to, string newPath, uint flags);
}
