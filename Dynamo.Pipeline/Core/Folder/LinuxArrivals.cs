using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Dynamo.Pipeline.Folder;

/// <summary>
/// What lands in a folder, by inotify(7): a file that its writer closed, or that was renamed in, is whole. One instance for the source and
/// all its folders, and one thread that waits. The kernel drops events when they come faster than they are read; then, and when a folder is
/// new or was replaced, only a sweep finds everything. Thread-safe.
/// </summary>
internal sealed class LinuxArrivals : IArrivals
{
    /// <summary>More names than this are not kept: a sweep finds them.</summary>
    private const int MostNames = 100_000;

    /// <summary>
    /// In milliseconds. Whoever has not written for an hour counts as gone: some ways to change a file are told, and its end is not.
    /// </summary>
    private const long LongestPause = 3_600_000;

    private readonly FolderPlace _place;
    private readonly Action _landed;
    private readonly Func<string, SourceFile?> _look;
    private readonly string? _marker;
    private readonly bool _recursive;
    private readonly int _events, _stop;
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, string> _folders = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>The files that somebody writes to, and when that was seen for the last time.</summary>
    private readonly Dictionary<string, long> _written = new(StringComparer.Ordinal);

    private readonly Queue<string> _queue = new();
    private int _root = -1;
    private bool _missed = true, _isDisposed;

    private LinuxArrivals(
        FolderPlace place, FolderSourceOptions options, Func<string, SourceFile?> look, Action landed, int events, int stop)
    {
        (_place, _look, _landed, _events, _stop) = (place, look, landed, events, stop);
        (_marker, _recursive) = (options.DoneMarker, options.Recursive);
        _thread = new Thread(Read) { IsBackground = true, Name = "dynamo inotify" };
        _thread.Start();
    }

    /// <summary>Begins to listen, or returns <see langword="null"/> if the system has no more instances of inotify for this user.</summary>
    public static LinuxArrivals? Begin(FolderPlace place, FolderSourceOptions options, Func<string, SourceFile?> look, Action landed)
    {
        int events = LinuxCalls.WatchBegin(LinuxCalls.WatchCloseOnExec);
        if (events < 0) return null;
        int stop = LinuxCalls.Event(0, LinuxCalls.WatchCloseOnExec);
        if (stop >= 0) return new LinuxArrivals(place, options, look, landed, events, stop);
        _ = LinuxCalls.Close(events);
        return null;
    }

