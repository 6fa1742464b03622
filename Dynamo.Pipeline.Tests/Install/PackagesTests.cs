using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The packages as another team gets them: packed, restored from a folder into a project outside the repository, and run.
/// </summary>
[TestFixture, Soak, CancelAfter(600_000), Order(1)]
internal sealed partial class PackagesTests
{
    private static readonly string[] s_projects = ["Core", "Sqlite", "SqlServer", "Sftp"];

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
        foreach (string project in s_projects) await PackAsync(project, _folder["feed"], CancellationToken.None);
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
    public async Task A_package_that_is_made_again_is_the_same_to_the_byte(CancellationToken token)
    {
        foreach (string project in s_projects) await PackAsync(project, _folder["again"], token);

        string[] names = [.. Directory.EnumerateFiles(_folder["feed"]).Select(path => Path.GetFileName(path))];
        Assert.That(names, Has.Length.EqualTo(2 * s_projects.Length));
        foreach (string name in names)
        {
            bool isSame = File.ReadAllBytes(_folder["feed/" + name]).AsSpan().SequenceEqual(File.ReadAllBytes(_folder["again/" + name]));
            Assert.That(isSame, name);
        }
    }

    [Test]
    public void A_package_says_what_it_is_where_it_is_from_and_what_is_new()
    {
        string address = XDocument.Load(Path.Join(Repository.Root, "Directory.Build.props")).Descendants("RepositoryUrl").Single().Value;
        string latest = Repository.Read("CHANGELOG.md").Split("\n## ")[1];
        foreach (string path in Directory.EnumerateFiles(_folder["feed"], "*.nupkg"))
        {
            using ZipArchive package = ZipFile.OpenRead(path);
            XElement about = XDocument.Parse(Text(package.Entries.Single(entry => Path.GetExtension(entry.Name) == ".nuspec"))).Root!
                .Elements().Single();
            string Value(string name) => about.Elements().Single(element => element.Name.LocalName == name).Value;

            Assert.That(Value("releaseNotes").Trim(), Is.Not.Empty.And.EqualTo(latest[latest.IndexOf('\n')..].Trim()));
            Assert.That(Value("license"), Is.EqualTo("MIT"));
            XElement repository = about.Elements().Single(element => element.Name.LocalName == "repository");
            Assert.That(repository.Attribute("url")?.Value, Is.EqualTo(address));
            Assert.That(package.GetEntry(Value("icon")), Is.Not.Null);
            Assert.That(package.GetEntry("NOTICE"), Is.Not.Null);
            string readme = Text(package.GetEntry(Value("readme"))!);
            string[] targets = [.. Link().Matches(readme).Select(link => link.Groups[1].Value)];
            Assert.That(targets, Has.All.Matches<string>(target => target.Contains("://", StringComparison.Ordinal)), path);
            Assert.That(targets, Has.Some.StartsWith(address + "/blob/"));
        }
    }

    [Test]
    public void The_symbols_lead_to_the_sources_of_the_commit()
    {
        foreach (string path in Directory.EnumerateFiles(_folder["feed"], "*.snupkg"))
        {
            using ZipArchive symbols = ZipFile.OpenRead(path);
            string text = Text(symbols.Entries.Single(entry => entry.Name.EndsWith(".pdb", StringComparison.Ordinal)));
            Assert.That(text, Does.Match("""\{"documents":\{"[^"]*\*":"https://[^"]*/[0-9a-f]{40}/\*"\}"""), path);
        }
    }

    [Test]
    public void The_documentation_is_of_what_is_public()
    {
        string[] runtime = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        foreach (string path in Directory.EnumerateFiles(_folder["feed"], "*.nupkg"))
        {
            using ZipArchive package = ZipFile.OpenRead(path);
            string name = package.Entries.Single(entry => Path.GetExtension(entry.Name) == ".xml" && entry.FullName[..4] == "lib/").Name;
            var compilation = CSharpCompilation.Create("any", references: runtime.Select(file => MetadataReference.CreateFromFile(file)));
            string[] documented = [.. XDocument.Parse(Text(package.GetEntry("lib/net10.0/" + name)!)).Descendants("member")
                .Select(member => member.Attribute("name")!.Value)];

            Assert.That(documented, Has.Length.GreaterThan(20), name);
            Assert.That(
                documented.Where(id => !IsPublic(DocumentationCommentId.GetFirstSymbolForDeclarationId(id, compilation))), Is.Empty, name);
        }
    }

