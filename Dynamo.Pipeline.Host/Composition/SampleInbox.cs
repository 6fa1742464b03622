namespace Dynamo.Pipeline.Host;

/// <summary>The bundled sample files, which <c>dynamo</c> without arguments imports.</summary>
internal static class SampleInbox
{
    private static readonly string s_inbox = Path.Combine("samples", "inbox");

    /// <summary>Settings for the samples, if nothing at all is set. Otherwise a source is needed.</summary>
    /// <exception cref="SettingsException">Something is set but no source, or there are no samples here.</exception>
    public static HostSettings Settings(HostSettings settings)
    {
        if (settings.IsConfigured)
            throw new SettingsException(
                "source",
                "nothing says what to import. Add --source DIR, or \"source\" to the configuration. "
                + "(Only dynamo without any setting imports the samples.)");
        string folder = Find() ?? throw new SettingsException(
            "source", "the bundled samples are not here. Import a folder of your own: dynamo run --source DIR");
        // They look as new as the checkout, but they are complete.
        return settings with { Source = folder, Folder = settings.Folder with { SettleTime = TimeSpan.Zero } };
    }

    /// <summary>How this process was called, for commands that a person may copy.</summary>
    public static string CommandName() => Repository(AppContext.BaseDirectory) is { } root && Environment.CurrentDirectory == root
        ? "dotnet run --project Dynamo.Pipeline.Host --"
        : "dynamo";

    private static string? Find()
    {
        string?[] places = [Repository(Environment.CurrentDirectory), AppContext.BaseDirectory, Repository(AppContext.BaseDirectory)];
        return places.OfType<string>().Select(place => Path.Combine(place, s_inbox)).FirstOrDefault(Directory.Exists);
    }

    private static string? Repository(string from)
    {
        for (DirectoryInfo? folder = new(from); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Dynamo.Pipeline.sln"))) return folder.FullName;
        }
        return null;
    }
}
