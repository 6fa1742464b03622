using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace Dynamo.Pipeline.Sqlite;

/// <summary>
/// Reads a database without leaving a trace beside it. In WAL mode SQLite makes a log and an index for whoever opens a database first, with
/// the reader's owner, and leaves them behind if the reader may not write the database: then the importer cannot open its own log any more.
/// So a database without a log is read as a file that does not change (https://sqlite.org/uri.html, "immutable"), and once more if it did
/// change. One with a log is read with it; a lock keeps its writer from removing the log meanwhile.
/// </summary>
internal static partial class SqliteVisit
{
    private const int MostTries = 10;

    /// <summary>Calls a function with the address by which SQLite is to open the database, as a URI.</summary>
    /// <param name="path">The full path of the database, which must exist.</param>
    /// <param name="read">Opens the database for reading only, reads and closes it. May be called several times.</param>
    /// <exception cref="SinkException">It has a log, which this user would have to prepare for reading, and must not.</exception>
    public static async Task<T> ReadAsync<T>(string path, Func<string, Task<T>> read)
    {
        string uri = new Uri(path).AbsoluteUri;
        bool isOwner = IsOwner(path);
        // What SQLite makes for the owner, the owner's imports can open.
        if (!isOwner) ReadLock.Take(path);
        for (int tries = 0; tries < MostTries && !HasLog(path); tries++)
        {
            Stamp before = Stamp.Of(path);
            try
            {
                T result = await read(uri + "?immutable=1").ConfigureAwait(false);
                if (!HasLog(path) && Stamp.Of(path) == before) return result;
            }
            catch (Exception error) when (error is not OperationCanceledException && (HasLog(path) || Stamp.Of(path) != before))
            {
                // It was written while it was read.
            }
        }
        if (File.Exists(path + "-wal") && !File.Exists(path + "-shm") && !isOwner)
        {
            throw new SinkException($"The database {path} was left in the middle of an import, and only its owner can read it then. "
                + "Run the import again, or read it as its owner.");
        }
        return await read(uri).ConfigureAwait(false);
    }

    /// <summary>Fails if this user may not write the database: SQLite would open it all the same, and leave files beside it.</summary>
    /// <exception cref="SinkException">It cannot be written.</exception>
    public static void CheckWritable(string path)
    {
        const int Write = 2;
        if (OperatingSystem.IsWindows()) return;
        foreach (string needed in (string[])[path, Path.GetDirectoryName(path) ?? path, path + "-wal", path + "-shm"])
        {
            if (Path.Exists(needed) && Access(needed, Write) != 0)
                throw SqliteFault.Of(raw.SQLITE_READONLY, $"{needed} cannot be written", path, "checking it");
        }
    }

    /// <exception cref="SinkException">
    /// Nobody can tell. Taken for one without a log, the database would be read without what was written last.
    /// </exception>
    private static bool HasLog(string path)
    {
        try
        {
            FolderDisk disk = FolderDisk.For(Path.GetDirectoryName(path) ?? path);
            return disk.Stat(path + "-wal").Kind != FileKind.Missing || disk.Stat(path + "-journal").Kind != FileKind.Missing;
        }
        catch (IOException error)
        {
            throw SqliteFault.Of(raw.SQLITE_IOERR, error.Message, path, "looking for its log");
        }
    }

    private static bool IsOwner(string path)
    {
        if (!LinuxDisk.IsSupported) return true;
        using HeldFolder folder = OwnFile.FolderOf(path);
        uint user = LinuxCalls.GetEffectiveUser();
        return user == 0 || ((LinuxHeldFolder)folder).StatWhole(Path.GetFileName(path)).Owner == user;
    }

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    private readonly record struct Stamp(long Size, DateTime ModifiedUtc)
    {
        public static Stamp Of(string path) =>
            new FileInfo(path) is { Exists: true } info ? new(info.Length, info.LastWriteTimeUtc) : default;
    }

    /// <summary>
    /// SQLite's own shared lock of a reader (https://sqlite.org/lockingv3.html), from before somebody looks for a log until this process
    /// ends. It is a lock of the open file (fcntl(2), "Open file description locks"), which SQLite's own locks do not undo. The file is
    /// never closed: to close it would undo the locks that a sink in this process may have.
    /// </summary>
    private static partial class ReadLock
    {
        private const int SetLock = 37;
        private const long SharedBytes = 0x40000002, SharedLength = 510;

        private static readonly ConcurrentDictionary<string, SafeFileHandle> s_held = new(StringComparer.Ordinal);

        /// <summary>Takes the lock where that can be done. Where it cannot, a rare meeting is not kept apart.</summary>
        public static void Take(string path)
        {
            if (!LinuxDisk.IsSupported) return;
            try
            {
                SafeFileHandle file = s_held.GetOrAdd(path, static path => File.OpenHandle(
                    path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
                Lock(file);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Opening the database says what is wrong.
            }
        }

        private static unsafe void Lock(SafeFileHandle file)
        {
            var wanted = new FileLock { Type = 0, From = 0, Start = SharedBytes, Length = SharedLength };
            _ = Control((int)file.DangerousGetHandle(), SetLock, &wanted);
        }

        [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
        private static unsafe partial int Control(int file, int command, FileLock* argument);

        /// <summary><c>struct flock</c> on 64-bit Linux.</summary>
        [StructLayout(LayoutKind.Explicit, Size = 32)]
        private struct FileLock
        {
            [FieldOffset(0)] public short Type;
            [FieldOffset(2)] public short From;
            [FieldOffset(8)] public long Start;
            [FieldOffset(16)] public long Length;
        }
    }
}
