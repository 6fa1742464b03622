using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>The real <c>dynamo headroom</c>.</summary>
[CancelAfter(180_000)]
internal sealed class HeadroomTests
{
    [Test]
    public async Task It_says_how_many_loggers_it_kept_up_with_and_leaves_nothing_behind(CancellationToken token)
    {
        using var work = new ScratchFolder();
        DynamoResult ended = await DynamoProcess.RunAsync(
            ["headroom", "--loggers", "900,4500", "--every", "90s", "--for", "2s", "--page", "page.html", "--json"],
            work.Path, null, token);
        Assert.That(ended.ExitCode, Is.Zero, ended.StandardError);
        JsonElement[] points = [.. JsonDocument.Parse(ended.StandardOutput).RootElement.GetProperty("points").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(points.Select(point => point.GetProperty("filesPerSecond").GetDouble()), Is.EqualTo(new[] { 10.0, 50.0 }));
            Assert.That(points.Select(point => point.GetProperty("files").GetInt32()), Is.EqualTo(new[] { 20, 100 }));
            Assert.That(points.Select(point => point.GetProperty("lagMedianSeconds").GetDouble()), Has.All.Positive.And.All.LessThan(100));
            Assert.That(File.ReadAllText(work["page.html"]), Does.Contain("<svg").And.Contain("4,500 loggers"));
            Assert.That(work.Files(), Is.EqualTo(new[] { "page.html" }));
        });
    }

    [Test]
    public void Files_that_wait_for_the_next_listing_of_a_server_are_not_behind()
    {
        HeadroomPoint folder = Point(drained: 7, lag: 4);
        HeadroomPoint server = folder with { Unseen = TimeSpan.FromSeconds(10) };
        Assert.That((folder.IsSustained, server.IsSustained), Is.EqualTo((false, true)));
        Assert.That((server with { Drained = TimeSpan.FromSeconds(12) }).IsSustained, Is.False);

        static HeadroomPoint Point(int drained, int lag) => new(
            1000, 1, 100, TimeSpan.FromSeconds(lag), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(lag), TimeSpan.FromSeconds(drained),
            TimeSpan.Zero, 0.1, 0);
    }

    [Test]
    public async Task A_server_needs_the_folder_in_which_files_land(CancellationToken token)
    {
        using var work = new ScratchFolder();
        DynamoResult ended = await DynamoProcess.RunAsync(
            ["headroom", "--source", "sftp://nobody@localhost/x", "--every", "soon"], work.Path, null, token);
        DynamoResult missing = await DynamoProcess.RunAsync(["headroom", "--source", "sftp://nobody@localhost/x"], work.Path, null, token);
        Assert.Multiple(() =>
        {
            Assert.That((ended.ExitCode, missing.ExitCode), Is.EqualTo((2, 2)));
            Assert.That(ended.StandardError, Does.Contain("--every: found 'soon', allowed is a duration"));
            Assert.That(missing.StandardError, Does.Contain("--inbox: it is missing"));
        });
    }
}
