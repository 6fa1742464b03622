using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// The right to import one source into one database: a lock of the operating system on a small file beside the database. The kernel
/// releases it when the process ends, however it ends. The file stays: removing it would race with the next run that opens it.
/// Only those who may write the database may open it, because whoever can open a file can lock it.
/// </summary>
internal sealed class SqliteLease : IDisposable
{
    private readonly FileStream _file;

    private SqliteLease(FileStream file) => _file = file;

    public static SqliteLease Take(string database, string source)
    {
        string path = PathOf(database, source);
        try
        {
            return new SqliteLease(OwnFile.Lock(path, database));
        }
        catch (IOException e) when (IsHeldByAnother(e))
        {
            throw new AlreadyRunningException(
                $"Another run imports {source} into {database} (it has locked {path}, a file that stays and must not be removed). "
                    + "Wait until it has ended.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SinkException($"The lock file {path} of the database cannot be opened: {e.Message} "
                + "Check that its folder exists, has room, and that this user may write there.", e);
        }
    }

    public static bool IsTaken(string database, string source)
    {
        if (!File.Exists(PathOf(database, source))) return false;
        try
        {
            Take(database, source).Dispose();
            return false;
        }
        catch (AlreadyRunningException)
        {
            return true;
        }
    }

    private static string PathOf(string database, string source) =>
        string.Create(CultureInfo.InvariantCulture, $"{database}.{StableHash.Of(Encoding.UTF8.GetBytes(source)):x16}.lock");

    /// <summary>
    /// The path without links: one database has one lease, whatever path leads to it. A link that leads in a circle is returned as it is,
    /// and SQLite refuses it.
    /// </summary>
    public static string Resolved(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
        }
        catch (IOException)
        {
            return path;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>EWOULDBLOCK of Linux (11) and macOS (35), ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of Windows.</summary>
    private static bool IsHeldByAnother(IOException e) =>
        OperatingSystem.IsWindows() ? e.HResult is unchecked((int)0x80070020) or unchecked((int)0x80070021) : e.HResult is 11 or 35;
}