    [Test]
    public async Task The_program_of_the_readme_runs_with_few_packages_and_little_on_disk(CancellationToken token)
    {
        Block program = Repository.Blocks("README.md").Single(block => block.Language == "csharp");
        string project = await BuildAsync(
            "FromFolder", [("Program.cs", program.Text)], ["Dynamo.Pipeline", "Dynamo.Pipeline.Sqlite"], token);
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

        File.Delete(Path.Join(project, "readings.db"));
        string native = await NativeAsync(project, token);
        Assert.That(await RunAsync(Path.Join(native, "FromFolder"), [], project, token), Is.EqualTo(said));
    }

    [Test]
    public async Task An_own_row_and_an_own_sink_work_compiled_at_run_time_and_ahead(CancellationToken token)
    {
        foreach ((string sample, string[] packages, string expected) in ((string, string[], string)[])
        [
            ("OwnRow", ["Dynamo.Pipeline", "Dynamo.Pipeline.Sqlite"], "files: 3 listed, 2 loaded"),
            ("Extending", ["Dynamo.Pipeline"], "committed: L1.jsonl"),
        ])
        {
            string folder = Path.Join(Repository.Root, "samples", sample);
            string project = await BuildAsync(
                sample, [.. Directory.EnumerateFiles(folder, "*.cs").Select(file => (Path.GetFileName(file), File.ReadAllText(file)))],
                packages, token);
            string native = await NativeAsync(project, token);
            foreach ((string program, string[] first) in ((string, string[])[])
                [(Dotnet, [Path.Join(project, "out", sample + ".dll")]), (Path.Join(native, sample), [])])
            {
                using var work = new ScratchFolder();
                if (sample == "OwnRow")
                {
                    Directory.CreateDirectory(work["events"]);
                    foreach (string file in Directory.EnumerateFiles(Path.Join(folder, "events"), "*.csv"))
                        File.Copy(file, work["events/" + Path.GetFileName(file)]);
                }
                Assert.That(await RunAsync(program, [.. first, work.Path], project, token), Does.StartWith(expected), program);
            }
        }
    }

    [Test]
    public async Task From_a_server_into_sql_server_it_works_with_either_client_compiled_at_run_time_and_ahead(CancellationToken token)
    {
        Sshd.Require();
        using var sshd = new Sshd(_folder["sshd"]);
        string inbox = _folder["sshd/inbox"];
        Directory.CreateDirectory(inbox);
        string project = await BuildAsync(
            "FromServer", [("Program.cs", FromServerToServer)], ["Dynamo.Pipeline.Sftp", "Dynamo.Pipeline.SqlServer"], token);
        string native = await NativeAsync(project, token);

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

    private static Task<string> PackAsync(string project, string to, CancellationToken token)
    {
        string configuration = typeof(PackagesTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        return DotnetAsync(Repository.Root, token, "pack", $"Dynamo.Pipeline/{project}", "-c", configuration, "--no-build", "-o", to);
    }

    /// <summary>Compiles a project ahead, without a warning, and gives the folder of the program.</summary>
    private static async Task<string> NativeAsync(string project, CancellationToken token)
    {
        await External.RunAsync("gcc", "--version");
        string native = Path.Join(project, "native");
        // Not optimized: what is compiled ahead is the same, in a fraction of the time.
        // The two warnings are said of SqlClient and what it brings, as wholes; any other fails.
        await DotnetAsync(project, token, "publish", "-r", "linux-x64", "-p:PublishAot=true", "-p:NoWarn=IL2104%3BIL3053",
            "-p:CppCompilerAndLinker=gcc", "-p:Optimize=false", "-p:StripSymbols=false", "-warnaserror", "-o", native);
        return native;
    }

    private static bool IsPublic(ISymbol? symbol)
    {
        Accessibility[] visible = [Accessibility.Public, Accessibility.Protected, Accessibility.ProtectedOrInternal];
        for (; symbol is not (null or INamespaceSymbol); symbol = symbol.ContainingSymbol)
            if (!visible.Contains(symbol.DeclaredAccessibility)) return false;
        return symbol is not null;
    }

    private static string Text(ZipArchiveEntry entry)
    {
        using var reader = new StreamReader(entry.Open());
        return reader.ReadToEnd();
    }

    private async Task<string> BuildAsync(string name, (string Name, string Text)[] files, string[] packages, CancellationToken token)
    {
        string folder = _folder[name];
        Directory.CreateDirectory(folder);
        string version = Path.GetFileNameWithoutExtension(Directory.GetFiles(_folder["feed"], "Dynamo.Pipeline.Sqlite.*.nupkg").Single())[
            "Dynamo.Pipeline.Sqlite.".Length..];
        foreach ((string file, string text) in files) File.WriteAllText(Path.Join(folder, file), text);
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

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
