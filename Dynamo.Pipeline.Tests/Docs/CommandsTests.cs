using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>Every command of the pages, run as it stands there, in a folder that has what it names.</summary>
[TestFixture, CancelAfter(180_000)]
internal sealed partial class CommandsTests
{
    private const string Configuration = "--config dynamo.json";

    private static IEnumerable<string> PagesWithCommands => Repository.Pages.Where(page => Commands(page).Any());

    [TestCaseSource(nameof(PagesWithCommands))]
    public async Task Every_command_works_and_prints_what_the_page_says(string page, CancellationToken token)
    {
        using var folder = new DynamoFolder();
        (string Line, string? Output)[] commands = [.. Commands(page)];
        Prepare(folder);
        // A page that writes the configuration has none before.
        if (commands.Any(command => command.Line.StartsWith("dynamo init", StringComparison.Ordinal))) File.Delete(folder["dynamo.json"]);
        // A page that begins in the middle of things takes an import for granted.
        if (Arguments(commands[0].Line)[0] is "retry" or "status") await folder.ImportAsync(token);

        foreach ((string line, string? output) in commands)
        {
            string[] arguments = Finite(Arguments(line));
            DynamoResult result = await folder.RunAsync(token, arguments);

            Assert.That(result.ExitCode, Is.AnyOf(0, 1), $"{line}\n{result.StandardError}");
            foreach (string promised in (output ?? "").Split('\n').Where(text => !string.IsNullOrWhiteSpace(text) && text.Trim() != "…"))
                Assert.That(WithoutNumbers(result.StandardOutput), Does.Contain(WithoutNumbers(promised)), line);
        }
    }

    [Test]
    public async Task Every_command_with_a_configuration_works_from_another_folder_too(CancellationToken token)
    {
        using var folder = new DynamoFolder();
        Prepare(folder);
        Directory.CreateDirectory(folder["elsewhere"]);
        string[] lines = [.. Repository.Pages.SelectMany(Commands).Select(command => command.Line).Distinct()
            .Where(line => line.Contains(Configuration, StringComparison.Ordinal))];
        Assert.That(lines, Has.Length.GreaterThan(10));
        await folder.RunAsync(token, Arguments(lines.First(line => line.StartsWith("dynamo run", StringComparison.Ordinal))));

        foreach (string line in lines)
        {
            string[] arguments = Finite(Arguments(line.Replace(Configuration, "--config ../dynamo.json", StringComparison.Ordinal)));
            DynamoResult result = await DynamoProcess.RunAsync(arguments, folder["elsewhere"], null, token);

            Assert.That(result.ExitCode, Is.AnyOf(0, 1), $"{line}\n{result.StandardError}");
        }
        Assert.That(Directory.EnumerateFiles(folder["elsewhere"], "*.db"), Is.Empty, "the database is beside the configuration");
    }

    [Test]
    public void Every_project_that_a_page_runs_is_there()
    {
        string[] missing = [
            .. Repository.Pages.SelectMany(page => Project().Matches(Repository.Read(page))).Select(
                match => match.Groups["project"].Value.TrimEnd('.', ','))
            .Where(project => !Directory.EnumerateFiles(Path.Join(Repository.Root, project), "*.csproj").Any())];

        Assert.That(missing, Is.Empty);
    }

    /// <summary>An inbox with a bad row and a bad file, a wide file, and a file of settings.</summary>
    private static void Prepare(DynamoFolder folder)
    {
        folder.Put("L1_0000.csv", "L1,flow,2026-01-01T00:00:00Z,1.5", "L1,pressure,2026-01-01T00:00:00Z,4.2");
        folder.Put("L1_0015.csv", "L1,flow,2026-01-01T00:15:00Z,1.7", "L1,pressure,2026-01-01T00:15:00Z,defect");
        folder.PutText("L2_0000.csv", "Messstelle;Wert\nL2;1\n");
        File.Copy(Path.Join(Repository.Root, "docs", "dynamo.json"), folder["dynamo.json"]);
    }

    private static IEnumerable<(string Line, string? Output)> Commands(string page) =>
        from block in Repository.Blocks(page)
        where block.Language == "sh"
        let lines = block.Text.Split('\n').Where(line => line.StartsWith("dynamo ", StringComparison.Ordinal)).ToArray()
        from line in lines
        select (line, lines.Length == 1 ? block.Output : null);

    /// <summary>A watch that ends by itself.</summary>
    private static string[] Finite(string[] arguments) =>
        arguments[0] == "watch" && !arguments.Contains("--for") ? [.. arguments, "--for", "2s"] : arguments;

    /// <summary>As a shell splits it, up to a comment or a pipe.</summary>
    private static string[] Arguments(string line) =>
        [.. Word().Matches(line).Select(match => match.Value).Skip(1).TakeWhile(word => word is not ("#" or "|" or ">"))
            .Select(word => word.Replace("\"", "", StringComparison.Ordinal))];

    private static string WithoutNumbers(string text) => Repository.Normalised(Number().Replace(text, "N"));

    [GeneratedRegex("(?:[^\\s\"]|\"[^\"]*\")+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\d[\d.,]*")]
    private static partial Regex Number();

    [GeneratedRegex(@"dotnet run (?:-c Release )?--project (?<project>[\w./]+)")]
    private static partial Regex Project();
}
