using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>How long a line may be: what is longer is not read side by side with another version.</summary>
[TestFixture]
internal sealed partial class LinesTests
{
    private const int LongestCode = 140;
    private const int LongestProse = 160;

    [Test]
    public void No_line_of_code_is_longer_than_a_screen() =>
        Assert.That(TooLong(Repository.Files().Where(IsCode), LongestCode, Repository.Read), Is.Empty);

    /// <summary>Tables and code aside: neither can be broken where one likes.</summary>
    [Test]
    public void No_line_of_prose_is_longer_than_a_screen() =>
        Assert.That(TooLong(Repository.Pages, LongestProse, page => Code().Replace(Repository.Read(page), Blank)), Is.Empty);

    private static IEnumerable<string> TooLong(IEnumerable<string> files, int longest, Func<string, string> read) =>
        from file in files
        from line in read(file).Split('\n').Index()
        where line.Item.Length > longest
        select $"{file}({line.Index + 1}): {line.Item.Length} characters";

    private static bool IsCode(string file) => file.EndsWith(".cs", StringComparison.Ordinal);

    private static string Blank(Match code) => new('\n', code.Value.Count(letter => letter == '\n'));

    [GeneratedRegex(@"^```.*?^```|^(    |\||!?\[[^\]]*\]:).*?$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();
}
