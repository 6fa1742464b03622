namespace Dynamo.Pipeline.Tests;

/// <summary>Real loggers' files, which lie beside the repository and are not part of it.</summary>
internal static class SharedData
{
    /// <summary>The path of a file; without it the test is ignored.</summary>
    public static string File(string name)
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "shared", "data", name)))
            folder = folder.Parent;
        if (folder is null) Assert.Ignore($"{name} is not beside this repository.");
        return Path.Combine(folder!.FullName, "shared", "data", name);
    }
}
