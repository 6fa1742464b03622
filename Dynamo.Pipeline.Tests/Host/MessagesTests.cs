using System.Text.RegularExpressions;
using Dynamo.Pipeline.Host;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Dynamo.Pipeline.Tests;

/// <summary>Whoever has a configuration is told the setting's key, and never the property that it stands for.</summary>
[TestFixture, CancelAfter(60_000)]
internal sealed partial class MessagesTests
{
    private static readonly string[] s_sql = ["SELECT ", "INSERT ", "UPDATE ", "ALTER ", "CREATE ", "EXEC ", "DROP ", "PRAGMA "];

    /// <summary>The pages' tables of options beside their settings.</summary>
    private static IEnumerable<(string Option, string Setting)> Pairs()
    {
        string type = "";
        foreach (string line in Repository.Read("docs/options.md").Split('\n'))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal)) type = line[3..].Trim();
            string[] cells = Cells(line);
            if (type.EndsWith("Options", StringComparison.Ordinal) && cells.Length == 4 && cells[0].StartsWith('`')
                && cells[2].StartsWith('`') && !cells[2].Contains('…', StringComparison.Ordinal))
                yield return ($"{type}.{cells[0].Trim('`')}", cells[2].Trim('`'));
        }
        foreach (string line in Repository.Read("docs/formats.md").Split('\n'))
        {
            string[] cells = Cells(line);
            if (cells.Length != 4 || !Property().IsMatch(cells[3]) || !Property().IsMatch(cells[0])) continue;
            string property = cells[3].Trim('`');
            yield return (
                property.StartsWith("Text.", StringComparison.Ordinal) ? $"CsvText.{property[5..]}" : $"ReadingFormat.{property}",
                $"format:{cells[0].Trim('`')}");
        }
    }

    [Test]
    public void Every_option_with_a_setting_is_known_by_it()
    {
        (string Option, string Setting)[] pairs = [.. Pairs()];

        Assert.That(pairs, Has.Length.GreaterThan(70));
        Assert.Multiple(() =>
        {
            foreach ((string option, string setting) in pairs)
                Assert.That(OptionSettings.KeyOf(option), Is.EqualTo(setting), option);
            Assert.That(OptionSettings.KeyOf("SftpSourceOptions.IdentityFile"), Is.EqualTo("sftp:identityFile"));
            Assert.That(OptionSettings.KeyOf("SqlServerSinkOptions.StallTimeout"), Is.EqualTo("sqlserver:stallTimeout"));
            Assert.That(OptionSettings.KeyOf("SqlServerSinkOptions.CreateTables"), Is.EqualTo("createTables"));
            Assert.That(OptionSettings.KeyOf("PipelineOptions.TimeProvider"), Is.Null);
        });
    }

    [Test]
    public void No_message_of_the_library_or_the_host_names_a_property_that_has_a_setting()
    {
        string[] options = [.. Pairs().Select(pair => pair.Option)
            .Concat(typeof(SftpSourceOptions).GetProperties().Select(property => $"SftpSourceOptions.{property.Name}"))
            .Where(option => OptionSettings.KeyOf(option) is not null).Select(option => option.Split('.')[1]).Distinct()];
        // A word such as Separator is an option only where somebody is told to set it.
        var always = new Regex($@"(?<![\w.]){Any(options.Where(name => name.Count(char.IsUpper) > 1))}(?!\w)");
        var told = new Regex(
            $@"\b(?:[Ss]et|to|or|[Cc]orrect) (?:the )?{Any(options.Where(name => name.Count(char.IsUpper) == 1))}(?!\w)");

        string[] found = [.. Repository.Files()
            .Where(file => file.EndsWith(".cs", StringComparison.Ordinal) && file.StartsWith("Dynamo.Pipeline", StringComparison.Ordinal)
                && !file.StartsWith("Dynamo.Pipeline.Tests", StringComparison.Ordinal))
            .SelectMany(Messages)
            .Where(message => always.IsMatch(message.Text) || told.IsMatch(message.Text))
            .Select(message => $"{message.Place}: {message.Text}")];

        Assert.That(found, Is.Empty);
    }

    [Test]
    public async Task A_file_without_its_header_says_what_to_set_in_the_report_and_beside_the_file(CancellationToken token)
    {
        using var folder = new DynamoFolder();
        folder.PutText("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5\n");

        DynamoResult run = await folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive");

        Assert.That(run.StandardOutput + run.StandardError, Does.Contain("set format:header to false"));
        Assert.That(File.ReadAllText(Directory.GetFiles(folder["inbox/quarantine"], "*.reason.json").Single()),
            Does.Contain("set format:header to false"));
    }

    [Test]
    public void Seen_from_the_root_paths_stay_in_full()
    {
        Assert.That(Shown.Path("/data/readings.db", "/"), Is.EqualTo("/data/readings.db"));
        Assert.That(Shown.Path("/data/readings.db", "/data"), Is.EqualTo("readings.db"));
        Assert.That(Shown.Path("/data/readings.db", "/home"), Is.EqualTo("/data/readings.db"));
    }

    /// <summary>Texts with a blank, but for statements, and for what an option itself says when its value is refused.</summary>
    private static IEnumerable<(string Place, string Text)> Messages(string file)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(Repository.Read(file), new CSharpParseOptions(LanguageVersion.Latest));
        foreach (SyntaxToken part in tree.GetRoot().DescendantTokens().Where(token => token.Kind() is SyntaxKind.StringLiteralToken
            or SyntaxKind.InterpolatedStringTextToken or SyntaxKind.MultiLineRawStringLiteralToken))
        {
            string text = part.ValueText;
            bool refuses = part.Parent!.Ancestors().OfType<ObjectCreationExpressionSyntax>().Any(made =>
                made.Type.ToString() == "ArgumentOutOfRangeException");
            if (refuses || !text.Contains(' ', StringComparison.Ordinal)
                || s_sql.Any(word => text.Contains(word, StringComparison.Ordinal)))
                continue;
            yield return ($"{file}({part.GetLocation().GetLineSpan().StartLinePosition.Line + 1})", text);
        }
    }

    private static string Any(IEnumerable<string> names) => $"(?:{string.Join('|', names)})";

    private static string[] Cells(string line) => !line.StartsWith('|') ? []
        : [.. line.Trim().Trim('|').Replace("\\|", "", StringComparison.Ordinal).Split('|').Select(cell => cell.Trim())];

    [GeneratedRegex(@"^`[\w.]+`$")]
    private static partial Regex Property();
}
