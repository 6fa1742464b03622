using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>The worked examples of docs/formats.md, and that it names every setting.</summary>
[TestFixture]
internal sealed partial class FormatsDocTests
{
    private static readonly string s_text = File.ReadAllText(Path.Combine(Root(), "docs", "formats.md")).ReplaceLineEndings("\n");

    public static IEnumerable<TestCaseData> Examples() => ExampleText().Matches(s_text)
        .Select(example => new TestCaseData(example.Groups["file"].Value, example.Groups["csv"].Value, example.Groups["json"].Value,
            example.Groups["gives"].Value)
            .SetName($"Example_{example.Groups["number"].Value}_gives_what_it_says"));

    [Test]
    public void There_are_ten_examples_and_twenty_three_makers() => Assert.That(Examples().Count(), Is.EqualTo(33));

    [TestCaseSource(nameof(Examples))]
    public void An_example_gives_what_it_says(string file, string csv, string json, string gives)
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder["dynamo.json"], json);
        var problems = new List<SettingProblem>();
        HostSettings settings = FormatSettings.Completed(
            SettingLayer.FromFile(folder["dynamo.json"]).Apply(HostSettings.Default, problems), problems);
        Assert.That(problems, Is.Empty);
        Encoding encoding = json.Contains("windows-1252", StringComparison.Ordinal)
            ? CodePagesEncodingProvider.Instance.GetEncoding(1252)!
            : Encoding.UTF8;
        using var content = new FileContent(encoding.GetBytes(csv));
        using IRowReader<Reading> reader = Composition.Format(settings).Open(new SourceFile(file, 0, DateTime.UnixEpoch), content);
        var rows = new RowBatch<Reading>();

        while (reader.ReadAsync(rows, int.MaxValue, default).AsTask().GetAwaiter().GetResult()) { }

        var shown = new StringBuilder();
        foreach (Reading row in rows.Rows)
            shown.Append(
                CultureInfo.InvariantCulture,
                $"{row.Logger} {row.Channel} {row.TimestampUtc:yyyy-MM-ddTHH:mm:ss.FFFFFFF}Z {row.Value:R}\n");
        if (rows.Skipped > 0) shown.Append(CultureInfo.InvariantCulture, $"skipped {rows.Skipped}\n");
        foreach (Defect reject in rows.Rejects) shown.Append("rejected ").Append(reject).Append('\n');
        Assert.That(shown.ToString(), Is.EqualTo(gives));
    }

    [Test]
    public void Every_setting_is_in_the_tables()
    {
        string tables = s_text[..s_text.IndexOf("## Examples", StringComparison.Ordinal)];
        IEnumerable<string> parts = FormatSettings.All.Select(
            setting => setting.Key.Split(':')).SelectMany(parts => parts.Skip(1)).Distinct();

        Assert.That(parts.Where(part => !tables.Contains(part, StringComparison.Ordinal)), Is.Empty);
    }

    private static string Root()
    {
        DirectoryInfo folder = new(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Dynamo.Pipeline.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }

    [GeneratedRegex(
        "### (?<number>\\d+)\\. [^\n]+\n\nFile `(?<file>[^`]+)`:\n\n```csv\n(?<csv>.*?)```\n\n```json\n(?<json>.*?)```\n\n```text\n"
            + "(?<gives>.*?)```", RegexOptions.Singleline)]
    private static partial Regex ExampleText();
}
