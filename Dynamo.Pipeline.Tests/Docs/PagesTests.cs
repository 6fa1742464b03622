using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Dynamo.Pipeline.Tests;

/// <summary>The pages say nothing that is not so.</summary>
internal sealed partial class PagesTests
{
    private static IEnumerable<string> Pages => Repository.Pages;

    private static IEnumerable<string> PagesWithCode =>
        Repository.Pages.Where(page => Repository.Blocks(page).Any(block => block.Language == "csharp"));

    [TestCaseSource(nameof(PagesWithCode))]
    public void Every_code_block_stands_in_a_compiled_file(string page)
    {
        string[] compiled = [.. Repository.Files()
            .Where(file => file.EndsWith(".cs", StringComparison.Ordinal)
                && (file.StartsWith("samples/", StringComparison.Ordinal)
                    || file.StartsWith("Dynamo.Pipeline.Tests/Docs/", StringComparison.Ordinal)))
            .Select(file => Repository.Normalised(Repository.Read(file)))];

        string[] strangers = [.. Repository.Blocks(page)
            .Where(block => block.Language == "csharp" && !IsProgram(block.Text)
                && !compiled.Any(file => file.Contains(Repository.Normalised(block.Text), StringComparison.Ordinal)))
            .Select(block => block.Text)];

        Assert.That(strangers, Is.Empty);
    }

    [TestCaseSource(nameof(PagesWithCode))]
    public void A_whole_program_compiles_when_it_is_copied(string page)
    {
        string[] problems = [.. Repository.Blocks(page).Where(block => block.Language == "csharp" && IsProgram(block.Text))
            .SelectMany(block => Compiled(block.Text)).Select(problem => problem.ToString())];

        Assert.That(problems, Is.Empty);
    }

    private static bool IsProgram(string code) => code.StartsWith("using ", StringComparison.Ordinal);

    /// <summary>As a new console project would: with its implicit usings.</summary>
    private static IEnumerable<Diagnostic> Compiled(string code)
    {
        const string Implicit =
            "global using System; global using System.IO; global using System.Linq; global using System.Collections.Generic; "
            + "global using System.Threading; global using System.Threading.Tasks;";
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        return CSharpCompilation.Create("copied",
            [CSharpSyntaxTree.ParseText(code, options), CSharpSyntaxTree.ParseText(Implicit, options)],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
                .Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable))
            .GetDiagnostics().Where(problem => problem.Severity >= DiagnosticSeverity.Warning);
    }

    [TestCaseSource(nameof(Pages))]
    public void Every_link_into_the_repository_leads_somewhere(string page)
    {
        string folder = Path.GetDirectoryName(Path.Join(Repository.Root, page))!;

        string[] broken = [.. Link().Matches(Fences().Replace(Repository.Read(page), ""))
            .Select(match => match.Groups["target"].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#'))
            .Where(target => !Path.Exists(Path.Join(folder, target.Split('#')[0])))];

        Assert.That(broken, Is.Empty);
    }

    /// <summary>As GitHub reads them: a <c>|</c> in a code span ends the cell as well, unless it is escaped.</summary>
    [TestCaseSource(nameof(Pages))]
    public void Every_row_of_a_table_has_as_many_cells_as_its_header(string page)
    {
        int header = 0;
        var wrong = new List<string>();
        foreach ((int number, string text) in Fences().Replace(Repository.Read(page), Blank).Split('\n').Index())
        {
            int cells = text.StartsWith('|') ? Bars().Count(text.TrimEnd()) - (text.TrimEnd().EndsWith('|') ? 1 : 0) : 0;
            if (cells > 0 && header > 0 && cells != header) wrong.Add($"{page}({number + 1}): {cells} cells under {header}");
            header = cells == 0 ? 0 : header > 0 ? header : cells;
        }

        Assert.That(wrong, Is.Empty);
    }

    private static string Blank(Match code) => new('\n', code.Value.Count(letter => letter == '\n'));

    [Test]
    public void Every_page_of_the_documentation_is_reached_from_the_readme()
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        Follow("README.md", reached);

        Assert.That(Repository.Pages.Where(page => page.StartsWith("docs/", StringComparison.Ordinal)).Except(reached), Is.Empty);
    }

    [Test]
    public void No_file_names_a_path_of_somebodys_machine()
    {
        string[] found = [.. Repository.Files().Where(IsText).SelectMany(file => Lines(file)
            .Where(line => MachinePath().IsMatch(line.Text))
            .Select(line => $"{file}:{line.Number}: {line.Text.Trim()}"))];

        Assert.That(found, Is.Empty);
    }

    private static void Follow(string page, HashSet<string> reached)
    {
        if (!reached.Add(page)) return;
        string folder = Path.GetDirectoryName(page)!;
        foreach (Match match in Link().Matches(Repository.Read(page)))
        {
            string target = match.Groups["target"].Value.Split('#')[0];
            string path = Path.GetRelativePath(
                Repository.Root, Path.GetFullPath(Path.Join(Repository.Root, folder, target))).Replace('\\', '/');
            if (Repository.Pages.Contains(path)) Follow(path, reached);
        }
    }

    private static bool IsText(string file) =>
        Path.GetExtension(file) is ".cs" or ".md" or ".csproj" or ".props" or ".sln" or ".json" or ".txt" or ".yml" or ".csv" or ".py"
            or ".c" or "" or ".sh";

    private static IEnumerable<(int Number, string Text)> Lines(string file) =>
        Repository.Read(file).Split('\n').Select((text, index) => (index + 1, text));

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bars();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fences();

    // Homes, work places and temporary folders: what a copied command or message leaves behind. The pattern does not match itself.
    [GeneratedRegex(@"(?<![\w.~])/(?:work|tmp|root|home/\w|Users/\w)(?=[/\s""'`)]|$)|[A-Z]:\\Users\\")]
    private static partial Regex MachinePath();
}
