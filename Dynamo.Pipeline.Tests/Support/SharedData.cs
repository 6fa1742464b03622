namespace Dynamo.Pipeline.Tests;

/// <summary>Real loggers' files, which lie beside the repository and are not part of it.</summary>
internal static class SharedData
{
    /// <summary>The path of a file; without it the test is ignored.</summary>
    public static string File(string name)
    {
        string? path = Find(name).FirstOrDefault();
        if (path is null) Assert.Ignore($"{name} is not beside this repository.");
        return path!;
    }

    /// <summary>The files like a pattern, none where there is no such folder.</summary>
    public static string[] Find(string pattern)
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "shared", "data")))
            folder = folder.Parent;
        return folder is null ? [] : Directory.GetFiles(Path.Combine(folder.FullName, "shared", "data"), pattern);
    }
}
