using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Dynamo.Pipeline;

/// <summary>
/// A folder by bare system calls: four for a small file (open, read, statx, close). .NET's own way takes an advisory lock and more calls, nearly
/// twice the time for files as small as a logger's.
/// </summary>
internal sealed class LinuxDisk(string root) : FolderDisk
{
    private const int ShortPath = 1024;

    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(root.EndsWith('/') ? root : root + "/");

    /// <summary>Whether the calls are there: 64-bit Linux with <c>statx</c> (kernel 4.11) not refused by a sandbox.</summary>
    public static bool IsSupported { get; } = OperatingSystem.IsLinux() && Environment.Is64BitProcess && HasStat();

    public override unsafe DiskStat Stat(string path)
    {
        LinuxStat stat;
        if (LinuxCalls.Stat(LinuxCalls.AtCurrentFolder, path, 0, LinuxCalls.WantedFields, &stat) == 0) return stat.ToStat();
        int error = Marshal.GetLastPInvokeError();
        return new DiskStat(LinuxErrors.KindOf(error), 0, default);
    }

    public override FolderReader OpenFolder(string path, FolderFilter filter) => new LinuxFolderReader(path, filter);

    public override FileContent Open(SourceFile file, long wholeUpTo)
    {
        int descriptor = OpenFile(file.Path);
        if (IsWhole(file, wholeUpTo)) return ReadWhole(descriptor, file);
        return OpenStream(descriptor, file);
    }

    [SkipLocalsInit]
    private unsafe int OpenFile(string path)
    {
        int longest = _prefix.Length + path.Length * 3 + 1;
        byte[]? rented = longest > ShortPath ? ArrayPool<byte>.Shared.Rent(longest) : null;
        Span<byte> bytes = rented is not null ? rented : stackalloc byte[ShortPath];
        _prefix.CopyTo(bytes);
        bytes[_prefix.Length + Encoding.UTF8.GetBytes(path, bytes[_prefix.Length..])] = 0;
        int descriptor, error = 0;
        fixed (byte* start = bytes)
        {
            while ((descriptor = LinuxCalls.Open(start, LinuxCalls.OpenFlags)) < 0 && (error = Marshal.GetLastPInvokeError()) == LinuxCalls.Interrupted) { }
        }
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return descriptor >= 0 ? descriptor : throw LinuxErrors.ForFile(error);
    }

    private static FileContent ReadWhole(int descriptor, SourceFile file)
    {
        // One byte more than was listed shows growth without a second read.
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)file.Size + 1);
        try
        {
            int error = ReadAll(descriptor, buffer.AsSpan(0, (int)file.Size + 1), file.Size, out int read);
            // A folder or FIFO in its place fails to be read too: what it is comes before why it failed.
            DiskStat now = StatOpened(descriptor);
            if (error == 0 || now.Kind != DiskKind.Regular) FolderChange.Check(file, now, read);
            if (error != 0) throw LinuxErrors.ForFile(error);
            return FileContent.Rented(buffer, read);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
        finally
        {
            _ = LinuxCalls.Close(descriptor);
        }
    }

    /// <summary>Reads until the listed size, one byte beyond it, or the end; the result is an error number.</summary>
    private static unsafe int ReadAll(int descriptor, Span<byte> buffer, long listed, out int read)
    {
        read = 0;
        fixed (byte* start = buffer)
        {
            do
            {
                nint count = LinuxCalls.Read(descriptor, start + read, buffer.Length - read);
                if (count == 0) return 0;
                if (count > 0) read += (int)count;
                else if (Marshal.GetLastPInvokeError() is var error and not LinuxCalls.Interrupted) return error;
            }
            while (read < listed);
        }
        return 0;
    }

    private static FolderFileStream OpenChecked(SafeFileHandle handle, SourceFile file)
    {
        DiskStat now = StatOpened((int)handle.DangerousGetHandle());
        FolderChange.Check(file, now, file.Size);
        return new FolderFileStream(handle, file, opened => StatOpened((int)opened.DangerousGetHandle()));
    }

    private static FileContent OpenStream(int descriptor, SourceFile file)
    {
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            return new FileContent(OpenChecked(handle, file));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static unsafe DiskStat StatOpened(int descriptor)
    {
        LinuxStat stat;
        byte nothing = 0;
        if (LinuxCalls.Stat(descriptor, &nothing, LinuxCalls.AtEmptyPath, LinuxCalls.WantedFields, &stat) == 0) return stat.ToStat();
        throw LinuxErrors.ForFile(Marshal.GetLastPInvokeError());
    }

    private static unsafe bool HasStat()
    {
        try
        {
            LinuxStat stat;
            return LinuxCalls.Stat(LinuxCalls.AtCurrentFolder, "/", 0, LinuxCalls.WantedFields, &stat) == 0;
        }
        catch (Exception missing) when (missing is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }
}
