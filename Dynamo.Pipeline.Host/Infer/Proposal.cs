namespace Dynamo.Pipeline.Host;

/// <summary>A format for some sample files, and what is known about it.</summary>
/// <param name="Files">The files it was made from.</param>
/// <param name="Format">The format.</param>
/// <param name="Sure">What the samples show.</param>
/// <param name="Decide">What they do not show, what was assumed, and what to change if that is wrong.</param>
internal sealed record Proposal(IReadOnlyList<string> Files, ReadingFormat Format, IReadOnlyList<string> Sure, IReadOnlyList<string> Decide)
{
    /// <summary>The pattern of the names of its files.</summary>
    public string Pattern =>
        Files.Count == 1 ? Path.GetFileName(Files[0]) : Common([.. Files.Select(file => Path.GetFileName(file)!)]);

    private static string Common(string[] names)
    {
        string extension = Path.GetExtension(names[0]);
        if (names.Any(name => Path.GetExtension(name) != extension)) return string.Join(';', names);
        IEnumerable<int> lengths = Enumerable.Range(0, names.Min(name => name.Length) + 1);
        int start = lengths.Last(length => names.All(name => name[..length] == names[0][..length]));
        while (start > 0 && char.IsAsciiLetterOrDigit(names[0][start - 1])) start--;
        return names[0][..start] + "*" + extension;
    }
}

/// <summary>A file for which nothing could be proposed.</summary>
/// <param name="File">The file.</param>
/// <param name="Why">What is missing, and what to do.</param>
internal sealed record NoProposal(string File, string Why);
