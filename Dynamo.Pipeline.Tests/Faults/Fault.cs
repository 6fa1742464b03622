using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>One way in which calls fail, as <c>faults.c</c> reads it.</summary>
/// <param name="Call">The kind of call, such as <c>read</c>.</param>
/// <param name="Place">What it is about, such as <c>inbox</c>, one path, such as <c>inbox/L01.csv</c>, or <c>any</c>.</param>
/// <param name="Nth">The first of these calls that fails.</param>
/// <param name="Times">How many fail from there on.</param>
/// <param name="What">A number of errno.h, the same after <c>late</c>, <c>short</c> or <c>die</c>.</param>
internal sealed record Fault(string Call, string Place, int Nth, int Times, string What)
{
    public const int ForEver = 1_000_000;

    /// <summary>EACCES.</summary>
    public const int Denied = 13;

    private const int NoEntry = 2, Interrupted = 4, Io = 5, TryAgain = 11, NoMemory = 12, Busy = 16, OtherDisk = 18,
        Invalid = 22, ManyInSystem = 23, Many = 24, Full = 28, ReadOnly = 30, Broken = 32, NoLocks = 37, Reset = 104, TimedOut = 110,
        Stale = 116, Quota = 122;

    /// <summary>Stands for the path of one of the files.</summary>
    private const string OneFile = "inbox/*";

    /// <summary>
    /// What a kernel or a network share may answer to which call, and how many such calls an import of some twenty files makes, about.
    /// EAGAIN is missing for pipes and sockets, which are waited for; a system that says so and never calls back does not exist.
    /// </summary>
    private static readonly (string Call, string Place, int Most, int[] Errors)[] s_calls =
    [
        ("list", "inbox", 25, [Io, Stale, Many, NoMemory]),
        ("open", "inbox", 40, [Io, Stale, Many, ManyInSystem, Interrupted, NoMemory, NoEntry, Busy, Denied]),
        ("open", OneFile, 1, [Denied]),
        ("read", "inbox", 30, [Io, Stale, Interrupted, TryAgain, Denied]),
        ("stat", "inbox", 80, [Io, Stale, Interrupted, Denied, NoEntry]),
        ("rename", "inbox", 50, [Io, Stale, Denied, Full, Busy, ReadOnly, NoEntry, OtherDisk, Invalid, Quota]),
        ("unlink", "inbox", 25, [Io, Stale, Denied, Busy, ReadOnly, NoEntry]),
        ("mkdir", "any", 3, [Io, Stale, Denied, Full, Quota, ReadOnly]),
        ("open", "archive", 4, [Io, Stale, Many, Denied]),
        ("stat", "archive", 10, [Io, Stale, Denied]),
        ("create", "archive", 20, [Io, Full, Many, Denied, Quota, ReadOnly]),
        ("write", "archive", 20, [Io, Full, Quota, Interrupted]),
        ("sync", "archive", 20, [Io, Full]),
        ("open", "quarantine", 4, [Io, Stale, Many, Denied]),
        ("stat", "quarantine", 6, [Io, Stale, Denied]),
        ("create", "quarantine", 2, [Io, Full, Many, Denied, Quota]),
        ("write", "quarantine", 2, [Io, Full, Quota, Interrupted]),
        ("read", "quarantine", 3, [Io, Stale, Interrupted]),
        ("rename", "quarantine", 2, [Io, Denied, Full, Busy, Stale, NoEntry, OtherDisk, Invalid]),
        ("unlink", "quarantine", 2, [Io, Denied, Busy, Stale]),
        ("list", "quarantine", 4, [Io, Stale, Many]),
        ("sync", "any", 10, [Io, Full]),
        ("create", "database", 2, [Io, Full, Many, Denied, ReadOnly]),
        ("open", "database", 2, [Io, Many, Denied, Interrupted]),
        ("read", "database", 12, [Io, Stale, Interrupted]),
        ("write", "database", 14, [Io, Full, Quota, Interrupted]),
        ("sync", "database", 3, [Io, Full]),
        ("stat", "database", 28, [Io, Stale]),
        ("lock", "database", 20, [TryAgain, Io, NoLocks, Interrupted]),
        ("create", "wal", 3, [Io, Full, Many, Denied]),
        ("read", "wal", 16, [Io, Interrupted]),
        ("write", "wal", 40, [Io, Full, Quota, Interrupted]),
        ("sync", "wal", 8, [Io, Full]),
        ("stat", "wal", 12, [Io]),
        ("truncate", "wal", 2, [Io]),
        ("unlink", "wal", 2, [Io, Denied]),
        ("create", "shm", 2, [Io, Full, Many, Denied]),
        ("lock", "shm", 50, [TryAgain, Io, NoLocks, Interrupted]),
        ("write", "shm", 8, [Io, Full]),
        ("truncate", "shm", 2, [Io, Full]),
        ("create", "lock", 1, [Io, Full, Many, Denied, ReadOnly]),
        ("stat", "lock", 4, [Io, Stale]),
        ("lock", "lock", 2, [TryAgain, Io, NoLocks, Interrupted]),
        ("close", "any", 40, [Io, Interrupted]),
        ("chmod", "any", 2, [Io, Denied]),
        ("utime", "any", 10, [Io, Denied]),
        ("write", "any", 60, [Io, Full, Quota]),
        ("create", "any", 10, [Many, Full]),
        ("open", "any", 50, [Many, Io]),
    ];

