namespace Dynamo.Pipeline.Tests;

/// <summary>How long a line may be: what is longer is not read side by side with another version.</summary>
[TestFixture]
internal sealed class LinesTests
{
    private const int Longest = 140;

    [Test]
    public void No_line_of_code_is_longer_than_a_screen()
    {
        string[] folders = ["Dynamo.Pipeline", "Dynamo.Pipeline.Host", "Dynamo.Pipeline.Tests", "samples"];
        IEnumerable<string> tooLong =
            from folder in folders
            from path in Directory.EnumerateFiles(Path.Join(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            let relative = Path.GetRelativePath(Repository.Root, path)
            where !relative.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
            from line in File.ReadLines(path).Index()
            where line.Item.Length > Longest
            select $"{relative}({line.Index + 1}): {line.Item.Length} characters";

        Assert.That(tooLong, Is.Empty);
    }
}