    /// <summary>
    /// Listens to a folder, before it is listed. Asked again for the same folder, it changes nothing. A folder that cannot be watched (the
    /// limit of watches, a file system without events) is found by sweeps alone.
    /// </summary>
    /// <param name="below">The folder below the source's, empty for that itself.</param>
    public void Add(string below)
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            string path = below.Length == 0 ? _place.Root : _place.PathOf(below);
            uint mask = below.Length == 0 ? LinuxCalls.WatchedOfRoot : LinuxCalls.WatchedBelow;
            if (_recursive) mask |= LinuxCalls.WatchCreate;
            int watch = LinuxCalls.WatchAdd(_events, path, mask);
            if (watch < 0) return;
            _folders[watch] = below;
            if (below.Length > 0 || watch == _root) return;
            if (_root >= 0) Forget(_root);
            _root = watch;
        }
    }

    /// <summary>Whether somebody has written to a file and not closed it since.</summary>
    public bool IsBeingWritten(string path)
    {
        lock (_gate) return _written.TryGetValue(path, out long at) && Environment.TickCount64 - at < LongestPause;
    }

    public IReadOnlyList<SourceFile> Take(int most)
    {
        var files = new List<SourceFile>();
        while (files.Count < most)
        {
            string? path;
            lock (_gate)
            {
                if (!_queue.TryDequeue(out path)) break;
                _names.Remove(path);
            }
            if (_look(path) is { } file) files.Add(file);
        }
        return files;
    }

    public void Again(SourceFile file)
    {
        lock (_gate)
        {
            if (_names.Add(file.Path)) _queue.Enqueue(file.Path);
        }
    }

    public bool TakeMissed()
    {
        lock (_gate)
        {
            bool missed = _missed;
            _missed = false;
            return missed;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _isDisposed = true;
        }
        LinuxCalls.Signal(_stop);
        _thread.Join();
        _ = LinuxCalls.Close(_events);
        _ = LinuxCalls.Close(_stop);
    }

    private unsafe void Read()
    {
        const int size = 64 * 1024;
        byte* buffer = (byte*)NativeMemory.AlignedAlloc(size, 8);
        try
        {
            while (LinuxCalls.Wait(_events, _stop))
            {
                nint read = LinuxCalls.Read(_events, buffer, size);
                if (read < 0 && Marshal.GetLastPInvokeError() is LinuxCalls.Interrupted or LinuxCalls.TryAgain) continue;
                if (read <= 0) break;
                lock (_gate)
                {
                    for (byte* next = buffer; next < buffer + read;)
                    {
                        var happened = (LinuxWatchEvent*)next;
                        byte* name = next + sizeof(LinuxWatchEvent);
                        next = name + happened->NameLength;
                        Take(happened, new ReadOnlySpan<byte>(name, (int)happened->NameLength));
                    }
                }
                Tell();
            }
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    /// <summary>An error of the one who listens must not end the process.</summary>
    private void Tell()
    {
        try
        {
            _landed();
        }
        catch (Exception)
        {
            lock (_gate) _missed = true;
        }
    }

    private unsafe void Take(LinuxWatchEvent* happened, ReadOnlySpan<byte> bytes)
    {
        uint what = happened->Mask;
        if ((what & LinuxCalls.WatchOverflow) != 0)
        {
            Miss();
            return;
        }
        if ((what & LinuxCalls.WatchSelfGone) != 0)
        {
            // Of a folder below, its parent tells as well. The source's own is watched again by the sweep that finds it.
            string below = _folders.GetValueOrDefault(happened->Watch, "") + "/";
            Forget(happened->Watch);
            if (happened->Watch == _root) _root = -1;
            Miss(keepNames: below != "/");
            foreach (string gone in _written.Keys.Where(path => path.StartsWith(below, StringComparison.Ordinal)).ToArray())
                _written.Remove(gone);
            return;
        }
        if (!_folders.TryGetValue(happened->Watch, out string? folder) || bytes.IsEmpty) return;
        bytes = bytes[..bytes.IndexOf((byte)0)];
        if ((what & LinuxCalls.WatchIsFolder) != 0)
        {
            // A folder, with whatever is in it already.
            bool isNew = (what & (LinuxCalls.WatchCreate | LinuxCalls.WatchMovedTo)) != 0;
            if (_recursive && isNew && !bytes.IsEmpty && bytes[0] != (byte)'.') Miss(keepNames: true);
            return;
        }
        if (bytes.IsEmpty || bytes[0] == (byte)'.' || !Utf8.IsValid(bytes)) return;
        string name = Encoding.UTF8.GetString(bytes), path = folder.Length == 0 ? name : folder + "/" + name;
        if ((what & LinuxCalls.WatchModify) != 0)
        {
            if (_written.Count < MostNames || _written.ContainsKey(path)) _written[path] = Environment.TickCount64;
        }
        else if ((what & LinuxCalls.WatchGone) != 0)
        {
            _written.Remove(path);
        }
        else if ((what & (LinuxCalls.WatchCloseWrite | LinuxCalls.WatchMovedTo)) != 0)
        {
            _written.Remove(path);
            if (_marker is not null && path.EndsWith(_marker, StringComparison.Ordinal)) path = path[..^_marker.Length];
            if (_names.Count >= MostNames) Miss(keepNames: true);
            else if (_names.Add(path)) _queue.Enqueue(path);
        }
    }

    /// <summary>Something was not told. Who wrote to what is not known any more, either.</summary>
    private void Miss(bool keepNames = false)
    {
        _missed = true;
        if (!keepNames) _written.Clear();
    }

    private void Forget(int watch)
    {
        if (_folders.Remove(watch)) _ = LinuxCalls.WatchRemove(_events, watch);
    }
}

/// <summary>The fixed part of <c>struct inotify_event</c>; the name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct LinuxWatchEvent
{
    public readonly int Watch;
    public readonly uint Mask;
    public readonly uint Cookie;
    public readonly uint NameLength;
}

/// <summary>The calls of inotify(7), eventfd(2) and poll(2), the same on every 64-bit architecture.</summary>
internal static unsafe partial class LinuxCalls
{
    public const int WatchCloseOnExec = 0x80000;

    public const uint WatchModify = 0x2, WatchCloseWrite = 0x8, WatchMovedTo = 0x80, WatchCreate = 0x100, WatchOverflow = 0x4000,
        WatchIsFolder = 0x4000_0000;

    private const uint Unmounted = 0x2000, Ignored = 0x8000, DeletedSelf = 0x400, MovedSelf = 0x800, OnlyFolder = 0x100_0000,
        DontFollow = 0x200_0000;

    /// <summary>The folder itself is gone, moved or not watched any more.</summary>
    public const uint WatchSelfGone = Unmounted | Ignored | DeletedSelf | MovedSelf;

    /// <summary>A name is gone: renamed away, or deleted.</summary>
    public const uint WatchGone = 0x40 | 0x200;

    public const uint WatchedOfRoot = WatchModify | WatchCloseWrite | WatchMovedTo | WatchGone | DeletedSelf | MovedSelf | OnlyFolder;
    public const uint WatchedBelow = WatchedOfRoot | DontFollow;

    private const short Readable = 1;

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    public static partial int WatchBegin(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int WatchAdd(int events, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "inotify_rm_watch", SetLastError = true)]
    public static partial int WatchRemove(int events, int watch);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int Event(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, ulong* value, nint size);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollEntry* entries, nuint count, int milliseconds);

    /// <summary>Ends a <see cref="Wait"/>.</summary>
    public static void Signal(int stop)
    {
        ulong one = 1;
        _ = Write(stop, &one, sizeof(ulong));
    }

    /// <summary>Waits for events. Returns <see langword="false"/> when it was ended.</summary>
    public static bool Wait(int events, int stop)
    {
        PollEntry* entries = stackalloc PollEntry[2];
        (entries[0].File, entries[0].Wanted, entries[1].File, entries[1].Wanted) = (events, Readable, stop, Readable);
        while (true)
        {
            if (Poll(entries, 2, -1) >= 0) return entries[1].Found == 0;
            if (Marshal.GetLastPInvokeError() != Interrupted) return false;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int File;
        public short Wanted, Found;
    }
}