    /// <summary>The same for the process on a server, of whose answers only two say what failed.</summary>
    private static readonly (string Call, string Place, int Most, int[] Errors)[] s_serverCalls =
    [
        ("list", "inbox", 25, [Io, Stale]),
        ("open", "inbox", 30, [Io, Stale, Many, NoEntry, Denied]),
        ("open", OneFile, 1, [Denied]),
        ("read", "inbox", 30, [Io, Stale, Interrupted, Denied]),
        ("stat", "inbox", 80, [Io, Stale, NoEntry]),
        ("rename", "inbox", 50, [Io, Stale, Denied, Full, NoEntry]),
        ("link", "inbox", 50, [Io, Stale, Denied, Full, NoEntry]),
        ("unlink", "inbox", 50, [Io, Stale, Denied, Busy, NoEntry]),
        ("mkdir", "any", 3, [Io, Denied, Full]),
        ("create", "quarantine", 2, [Io, Full, Denied]),
        ("write", "quarantine", 2, [Io, Full, Quota]),
        ("stat", "any", 80, [Io, Stale]),
        ("close", "any", 30, [Io]),
    ];

    /// <summary>The same for the pipes to an ssh client, or the connection of one that is no program of its own.</summary>
    private static readonly (string Call, string Place, int Most, int[] Errors)[] s_pipeCalls =
    [
        ("read", "pipe", 60, [Io, Interrupted]),
        ("write", "pipe", 60, [Io, Broken, Interrupted]),
    ];

    private static readonly (string Call, string Place, int Most, int[] Errors)[] s_socketCalls =
    [
        ("receive", "socket", 100, [Reset, TimedOut]),
        ("send", "socket", 100, [Reset, Broken]),
        ("connect", "socket", 1, [Reset, TimedOut, Many]),
    ];

    /// <summary>Whether the right to open or read a file is missing.</summary>
    public bool IsDenial => Call is "open" or "read" && What == $"{Denied}";

    /// <summary>Whether it is missing from the first file to the last.</summary>
    public bool IsDenialOfAll => IsDenial && this is { Place: "inbox", Nth: 1, Times: ForEver };

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Call} {Place} {Nth} {Times} {What}");

    public static Fault Parse(string text) => text.Split(' ') is [var call, var place, var nth, var times, var what]
        ? new Fault(call, place, int.Parse(nth, CultureInfo.InvariantCulture), int.Parse(times, CultureInfo.InvariantCulture), what)
        : throw new FormatException(text);

    /// <summary>A disk of another kind: without a rename that replaces nothing, or an archive on another disk.</summary>
    public static Fault? Oddity(Random random) => random.Next(12) switch
    {
        0 => new Fault("rename", "any", 1, ForEver, $"{Invalid}"),
        1 => new Fault("rename", "archive", 1, ForEver, $"{OtherDisk}"),
        2 => new Fault("rename", "quarantine", 1, ForEver, $"{OtherDisk}"),
        3 => new Fault("rename", "any", 1, ForEver, $"{OtherDisk}"),
        _ => null,
    };

    public static Fault OnDisk(Random random) => Of(random, s_calls);

    /// <summary>
    /// OpenSSH's server renames by a link and an unlink, and takes the new name away when the unlink fails. If that was carried out all the
    /// same, the server itself has deleted the file, and no client can help that.
    /// </summary>
    public static Fault OnServer(Random random) => Of(random, s_serverCalls) is var fault && fault.Call == "unlink"
        ? fault with { What = fault.What.Replace("late", "", StringComparison.Ordinal) }
        : fault;

    public static Fault OnPipe(Random random) => Of(random, s_pipeCalls);

    public static Fault OnSocket(Random random) => Of(random, s_socketCalls);

    private static Fault Of(Random random, (string Call, string Place, int Most, int[] Errors)[] calls)
    {
        (string call, string place, int most, int[] errors) = calls[random.Next(calls.Length)];
        int nth = 1 + (int)(Math.Pow(random.NextDouble(), 1.5) * most);
        int error = errors[random.Next(errors.Length)];
        // A file without permission keeps being one.
        if (place == OneFile) return new Fault(call, FaultInbox.PathOf(random.Next(5)), nth, ForEver, $"{error}");
        bool isChange = call is "rename" or "link" or "unlink" or "mkdir" or "create" or "truncate";
        bool isTransfer = call is "read" or "write" or "send" or "receive";
        string what = random.Next(10) switch
        {
            0 => "die",
            1 or 2 when isTransfer => "short",
            1 or 2 when isChange => $"late{error}",
            _ => $"{error}",
        };
        // Nothing is interrupted for ever.
        int times = random.Next(10) switch
        {
            < 5 => 1,
            < 8 => random.Next(2, 12),
            _ when error == Interrupted => 30,
            _ => ForEver,
        };
        return new Fault(call, place, nth, times, what);
    }
}
