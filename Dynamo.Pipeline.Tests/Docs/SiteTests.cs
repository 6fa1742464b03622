using System.Diagnostics;
using System.Net;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Playwright;

namespace Dynamo.Pipeline.Tests;

/// <summary>The site: built from the pages and the libraries as they are, without a warning, and looked at in a browser.</summary>
[TestFixture, Soak, CancelAfter(300_000)]
internal sealed partial class SiteTests
{
    private const string Address = "http://site.test/";

    private static readonly string s_site = Path.Join(Repository.Root, "site", "_site");
    private static readonly string s_repository = XDocument.Load(Path.Join(Repository.Root, "Directory.Build.props"))
        .Descendants("RepositoryUrl").Single().Value;

    [OneTimeSetUp]
    public async Task BuildAsync()
    {
        string configuration = typeof(SiteTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        if (configuration != "Release") External.Missing("the site is made of the libraries' Release build");
        if (Directory.Exists(s_site)) Directory.Delete(s_site, recursive: true);
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(dotnet, ["docfx", "site/docfx.json", "--warningsAsErrors"])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        string said = await output + await error;
        if (said.Contains("dotnet tool restore", StringComparison.Ordinal)) External.Missing("docfx is not there: dotnet tool restore");
        Assert.That(process.ExitCode, Is.Zero, said);
    }

    [Test]
    public void Every_link_of_every_page_leads_somewhere()
    {
        Dictionary<string, HashSet<string>> pages = Directory.EnumerateFiles(s_site, "*.html", SearchOption.AllDirectories)
            .ToDictionary(page => page, page => Attributes(page, "id", "name").ToHashSet(StringComparer.Ordinal));

        string[] dead = [.. pages.Keys.SelectMany(page => Attributes(page, "href", "src").Distinct()
            .Where(link => !Leads(page, link, pages)).Select(link => $"{Path.GetRelativePath(s_site, page)}: {link}"))];

        Assert.That(dead, Is.Empty);
        Assert.That(pages, Has.Count.GreaterThan(100), "guides and API");
    }

    [Test]
    public void Every_guide_and_every_package_is_in_a_table_of_contents()
    {
        string guides = File.ReadAllText(Path.Join(s_site, "docs", "toc.json"));
        string api = File.ReadAllText(Path.Join(s_site, "api", "toc.json"));

        string[] missing = [.. Repository.Pages.Where(page => page.StartsWith("docs/", StringComparison.Ordinal))
            .Select(page => Path.ChangeExtension(page["docs/".Length..], ".html"))
            .Where(page => !guides.Contains($"\"{page}\"", StringComparison.Ordinal))];

        Assert.That(missing, Is.Empty);
        Assert.That(api, Does.Contain("\"Dynamo.Pipeline.html\"").And.Contain("\"Dynamo.Pipeline.Sqlite.html\"")
            .And.Contain("\"Dynamo.Pipeline.SqlServer.html\"").And.Contain("\"Dynamo.Pipeline.Sftp.html\""));
    }

    [Test]
    public void The_site_names_the_repository_that_the_packages_name()
    {
        using JsonDocument settings = JsonDocument.Parse(Repository.Read("site/docfx.json"));

        string footer = settings.RootElement.GetProperty("build").GetProperty("globalMetadata").GetProperty("_appFooter").GetString()!;

        Assert.That(footer, Does.Contain($"\"{s_repository}\""));
    }

    [Test]
    public async Task Its_pages_fit_every_screen_by_day_and_by_night_and_ask_nobody_else_for_anything()
    {
        using IPlaywright playwright = await Playwright.CreateAsync();
        await using IBrowser browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = Chromium.Program(), Args = ["--no-sandbox"] });
        foreach ((int width, bool dark) in ((int, bool)[])[(360, true), (1920, false)])
        {
            await using IBrowserContext context = await browser.NewContextAsync(new BrowserNewContextOptions
            {
                ViewportSize = new ViewportSize { Width = width, Height = 900 }, ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            });
            List<string> said = [], elsewhere = [];
            await context.RouteAsync("**/*", route => ServeAsync(route, elsewhere));
            foreach (string path in (string[])
                ["index.html", "docs/formats.html", "docs/options.html", "api/Dynamo.Pipeline.FilePipeline.html"])
            {
                IPage page = await context.NewPageAsync();
                page.Console += (_, message) => said.Add($"{path}: {message.Text}");
                page.PageError += (_, error) => said.Add($"{path}: {error}");
                await page.GotoAsync(Address + path);
                // The search is open when all scripts are there.
                await page.WaitForFunctionAsync("() => !document.getElementById('search-query').disabled");
                int wide = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth");
                string background = await page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
                Assert.That(wide, Is.LessThanOrEqualTo(width), $"{path} fits {width} pixels");
                Assert.That(background == "rgb(255, 255, 255)", Is.Not.EqualTo(dark), $"{path} by {(dark ? "night" : "day")}");
                await page.CloseAsync();
            }
            Assert.That(said, Is.Empty, "the console");
            Assert.That(elsewhere, Is.Empty, "requests to elsewhere, or for what is not there");
        }
    }

    [Test]
    public async Task What_is_searched_is_found()
    {
        using IPlaywright playwright = await Playwright.CreateAsync();
        await using IBrowser browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = Chromium.Program(), Args = ["--no-sandbox"] });
        IPage page = await browser.NewPageAsync();
        List<string> elsewhere = [];
        await page.RouteAsync("**/*", route => ServeAsync(route, elsewhere));
        await page.GotoAsync(Address + "index.html");
        await page.WaitForFunctionAsync("() => !document.getElementById('search-query').disabled");

        await page.FillAsync("#search-query", "quarantine");

        await page.WaitForFunctionAsync("() => document.querySelectorAll('#search-results .sr-item').length > 0");
        Assert.That(await page.InnerTextAsync("#search-results"), Does.Contain("quarantine").IgnoreCase);
        Assert.That(elsewhere, Is.Empty);
    }

    private static Task ServeAsync(IRoute route, List<string> elsewhere)
    {
        var asked = new Uri(route.Request.Url);
        if (asked.Scheme == "blob" || asked.Scheme == "data") return route.ContinueAsync();
        string file = Path.Join(s_site, Uri.UnescapeDataString(asked.AbsolutePath));
        if (asked.Host == new Uri(Address).Host && File.Exists(file)) return route.FulfillAsync(new RouteFulfillOptions { Path = file });
        lock (elsewhere) elsewhere.Add(route.Request.Url);
        return route.AbortAsync();
    }

    private static bool Leads(string page, string link, Dictionary<string, HashSet<string>> pages)
    {
        if (link.StartsWith("data:", StringComparison.Ordinal)) return true;
        if (link.StartsWith(s_repository + "/raw/", StringComparison.Ordinal))
            return File.Exists(Path.Join(Repository.Root, link[(s_repository.Length + "/raw/".Length)..].Split('#')[0].Split('/', 2)[1]));
        if (link.Contains("://", StringComparison.Ordinal)) return Uri.IsWellFormedUriString(link, UriKind.Absolute);
        string[] parts = link.Split('#');
        string path = Uri.UnescapeDataString(parts[0].Split('?')[0]);
        string target = path.Length == 0 ? page : Path.GetFullPath(Path.Join(Path.GetDirectoryName(page), path));
        if (!File.Exists(target)) return false;
        return parts.Length == 1 || parts[1].Length == 0 || parts[1] == "top" || !pages.TryGetValue(target, out HashSet<string>? anchors)
            || anchors.Contains(Uri.UnescapeDataString(parts[1]));
    }

    private static IEnumerable<string> Attributes(string page, params string[] names) =>
        from Match tag in Tag().Matches(File.ReadAllText(page))
        from Match attribute in Attribute().Matches(tag.Value)
        where names.Contains(attribute.Groups["name"].Value)
        select WebUtility.HtmlDecode(attribute.Groups["value"].Value);

    [GeneratedRegex("<[a-zA-Z][^<>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("\\s(?<name>[a-z]+)=(?:\"(?<value>[^\"]*)\"|'(?<value>[^']*)')")]
    private static partial Regex Attribute();
}
