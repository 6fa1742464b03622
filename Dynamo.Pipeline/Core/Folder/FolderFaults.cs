namespace Dynamo.Pipeline.Folder;

/// <summary>
/// Decides what an error of the disk means: defer the file, quarantine it, try it again, or end the run because the source is broken.
/// </summary>
internal static class FolderFaults
{
    private const int TooManyOpenInSystem = 23, TooManyOpen = 24, ReadOnlyFileSystem = 30;

    /// <summary>Whether the error comes from the disk and not from a bug.</summary>
    public static bool IsDisk(Exception error) => error is IOException or UnauthorizedAccessException;

    /// <summary>Whether writing is not allowed: to this user, or to anybody on a read-only file system.</summary>
    public static bool IsDenied(Exception error) => error is UnauthorizedAccessException || error.HResult == ReadOnlyFileSystem;

    public static SourceException Listing(string root, Exception error) => error switch
    {
        DirectoryNotFoundException => new SourceException(
            $"The folder {root} does not exist. Create it, mount it, or correct the source's path.", error),
        UnauthorizedAccessException => new SourceException(
            $"The folder {root} cannot be listed: no permission. Let this user read and enter it.", error),
        _ => Broken($"The folder {root} cannot be listed", error),
    };

    /// <summary>
    /// Why a file cannot be opened or read. An error of the disk or the network share may not be the fault of the file that shows it.
    /// If it were, a failing share would send its whole inbox into quarantine; so the file is tried again, and deferred.
    /// </summary>
    public static Exception Opening(FolderPlace place, SourceFile file, Exception error)
    {
        switch (error)
        {
            case FileNotFoundException or DirectoryNotFoundException when Directory.Exists(place.Root):
                return new FileChangedException("vanished", error);
            case FileNotFoundException or DirectoryNotFoundException:
                return Listing(place.Root, new DirectoryNotFoundException());
            case UnauthorizedAccessException:
                return Denied(error);
            default:
                return Unreadable($"The file {file.Path} in {place.Root} cannot be read", error);
        }
    }

    /// <summary>Why a file that was opened cannot be read to its end. A network share may look at the rights only then.</summary>
    public static Exception ReadingOn(SourceFile file, Exception error) => error is UnauthorizedAccessException
        ? Denied(error)
        : Unreadable($"The file {file.Path} cannot be read to its end", error);

    private static UnreadableFileException Denied(Exception error) =>
        UnreadableFileException.NoPermission("Let the user who runs the import read the file, then retry it", error);

    public static SourceException Completing(string what, string path, Exception error) => error is UnauthorizedAccessException
        ? new SourceException(
            $"{path} cannot be {what}: no permission. Let this user write to its folder and to the archive and quarantine folders, "
            + "or keep the files after the commit. What is loaded stays loaded; the next run continues here.", error)
        : Broken($"{path} cannot be {what}", error);

    public static SourceException Pruning(string archive, Exception error) => error is UnauthorizedAccessException
        ? new SourceException(
            $"The archive {archive} cannot be cleaned up: {error.Message}. Let this user list and write it and the folders below.", error)
        : Broken($"The archive {archive} cannot be cleaned up", error);

    /// <summary>A link where a folder of ours should be.</summary>
    public static SourceException Refused(FolderReplacedException error, string option) => new(
        $"{error.Message}, and no file is put there. Remove it, or name the folder itself ({option}).", error);

    /// <summary>A folder that should be ours and is somebody else's.</summary>
    public static SourceException Strange(string path, string owner, string option) => new(
        $"{path} belongs to {owner}, who can take or change what is put there: nothing is. Give it to the user of the import (chown), "
        + $"or name another folder ({option}).");

    /// <summary>An error at one file, which may be that of the whole disk. Only too many open files are surely not the file's.</summary>
    private static Exception Unreadable(string what, Exception error) => Broken(what, error) is var broken && IsForAll(error)
        ? broken
        : new UnreadableFileException(broken.Message, error);

    private static bool IsForAll(Exception error) => error.HResult is TooManyOpen or TooManyOpenInSystem;

    private static SourceException Broken(string what, Exception error) => new(IsForAll(error)
        ? $"{what}: too many open files. Raise the limit (ulimit -n) or lower the number of readers."
        : $"{what}: {error.Message}. Check the disk or the network share, then run again.", error);
}
