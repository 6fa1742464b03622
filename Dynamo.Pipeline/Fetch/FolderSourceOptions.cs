using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>How a <see cref="FolderSource"/> chooses files and what it does with them after the commit. Immutable.</summary>
public sealed record FolderSourceOptions
{
    private static readonly TimeSpan LongestSettleTime = TimeSpan.FromDays(1);

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
    /// How long a file must have been unchanged before it is offered, up to a day. Default 2 seconds: a listing that meets younger files waits that long
    /// at its end, offers those that kept still and defers those that did not. Zero offers files at once, half-written ones included.
    /// Has no effect with a <see cref="DoneMarker"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or above a day.</exception>
    public TimeSpan SettleTime { get; init => field = CheckSettleTime(value); } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// What is appended to a file's name to name its marker, such as <c>.done</c>: <c>x.csv</c> is offered once <c>x.csv.done</c> exists and is not older
    /// than it. Default <see langword="null"/>: no markers. The marker goes the way of its file: archived, deleted, quarantined or kept with it.
    /// </summary>
    /// <exception cref="ArgumentException">The marker is empty or names a folder.</exception>
    public string? DoneMarker { get; init => field = CheckMarker(value); }

    /// <summary>What happens to loaded files. Default <see cref="AfterCommit.Keep"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a value of the enumeration.</exception>
    public AfterCommit AfterCommit { get; init => field = CheckAfterCommit(value); } = AfterCommit.Keep;

    /// <summary>Where loaded files go with <see cref="AfterCommit.Archive"/>. A relative path starts at the source's folder. Default <c>archive</c>.</summary>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    public string ArchiveFolder { get; init => field = NotEmpty(value); } = "archive";

    /// <summary>Where bad files go, each with a <c>.reason.json</c>. A relative path starts at the source's folder. Default <c>quarantine</c>.</summary>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    public string QuarantineFolder { get; init => field = NotEmpty(value); } = "quarantine";

    /// <summary>The clock that settle times are measured by. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">There is none.</exception>
    public TimeProvider TimeProvider { get; init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider)); } = TimeProvider.System;

    private static string CheckPattern(string value, [CallerMemberName] string name = "")
    {
        if (string.IsNullOrWhiteSpace(value?.Replace(";", "", StringComparison.Ordinal)))
            throw new ArgumentException($"{name} is empty; expected something like *.csv", name);
        if (value.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
            throw new ArgumentException($"{name} is '{value}', but it matches names, not paths; leave the folder out and set Recursive", name);
        return value;
    }

    private static TimeSpan CheckSettleTime(TimeSpan value, [CallerMemberName] string name = "") => value >= TimeSpan.Zero && value <= LongestSettleTime
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between zero and one day");

    private static string? CheckMarker(string? value, [CallerMemberName] string name = "") => value is null || (value.Length > 0 && value.AsSpan().IndexOfAny('/', '\\', '\0') < 0)
        ? value
        : throw new ArgumentException($"{name} is '{value}'; expected an ending such as .done, or null for none", name);

    private static AfterCommit CheckAfterCommit(AfterCommit value, [CallerMemberName] string name = "") => Enum.IsDefined(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be Keep, Archive or Delete");

    private static string NotEmpty(string value, [CallerMemberName] string name = "") => string.IsNullOrWhiteSpace(value)
        ? throw new ArgumentException($"{name} is empty; expected a folder", name)
        : value;
}
