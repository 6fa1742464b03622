using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>A page as a real browser has it, without a window and without a network.</summary>
/// <param name="Dom">The document after its scripts ran.</param>
/// <param name="Console">What the page, or the browser about the page, wrote to the console, a line each.</param>
internal sealed record BrowserPage(string Dom, IReadOnlyList<string> Console);

/// <summary>Debian's Chromium.</summary>
internal static class Chromium
{
    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome"];

    private static readonly string[] s_quiet =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--window-size=1100,900", "--enable-logging=stderr", "--v=0", "--dump-dom",
    ];

    /// <summary>Opens a file; skips the test where there is no browser.</summary>
    public static async Task<BrowserPage> OpenAsync(string file, bool dark, CancellationToken token)
    {
        string program = Program();
        using var profile = new ScratchFolder();
        string scheme = $"--blink-settings=preferredColorScheme={(dark ? 0 : 1)}";
        var start = new ProcessStartInfo(
            program,
            [.. s_quiet, scheme, $"--user-data-dir={profile.Path}",
                new Uri(file).AbsoluteUri]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process browser = Process.Start(start)!;
        try
        {
            Task<string> dom = browser.StandardOutput.ReadToEndAsync(token), log = browser.StandardError.ReadToEndAsync(token);
            await browser.WaitForExitAsync(token);
            return new BrowserPage(
                await dom, [.. (await log).Split('\n').Where(line => line.Contains("CONSOLE", StringComparison.Ordinal))]);
        }
        finally
        {
            if (!browser.HasExited) browser.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Where it is; skips the test where there is none.</summary>
    public static string Program()
    {
        string? program = s_names.Select(Find).FirstOrDefault(found => found is not null);
        if (program is null) External.Missing("chromium is not installed");
        return program!;
    }

    private static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Join(folder, name)).FirstOrDefault(File.Exists);
}
