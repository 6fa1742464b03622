using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>The checkout the tests were built from, and its pages.</summary>
internal static partial class Repository
{
    private static readonly string[] s_built = [
        "bin", "obj", ".git", ".vs", ".idea", "BenchmarkDotNet.Artifacts", "TestResults", "quarantine",
        "archive", "_site"];

    public static string Root { get; } = Find();

    /// <summary>All pages for people, by their path with <c>/</c>.</summary>
    public static IReadOnlyList<string> Pages { get; } = [.. Files().Where(file => file.EndsWith(".md", StringComparison.Ordinal))];

    public static string Read(string path) => File.ReadAllText(Path.Join(Root, path));

    /// <summary>All files that are not made by a build, by their path with <c>/</c>, sorted.</summary>
    public static IEnumerable<string> Files() => Files(new DirectoryInfo(Root))
        .Select(file => Path.GetRelativePath(Root, file.FullName).Replace('\\', '/')).Order(StringComparer.Ordinal);

    /// <summary>
    /// The fenced blocks of a page in one language, in their order, each with what language the next block is in and its text.
    /// </summary>
    public static IEnumerable<Block> Blocks(string page)
    {
        Block[] blocks = [
            .. Fence().Matches(Read(page)).Select(match => new Block(match.Groups["language"].Value, match.Groups["text"].Value))];
        for (int i = 0; i < blocks.Length; i++)
            yield return blocks[i] with { Output = i + 1 < blocks.Length && blocks[i + 1].Language == "text" ? blocks[i + 1].Text : null };
    }

    /// <summary>A text with every run of white space as one blank.</summary>
    public static string Normalised(string text) => Space().Replace(text, " ").Trim();

    private static IEnumerable<FileInfo> Files(DirectoryInfo folder) => folder.EnumerateFiles()
        .Concat(folder.EnumerateDirectories().Where(below => !s_built.Contains(below.Name) && below.LinkTarget is null).SelectMany(Files));

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Join(folder!.FullName, "Dynamo.Pipeline.sln"))) folder = folder.Parent;
        return folder.FullName;
    }

    [GeneratedRegex(@"^```(?<language>\w+)\r?\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}

/// <summary>A fenced block.</summary>
/// <param name="Language">What follows the fence.</param>
/// <param name="Text">Its lines.</param>
internal sealed record Block(string Language, string Text)
{
    /// <summary>The <c>text</c> block right after it: what a command prints.</summary>
    public string? Output { get; init; }
}
