using System.Globalization;
using System.Reflection;
using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>docs/options.md names every option and setting, under its own name and with its own default.</summary>
internal sealed class OptionsPageTests
{
    private static readonly string s_page = Repository.Read("docs/options.md");

    private static IEnumerable<TestCaseData> Options() =>
        from options in new object[]
        {
            new PipelineOptions(),
            new FolderSourceOptions(),
            new SftpSourceOptions { Host = "host" },
            new SqliteSinkOptions(),
            new SqlServerSinkOptions(),
        }
        from property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        select new TestCaseData(
            options.GetType().Name, property.Name,
            Shown(property.Name, property.GetValue(options))).SetArgDisplayNames(options.GetType().Name, property.Name);

    private static IEnumerable<string> Settings() => SettingCatalogue.All.Select(setting => setting.Key);

    [TestCaseSource(nameof(Options))]
    public void Every_option_is_there_with_its_default(string type, string property, string expected)
    {
        string[] cells = Row(Section(type), property);

        Assert.That(cells[1], Is.EqualTo(expected), $"the default of {type}.{property}");
        Assert.That(cells[^1], Is.Not.Empty, $"the consequence of {type}.{property}");
    }

    [TestCaseSource(nameof(Settings))]
    public void Every_setting_is_there_under_its_names(string key)
    {
        Setting setting = SettingCatalogue.Find(key)!;
        string variable = "DYNAMO__" + key.ToUpperInvariant().Replace(":", "__", StringComparison.Ordinal) + (setting.IsList ? "__0" : "");

        string[] cells = Row(Section("Settings of the host"), key);

        Assert.That(cells[1], Is.EqualTo($"`{variable}`"));
        Assert.That(cells[2], Is.EqualTo(setting.Option is null ? "" : $"`{setting.Option}`"));
    }

    [TestCase(nameof(PipelineOptions))]
    [TestCase(nameof(FolderSourceOptions))]
    [TestCase(nameof(SqliteSinkOptions))]
    public void A_setting_has_the_default_of_its_option(string type)
    {
        string settings = Section("Settings of the host");
        string[][] options = [
            .. Section(type).Split('\n').Where(
                line => line.StartsWith("| `", StringComparison.Ordinal)).Select(Cells).Where(cells => cells[2].Length > 0)];

        Assert.That(options, Has.Length.GreaterThan(6));
        Assert.Multiple(() =>
        {
            foreach (string[] option in options)
                Assert.That(Plain(Row(settings, option[2].Trim('`'))[3]), Does.StartWith(Plain(option[1])), option[0]);
        });
    }

    [Test]
    public void No_setting_is_there_that_the_host_does_not_know()
    {
        string[] named = [.. Section("Settings of the host").Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => Cells(line)[0].Trim('`'))];

        Assert.That(named, Is.EquivalentTo(Settings()));
    }

    private static string Section(string heading)
    {
        int start = s_page.IndexOf($"\n## {heading}\n", StringComparison.Ordinal);
        Assert.That(start, Is.Not.Negative, $"a section ## {heading}");
        int end = s_page.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return end < 0 ? s_page[start..] : s_page[start..end];
    }

    private static string[] Row(string section, string name)
    {
        string[] rows = [.. section.Split('\n').Where(line => line.StartsWith($"| `{name}` |", StringComparison.Ordinal))];
        Assert.That(rows, Has.Length.EqualTo(1), $"one row for {name}");
        return Cells(rows[0]);
    }

    private static string[] Cells(string row) =>
        [.. row.Replace("\\|", "\u0001", StringComparison.Ordinal).Trim().Trim('|').Split('|')
            .Select(cell => cell.Trim().Replace('\u0001', '|'))];

    /// <summary>A default without what the two tables write differently.</summary>
    private static string Plain(string value) =>
        value == "`LastWins`" ? "last" : value.Replace("`", "", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal)
        .Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>A default as the page writes it.</summary>
    private static string Shown(string property, object? value) => value switch
    {
        _ when property == nameof(PipelineOptions.Readers) => "auto",
        _ when property == nameof(SftpSourceOptions.Host) => "required",
        null when property is nameof(PipelineOptions.BatchRows) or nameof(PipelineOptions.Writers) => "the sink's",
        null => "none",
        long bytes => bytes % (1 << 20) == 0 ? $"{bytes >> 20} MiB" : bytes.ToString("N0", CultureInfo.InvariantCulture),
        int count => count.ToString("N0", CultureInfo.InvariantCulture),
        TimeSpan time =>
            time.TotalMilliseconds < 1000
                ? $"{time.TotalMilliseconds} ms"
                : time.TotalMinutes >= 1 && time.Seconds == 0
                ? $"{time.TotalMinutes} min"
                : $"{time.TotalSeconds} s",
        Encoding encoding => encoding.WebName.ToUpperInvariant(),
        IReadOnlyDictionary<string, string> => "none",
        TimeProvider => "the system's clock",
        bool flag => flag ? "`true`" : "`false`",
        _ => $"`{value}`",
    };
}
