namespace Dynamo.Pipeline.Tests;

/// <summary>Code of the pages that is not part of a larger example.</summary>
internal sealed class Snippets
{
    [Test]
    public async Task A_folder_with_options()
    {
        var folder = new FolderSource("inbox", new FolderSourceOptions
        {
            Pattern = "*.csv;*.txt",
            Recursive = true,
            SettleTime = TimeSpan.FromSeconds(5),
            AfterCommit = AfterCommit.Archive,
        });
        await using (folder) Assert.That(folder.Name, Does.StartWith("folder:").And.EndsWith("inbox"));
    }

    [Test]
    public async Task A_server()
    {
        await using var source = new SftpSource(SftpSourceOptions.Parse("sftp://loggers@files.example.org/out") with
        {
            Pattern = "*.csv",
            AfterCommit = AfterCommit.Archive,
        });
        Assert.That(source.Name, Does.Contain("files.example.org"));
    }

    [Test, CancelAfter(60_000)]
    public async Task A_wide_format(CancellationToken token)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById("Europe/Brussels", out _)) External.Missing("the system has no time zones (tzdata)");
        ReadingFormat format = ReadingFormat.WideByChannel with
        {
            Text = new CsvText { Separator = ';' },
            DecimalSeparator = ',',
            TimestampFormats = ["dd.MM.yyyy HH:mm"],
            Zone = "Europe/Brussels",
        };
        await using var source = new MemorySource(
            new Dictionary<string, string> { ["L1.csv"] = "timestamp;p227;p235\n01.01.2026 00:00;6,527;7,1\n" });
        await using var sink = new MemorySink<Reading>();

        await FilePipeline.From(source).Read(new CsvFormat<Reading>(format)).WriteTo(sink).RunAsync(cancellationToken: token).WaitAsync(
            TimeSpan.FromSeconds(30), token);

        var newYear = new DateTime(2025, 12, 31, 23, 0, 0, DateTimeKind.Utc);
        Assert.That(sink.Rows, Is.EqualTo(new[] { new Reading("L1", "p227", newYear, 6.527), new Reading("L1", "p235", newYear, 7.1) }));
    }
}
