using System.Globalization;
using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the rights of folders and files leave open: who besides this user and the administrator could change what the import relies on.
/// On Linux only; it looks and changes nothing.
/// </summary>
internal static class Rights
{
    private const int OtherWrite = 0x2, Sticky = 0x200;

    /// <summary>Sentences about what is open, most important first; none where all is well, or where it cannot be told.</summary>
    public static IReadOnlyList<string> Open(HostSettings settings)
    {
        if (!OperatingSystem.IsLinux() || !LinuxDisk.IsSupported) return [];
        var open = new List<string>();
        if (settings.Remote is null && settings.Source is { } source) Folder(Path.GetFullPath(source), settings.Folder, open);
        if (!settings.UsesSqlServer) Database(Path.GetFullPath(settings.Database), open);
        Links(open);
        return open;
    }

    private static void Folder(string source, FolderSourceOptions options, List<string> open)
    {
        // The source itself is for others to write. What is above it is not: whoever may write there can put another folder in its place.
        Above(source, open);
        Own(Path.GetFullPath(Path.Combine(source, ArchivePattern.Parse(options.ArchiveFolder, "archive").Root)), "archive", open);
        Own(Path.GetFullPath(Path.Combine(source, options.QuarantineFolder)), "quarantine", open);
        if (options.FollowLinks)
            open.Add("followLinks is on: whoever may write to the source decides which files below it are read under which name.");
    }

    private static void Own(string path, string setting, List<string> open)
    {
        if (Look(path) is not { } stat) return;
        string shown = Shown.Path(path);
        if (stat.IsLink) open.Add($"{shown} is a symbolic link: runs refuse it. Name the folder itself ({setting}).");
        else if (!IsTrusted(stat)) open.Add($"{shown} belongs to {User(stat)}: runs refuse it. Give it to this user (chown).");
        else if ((stat.Mode & OtherWrite) != 0)
            open.Add($"{shown} can be written by everybody: they can change and remove what is in it (chmod o-w).");
    }

    private static void Database(string path, List<string> open)
    {
        Above(path, open);
        if (Path.GetDirectoryName(path) is { } folder && Look(folder) is { } beside && (beside.Mode & OtherWrite) != 0)
            open.Add($"{Shown.Path(folder)}, with the database, can be written by everybody (chmod o-w).");
        foreach (string file in (string[])[path, path + "-wal", path + "-shm"])
        {
            if (Look(file) is not { } stat) continue;
            if (!IsTrusted(stat)) open.Add($"{Shown.Path(file)} belongs to {User(stat)}, not to this user (chown).");
            if ((stat.Mode & OtherWrite) != 0) open.Add($"{Shown.Path(file)} can be written by everybody (chmod o-w).");
        }
    }

    /// <summary>The folders above a path, up to the root.</summary>
    private static void Above(string path, List<string> open)
    {
        for (string? folder = Path.GetDirectoryName(path); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Look(folder) is not { IsLink: false } stat) continue;
            bool isOthers = (stat.Mode & OtherWrite) != 0 && (stat.Mode & Sticky) == 0;
            if (!isOthers && IsTrusted(stat)) continue;
            string who = isOthers ? "can be written by everybody" : $"belongs to {User(stat)}";
            string line = $"{Shown.Path(folder)} {who}, who can put another folder in the place of the one below it.";
            if (!open.Contains(line)) open.Add(line);
        }
    }

    /// <summary>What the kernel keeps strangers from doing with links; both are on unless somebody turned them off.</summary>
    private static void Links(List<string> open)
    {
        foreach (string name in (string[])["protected_hardlinks", "protected_symlinks"])
        {
            string path = Path.Join("/proc/sys/fs", name);
            if (File.Exists(path) && File.ReadAllText(path).Trim() == "0") open.Add($"fs.{name} is off (sysctl fs.{name}=1).");
        }
    }

    private static string User(LinuxStat stat) => string.Create(CultureInfo.InvariantCulture, $"user {stat.Owner}");

    private static bool IsTrusted(LinuxStat stat) => stat.Owner == 0 || stat.Owner == LinuxCalls.GetEffectiveUser();

    private static LinuxStat? Look(string path)
    {
        try
        {
            if (Path.GetDirectoryName(path) is not { } parent) return null;
            using LinuxHeldFolder folder = LinuxHeldFolder.At(parent);
            return folder.StatWhole(Path.GetFileName(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FileChangedException)
        {
            return null;
        }
    }
}
