namespace Dynamo.Pipeline.Tests;

/// <summary>The library of <c>faults.c</c>, compiled once for all tests. Linux only.</summary>
internal static class FaultLibrary
{
    private static readonly Lock s_gate = new();
    private static string? s_path;

    /// <summary>Its path. Skips the test where it cannot be had; in CI that is a failure.</summary>
    public static async Task<string> RequireAsync()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("faults are injected on Linux only");
        string source = Path.Combine(AppContext.BaseDirectory, "faults.c");
        string compiled = Path.Combine(AppContext.BaseDirectory, $"faults-{Guid.NewGuid():N}.so");
        if (Volatile.Read(ref s_path) is { } known) return known;
        await External.RunAsync("gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", compiled, source, "-ldl");
        lock (s_gate)
        {
            string path = Path.Combine(AppContext.BaseDirectory, "faults.so");
            // By a rename, since a process may have mapped the one of an earlier test run.
            if (s_path is null) File.Move(compiled, path, overwrite: true);
            else File.Delete(compiled);
            return s_path = path;
        }
    }
}
