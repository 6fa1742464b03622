using System.Diagnostics;
using System.IO.Compression;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// <c>dynamo</c> as a tool: installed from a folder of packages into an empty home, native where there is a package for the platform, and
/// portable elsewhere. <c>DYNAMO_TEST_PACKAGES</c> names the folder, with one below it, <c>portable</c>, for a platform without its own.
/// </summary>
[TestFixture, Soak, Platform("Linux"), CancelAfter(300_000)]
internal sealed class ToolTests
{
    private const string Package = "Dynamo.Pipeline.Tool";

    private ScratchFolder _home = null!;

    private static string Packages => Environment.GetEnvironmentVariable("DYNAMO_TEST_PACKAGES") ?? "";

    [SetUp]
    public void MakeHome()
    {
        if (Packages.Length == 0) External.Missing("needs the packages of the tool (DYNAMO_TEST_PACKAGES)");
        _home = new ScratchFolder();
    }

    [TearDown]
    public void RemoveHome() => _home?.Dispose();

    [TestCase("", "native")]
    [TestCase("portable", "portable")]
    public async Task It_is_installed_into_an_empty_home_and_works(string feed, string kind, CancellationToken token)
    {
        File.WriteAllText(_home["nuget.config"], $"""
            <configuration><packageSources><clear /><add key="feed" value="{Path.Join(Packages, feed)}" /></packageSources></configuration>
            """);
        Directory.CreateDirectory(_home["work/inbox"]);
        File.WriteAllText(_home["work/inbox/a.csv"], "logger,channel,timestamp,value\nL1,flow,2025-01-01T00:00:00Z,1.5\n");
        File.SetLastWriteTimeUtc(_home["work/inbox/a.csv"], new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        await RunAsync(DynamoProcess.Dotnet(), token, "tool", "install", "--global", Package, "--configfile", _home["nuget.config"]);
        string dynamo = _home[".dotnet/tools/dynamo"];

        Assert.That(await RunAsync(dynamo, token, "--version"), Does.Contain($", {kind}, "));
        Assert.That(await RunAsync(dynamo, token, "init", "--source", "inbox"), Does.Contain("\n  dynamo check --config dynamo.json\n"));
        Assert.That(await RunAsync(dynamo, token, "check", "--config", "dynamo.json"), Does.Contain("settings  fine"));
        Assert.That(await RunAsync(dynamo, token, "run", "--config", "dynamo.json"), Does.Contain("1 new"));
        string demo = await RunAsync("sh", token, "-c", $"{dynamo} demo || test $? = 1");
        Assert.That(demo, Does.Contain("198 loaded, 2 quarantined"));
    }

    [Test]
    public void A_package_has_what_runs_and_nothing_for_whoever_debugs_it()
    {
        string[] files = [.. Directory.EnumerateFiles(Packages, $"{Package}.*.nupkg").Order(StringComparer.Ordinal).SelectMany(path =>
        {
            using ZipArchive package = ZipFile.OpenRead(path);
            return package.Entries.Select(entry => entry.FullName).ToArray();
        }).Where(name => name.StartsWith("tools/", StringComparison.Ordinal))];

        Assert.That(files, Has.Member("tools/any/linux-x64/dynamo").And.Member("tools/net10.0/any/dynamo.dll"));
        Assert.That(files.Where(name => Path.GetFileName(name) != "DotnetToolSettings.xml").Select(Path.GetExtension),
            Has.None.EqualTo(".pdb").And.None.EqualTo(".xml").And.None.EqualTo(".dbg"));
        Assert.That(files, Has.None.Contains("/ios").And.None.Contains("/android"));
    }

    private async Task<string> RunAsync(string program, CancellationToken token, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _home["work"],
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        DynamoProcess.RemoveOwnVariables(start);
        foreach (string name in start.Environment.Keys.Where(
            key => key.StartsWith("MSBuild", StringComparison.Ordinal) || key.StartsWith("NUGET", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["HOME"] = start.Environment["DOTNET_CLI_HOME"] = _home.Path;
        start.Environment["PATH"] = _home[".dotnet/tools"] + Path.PathSeparator + start.Environment["PATH"];
        // A portable tool finds .NET by this, where it is in no usual place.
        start.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(DynamoProcess.Dotnet()) is { Length: > 0 } root ? root : null;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(token), error = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: {await output}{await error}");
        return await output;
    }
}
