using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The files in samples/inbox are those of
/// <c>dynamo generate --to samples/inbox --loggers 20 --steps 10 --seed 22 --backlog 0.005 --bad 0.015</c>.
/// </summary>
[TestFixture]
public sealed class SampleInboxTests
{
    private static readonly GenerateOptions _options = GenerateOptions.Samples("unused");

    [Test]
    public void The_sample_inbox_is_what_the_documented_command_writes()
    {
        using var folder = new GeneratedFolder(_options);
        string inbox = Inbox();

        Assert.That(Directory.EnumerateFiles(inbox, "*.csv").Select(Path.GetFileName), Is.EquivalentTo(folder.Names()));
        foreach (string name in folder.Names())
            Assert.That(File.ReadAllBytes(Path.Combine(inbox, name)).AsSpan().SequenceEqual(folder.Bytes(name)), name);
    }

    [Test]
    public void The_sample_inbox_is_small_and_holds_a_backlog_a_bad_row_and_two_bad_files()
    {
        using var folder = new GeneratedFolder(_options);
        ExpectedFile[] files = [.. folder.Files.ExpectedFiles()];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(folder.Result.Files, Is.EqualTo(200));
            Assert.That(folder.Result.Bytes, Is.LessThan(300_000));
            Assert.That(files.Count(file => file.LoadedRows >= 96), Is.EqualTo(1));
            Assert.That(folder.Result.RejectedRows, Is.EqualTo(1));
            Assert.That(folder.Result.Quarantined, Is.EqualTo(2));
        }
    }

    private static string Inbox()
    {
        string? folder = TestContext.CurrentContext.TestDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Dynamo.Pipeline.sln")))
            folder = Path.GetDirectoryName(folder);
        Assert.That(folder, Is.Not.Null, "the tests run from a build folder inside the repository");
        return Path.Combine(folder!, "samples", "inbox");
    }
}
