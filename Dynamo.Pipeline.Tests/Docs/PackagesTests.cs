using System.Diagnostics;
using System.Reflection;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The packages as another team gets them: packed, restored from a folder into a project outside the repository, and run.
/// </summary>
[TestFixture, Soak, CancelAfter(600_000), Order(1)]
internal sealed class PackagesTests
{
    private const string FromServerToServer = """
        using Dynamo.Pipeline;
        using Dynamo.Pipeline.Sftp;
        using Dynamo.Pipeline.SqlServer;

        await using var source = new SftpSource(new SftpSourceOptions
        {
            Host = "127.0.0.1",
            Port = int.Parse(args[0]),
            User = args[1],
            Path = args[2],
            IdentityFile = args[3],
            KnownHostsFile = args[4],
            Client = Enum.Parse<SshClientKind>(args[5]),
            SettleTime = TimeSpan.Zero,
        });
        await using var sink = new SqlServerSink<Reading>(args[6], ReadingTable.Default);
        PipelineResult result = await FilePipeline
            .From(source)
            .Read(new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink)
            .RunAsync();
        Console.WriteLine(result.Books);
        """;

    private ScratchFolder _folder = null!;

    [OneTimeSetUp]
    public async Task PackAsync()
    {
        _folder = new ScratchFolder();
        string configuration = typeof(PackagesTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        foreach (string project in (string[])["Core", "Sqlite", "SqlServer", "Sftp"])
        {
            await DotnetAsync(Repository.Root, CancellationToken.None,
                "pack", $"Dynamo.Pipeline/{project}", "-c", configuration, "--no-build", "-o", _folder["feed"]);
        }
        // Ours are restored into a folder of the test's; all others come from the user's cache, where the build put them.
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(_folder["nuget.config"], $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <fallbackPackageFolders><add key="cache" value="{cache}" /></fallbackPackageFolders>
              <packageSources><add key="feed" value="feed" /></packageSources>
            </configuration>
            """);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task The_program_of_the_readme_runs_with_few_packages_and_little_on_disk(CancellationToken token)
    {
        Block program = Repository.Blocks("README.md").Single(block => block.Language == "csharp");
        string project = await BuildAsync("FromFolder", program.Text, ["Dynamo.Pipeline", "Dynamo.Pipeline.Sqlite"], token);
        string inbox = Path.Join(project, "inbox");
        Directory.CreateDirectory(inbox);
        File.WriteAllText(Path.Join(inbox, "a.csv"), "logger,channel,timestamp,value\nL1,pressure,2025-01-01T00:00:00Z,2.5\n");
        File.SetLastWriteTimeUtc(Path.Join(inbox, "a.csv"), new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        string output = Path.Join(project, "out");

        string said = await DotnetAsync(project, token, Path.Join(output, "FromFolder.dll"));

        long size = new DirectoryInfo(output).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        int packages = Packages(project);
        TestContext.Out.WriteLine($"{packages} packages, {size / 1e6:F1} MB");
        Assert.That(said, Does.StartWith("files: 1 listed, 1 loaded").And.Contains("lowest pressure: L1 2.500 bar"));
        Assert.That(packages, Is.LessThanOrEqualTo(12));
        Assert.That(size, Is.LessThan(15_000_000));
    }

    [Test]
    public async Task From_a_server_into_sql_server_it_works_with_either_client_compiled_at_run_time_and_ahead(CancellationToken token)
    {
        Sshd.Require();
        await External.RunAsync("gcc", "--version");
        using var sshd = new Sshd(_folder["sshd"]);
        string inbox = _folder["sshd/inbox"];
        Directory.CreateDirectory(inbox);
        string project = await BuildAsync(
            "FromServer", FromServerToServer, ["Dynamo.Pipeline.Sftp", "Dynamo.Pipeline.SqlServer"], token);
        string native = Path.Join(project, "native");
        // Not optimized: what is compiled ahead is the same, in a fraction of the time.
        // The two warnings are said of SqlClient and what it brings, as wholes; any other fails.
        await DotnetAsync(project, token, "publish", "-r", "linux-x64", "-p:PublishAot=true", "-p:NoWarn=IL2104%3BIL3053",
            "-p:CppCompilerAndLinker=gcc", "-p:Optimize=false", "-p:StripSymbols=false", "-warnaserror", "-o", native);

        foreach ((string program, string[] first) in ((string, string[])[])
            [(Dotnet, [Path.Join(project, "out", "FromServer.dll")]), (Path.Join(native, "FromServer"), [])])
        {
            foreach (string client in (string[])["OpenSsh", "Managed"])
            {
                await using var endpoint = new TdsEndpoint();
                File.WriteAllText(Path.Join(inbox, "a.csv"), "logger,channel,timestamp,value\nL1,pressure,2025-01-01T00:00:00Z,2.5\n");
                string[] arguments = [.. first, $"{sshd.Port}", Environment.UserName, inbox, sshd.UserKey, sshd.KnownHosts, client,
                    endpoint.ConnectionString];

                string said = await RunAsync(program, arguments, project, token);

                Assert.That(said, Does.StartWith("files: 1 listed, 1 loaded"), $"{program} {client}");
            }
        }
    }

    private async Task<string> BuildAsync(string name, string program, string[] packages, CancellationToken token)
    {
        string folder = _folder[name];
        Directory.CreateDirectory(folder);
        string version = Path.GetFileNameWithoutExtension(Directory.GetFiles(_folder["feed"], "Dynamo.Pipeline.Sqlite.*.nupkg").Single())[
            "Dynamo.Pipeline.Sqlite.".Length..];
        File.WriteAllText(Path.Join(folder, "Program.cs"), program);
        File.WriteAllText(Path.Join(folder, name + ".csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup>{string.Concat(packages.Select(p => $"<PackageReference Include=\"{p}\" Version=\"{version}\" />"))}</ItemGroup>
            </Project>
            """);
        await DotnetAsync(folder, token, "build", "-c", "Release", "-o", "out", "-warnaserror");
        return folder;
    }

    private static int Packages(string project)
    {
        using JsonDocument assets = JsonDocument.Parse(File.ReadAllText(Path.Join(project, "obj", "project.assets.json")));
        return assets.RootElement.GetProperty("libraries").EnumerateObject()
            .Count(library => library.Value.GetProperty("type").GetString() == "package");
    }

    private static string Dotnet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static Task<string> DotnetAsync(string folder, CancellationToken token, params string[] arguments) =>
        RunAsync(Dotnet, arguments, folder, token);

    private static async Task<string> RunAsync(string program, string[] arguments, string folder, CancellationToken token)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No server of the build stays behind, and no setting of the test's own build gets in.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        foreach (string own in start.Environment.Keys.Where(key => key.StartsWith("MSBuild", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(own);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(token), error = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: {await output}{await error}");
        return await output;
    }
}
