using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>
/// Which files a source offers, and what it does with them after the commit: what <see cref="FolderSourceOptions"/> and the options of an SFTP source have in
/// common. Immutable.
/// </summary>
public abstract record FileSourceOptions
{
    private static readonly TimeSpan s_longestSettleTime = TimeSpan.FromDays(1);

    private protected FileSourceOptions(TimeSpan settleTime) => SettleTime = settleTime;

    /// <summary>
    /// Which names are imported: <c>*</c> stands for any characters, <c>?</c> for one; several patterns are separated by <c>;</c>. Upper and lower case
    /// are the same. Default <c>*.csv</c>. Names ending in <c>.tmp</c>, <c>.part</c> or <c>.filepart</c> and names starting with a dot are never imported.
    /// </summary>
    /// <exception cref="ArgumentException">The pattern is empty or names a folder.</exception>
    public string Pattern { get; init => field = CheckPattern(value); } = "*.csv";

    /// <summary>
    /// Whether folders below are listed too. Default <see langword="false"/>. Folders that are symbolic links, that start with a dot, and the archive and
    /// quarantine folders are left out.
    /// </summary>
    public bool Recursive { get; init; }

    /// <summary>
    /// How long a file must have been unchanged before it is offered, up to a day. Default 2 seconds for a folder and 5 for a server: a listing that meets
    /// younger files waits that long at its end, offers those that did not change and defers those that did. Zero offers files at once, half-written ones
    /// included. Has no effect with a <see cref="DoneMarker"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or above a day.</exception>
    public TimeSpan SettleTime { get; init => field = CheckSettleTime(value); }

    /// <summary>
    /// What is appended to a file's name to name its marker, such as <c>.done</c>: <c>x.csv</c> is offered once <c>x.csv.done</c> exists and is not older
    /// than it. Default <see langword="null"/>: no markers. The marker goes where its file goes: archived, deleted, quarantined or kept with it. With
    /// markers, a server's names of one folder are held in memory.
    /// </summary>
    /// <exception cref="ArgumentException">The marker is empty or names a folder.</exception>
    public string? DoneMarker { get; init => field = CheckMarker(value); }

    /// <summary>
    /// What happens to loaded files at the source. Default <see cref="AfterCommit.Keep"/>; bad files are then copied to the
    /// <see cref="QuarantineFolder"/>, and moved there otherwise.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public AfterCommit AfterCommit { get; init => field = CheckAfterCommit(value); } = AfterCommit.Keep;

    /// <summary>
    /// Where loaded files go with <see cref="AfterCommit.Archive"/>, at the source. A relative path starts at the source's folder. Default <c>archive</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a NUL.</exception>
    public string ArchiveFolder { get; init => field = CheckFolder(value); } = "archive";

    /// <summary>
    /// Where bad files go at the source, each with a <c>.reason.json</c>. A relative path starts at the source's folder. Default <c>quarantine</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a NUL.</exception>
    public string QuarantineFolder { get; init => field = CheckFolder(value); } = "quarantine";

    /// <summary>The clock of settle times, deadlines and back-off. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">There is none.</exception>
    public TimeProvider TimeProvider { get; init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider)); } = TimeProvider.System;

    /// <summary>Characters that no name of a file at this source has.</summary>
    private protected virtual string NotInNames => "/\0";

    private string CheckPattern(string value, [CallerMemberName] string name = "")
    {
        if (string.IsNullOrWhiteSpace(value?.Replace(";", "", StringComparison.Ordinal)))
            throw new ArgumentException($"{name} is empty; expected something like *.csv", name);
        if (value.AsSpan().IndexOfAny(NotInNames) >= 0)
            throw new ArgumentException($"{name} is '{value}', but it matches names, not paths; leave the folder out and set Recursive", name);
        return value;
    }

    private static TimeSpan CheckSettleTime(TimeSpan value, [CallerMemberName] string name = "") =>
        value >= TimeSpan.Zero && value <= s_longestSettleTime
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between zero and one day");

    private string? CheckMarker(string? value, [CallerMemberName] string name = "") =>
        value is null || (value.Length > 0 && value.AsSpan().IndexOfAny(NotInNames) < 0)
            ? value
            : throw new ArgumentException($"{name} is '{value}'; expected an ending such as .done, or null for none", name);

    private static AfterCommit CheckAfterCommit(AfterCommit value, [CallerMemberName] string name = "") => Enum.IsDefined(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be Keep, Archive or Delete");

    private static string CheckFolder(string value, [CallerMemberName] string name = "") => string.IsNullOrWhiteSpace(value) || value.Contains('\0')
        ? throw new ArgumentException($"{name} is empty or contains a NUL; expected a folder", name)
        : value;
}
