using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A file that a stranger replaces again and again while the importer, with more rights, archives or deletes it. Whoever replaces it takes
/// the old version back in the same step, so that every version is accounted for: it was taken back, it is still there, or the importer
/// dealt with it, and then the importer must have read it.
/// </summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
internal sealed partial class UnreadVersionTests
{
    private static int Versions => SoakAttribute.Rounds(300, 600, 1_500);
    private static readonly DateTime s_start = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    [TestCase(AfterCommit.Delete, false)]
    [TestCase(AfterCommit.Archive, false)]
    [TestCase(AfterCommit.Archive, true)]
    public async Task No_version_is_dealt_with_unread(AfterCommit after, bool bad)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["inbox"]);
        var source = new FolderSource(folder["inbox"], new FolderSourceOptions { AfterCommit = after, SettleTime = TimeSpan.Zero });
        var read = new HashSet<string>();
        Defect? defect = bad ? new Defect("bad") : null;
        Task<HashSet<string>> replacing = FileUser.AsNobodyAsync(
            () => Replace(folder["inbox/a.csv"], folder["next"]), folder.Path, folder["inbox"]);
        while (!replacing.IsCompleted) await ImportAsync(source, read, defect);
        HashSet<string> gone = await replacing;
        await ImportAsync(source, read, defect);

        foreach (string left in Directory.EnumerateFiles(folder["inbox"], "*", new EnumerationOptions
        {
            RecurseSubdirectories = true, AttributesToSkip = 0,
        }).Where(path => !path.Contains("quarantine") && !path.Contains("archive")))
            gone.Remove(await File.ReadAllTextAsync(left));
        Assert.That(gone.Except(read), Is.Empty, $"of {Versions} versions, {gone.Count} were archived or deleted");
        Assert.That(gone, Is.Not.Empty);
        if (after == AfterCommit.Archive)
        {
            string aside = folder[bad ? "inbox/quarantine" : "inbox/archive"];
            string[] kept = [.. Directory.EnumerateFiles(aside, "*", SearchOption.AllDirectories)
                .Where(path => !path.EndsWith(".json", StringComparison.Ordinal)).Select(File.ReadAllText)];
            Assert.That(kept, Is.EquivalentTo(gone), "each is in the archive, once");
        }
    }

    /// <summary>Puts one version after the other in place, and returns those that were not taken back.</summary>
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
        }
        return gone;
    }

    private static async Task ImportAsync(FolderSource source, HashSet<string> read, Defect? defect)
    {
        await foreach (SourceFile file in source.ListAsync(default))
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

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int from, string path, int to, string newPath, uint flags);
}
