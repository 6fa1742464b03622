namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// The programs that ours is measured beside: Python scripts and C programs in the folder <c>peers</c> beside this program. What this
/// machine cannot run is <see langword="null"/>, and the console says why and what to install.
/// </summary>
internal sealed class Peers
{
    // What Python prints of itself: the interpreter's own path, because a launcher in front of it would be measured too.
    private const string AboutPython = """
        import csv, multiprocessing, sqlite3, sys
        print(sys.executable)
        print(sys.version.split()[0], "with SQLite", sqlite3.sqlite_version)
        """;

    // What a C compiler says that finds the compiler's own headers but not those of SQLite, or not its library.
    private static readonly string[] s_ofSqlite = ["sqlite3.h", "-lsqlite3"];

    private Peers()
    {
    }

    /// <summary>The path of the Python interpreter.</summary>
    public string? Python { get; private set; }

    /// <summary>The versions of Python and of the SQLite that it has.</summary>
    public string? PythonVersion { get; private set; }

    /// <summary>The built floor.c: opens, reads and closes every file.</summary>
    public string? Floor { get; private set; }

    /// <summary>The built floor_import.c: a folder into SQLite in C.</summary>
    public string? FloorImport { get; private set; }

    /// <summary>The published read step.</summary>
    public string PoolReadFile => Source("pool_read_file.py");

    /// <summary>The published method into SQLite.</summary>
    public string PoolImport => Source("pool_import.py");

    /// <summary>Looks for Python and builds the C programs.</summary>
    /// <param name="work">A folder for what is built.</param>
    public static async Task<Peers> PrepareAsync(string work)
    {
        Peers peers = await ScriptsAsync();
        peers.Floor = await BuildAsync("floor.c", work);
        peers.FloorImport = await BuildAsync("floor_import.c", work, "-lsqlite3");
        return peers;
    }

    /// <summary>Looks for Python alone.</summary>
    public static async Task<Peers> ScriptsAsync()
    {
        var peers = new Peers();
        await peers.FindPythonAsync();
        return peers;
    }

    private async Task FindPythonAsync()
    {
        try
        {
            string python = OperatingSystem.IsWindows() ? "python" : "python3";
            string[] lines = (await Child.RunAsync(python, "-c", AboutPython)).Output.Split('\n', StringSplitOptions.TrimEntries);
            (Python, PythonVersion) = (lines[0], lines[1]);
        }
        catch (ChildException e)
        {
            Missing("pool_read_file.py and pool_import.py", "python3 with its modules multiprocessing and sqlite3", "python3", e);
        }
    }

    private static string Source(string name) => Path.Combine(AppContext.BaseDirectory, "peers", name);

    private static async Task<string?> BuildAsync(string source, string work, params string[] libraries)
    {
        string built = Path.Combine(work, Path.GetFileNameWithoutExtension(source));
        try
        {
            await Child.RunAsync("cc", ["-O2", "-pthread", Source(source), "-o", built, .. libraries]);
            return built;
        }
        catch (ChildException e)
        {
            if (!e.Started)
                Missing(source, "a C compiler, cc", "gcc and libc6-dev", e);
            else if (s_ofSqlite.Any(sign => e.Output.Contains(sign, StringComparison.Ordinal)))
                Missing(source, "the headers of libsqlite3", "libsqlite3-dev", e);
            else
                Missing(source, "a C compiler and the C library's headers", "gcc and libc6-dev", e);
            return null;
        }
    }

    private static void Missing(string what, string needed, string package, ChildException reason)
    {
        string install = OperatingSystem.IsLinux() ? $" (Debian: {package})" : "";
        Console.Error.WriteLine($"Not measured: {what}. It needs {needed}{install}. {reason.Message}");
    }
}
