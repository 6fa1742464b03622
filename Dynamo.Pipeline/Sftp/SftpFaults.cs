namespace Dynamo.Pipeline.Sftp;

/// <summary>The verdicts on a server's STATUS: a file to defer, to quarantine or to try again, or a source that is broken.</summary>
internal static class SftpFaults
{
    /// <summary>Why a file could not be opened or read.</summary>
    public static Exception Opening(SftpStatusException error) => error.Status.Code switch
    {
        SftpCode.NoSuchFile => new FileChangedException("vanished", error),
        SftpCode.PermissionDenied =>
            UnreadableFileException.NoPermission("Let the user who logs in read the file, then retry it", error),
        // FAILURE has a thousand causes, and most of them are the server's.
        _ => new UnreadableFileException($"the server cannot read the file: {error.Status}. Look at the file on the server", error),
    };

    public static SourceException Listing(string source, string folder, SftpStatusException error) => error.Status.Code switch
    {
        SftpCode.NoSuchFile => new SourceException(
            $"{source}: the folder {folder} does not exist on the server. Create it, or correct the source's path.", error),
        SftpCode.PermissionDenied => new SourceException(
            $"{source}: the folder {folder} cannot be listed: no permission. Let this user read and enter it.", error),
        _ => new SourceException($"{source}: the folder {folder} cannot be listed: {error.Status}.", error),
    };

    public static SourceException Completing(string source, string what, string path, SftpStatus status)
    {
        string why = status.Code == SftpCode.PermissionDenied
            ? "no permission. Let this user write to its folder and to the archive and quarantine folders, or keep the files after the "
                + "commit. What is loaded stays loaded; the next run goes on here."
            : $"{status}.";
        return new SourceException($"{source}: {path} cannot be {what}: {why}", new SftpStatusException(status));
    }

    /// <summary>The server is silent.</summary>
    public static SftpConnectionException Late(TimeSpan deadline) =>
        new($"the server left a request unanswered for {deadline.TotalSeconds:0.###} s", mayRecover: true);

    /// <summary>A file that the server lists and does not let be looked at: that file's affair.</summary>
    public static SourceFile Unseen(string path, SftpStatusException error) => new(path, 0, DateTime.UnixEpoch)
    {
        DeferReason = IsDenied(error) ? "there is no permission to look at it" : $"the server does not let it be looked at: {error.Status}",
    };

    /// <summary>Whether the server said that this user may not do that.</summary>
    public static bool IsDenied(Exception error) => Has(error, SftpCode.PermissionDenied);

    /// <summary>Whether it is, or comes from, a status of this code.</summary>
    public static bool Has(Exception error, SftpCode code) =>
        (error as SftpStatusException ?? error.InnerException as SftpStatusException)?.Status.Code == code;
}
