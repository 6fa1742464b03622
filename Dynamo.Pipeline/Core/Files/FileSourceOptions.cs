using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline;

/// <summary>
/// The options that all file sources share: which files a source offers, and what it does with them after the commit.
/// Users set them on <see cref="FolderSourceOptions"/> or on the options of an SFTP source. Immutable, so any thread may read them.
/// </summary>
/// <remarks>
/// The room Files has what the sources share besides: selection of names, changed files, names in archive and quarantine,
/// the choice of a format by file name.
/// </remarks>
public abstract record FileSourceOptions
{
    private static readonly TimeSpan s_longestSettleTime = TimeSpan.FromDays(1);

    private protected FileSourceOptions(TimeSpan settleTime) => SettleTime = settleTime;

    /// <summary>
    /// Which names are imported. <c>*</c> stands for any characters, <c>?</c> for one; <c>;</c> separates several patterns.
    /// Case does not matter. Default <c>*.csv</c>. Names that end in <c>.tmp</c>, <c>.part</c> or <c>.filepart</c>
    /// and names that start with a dot are never imported.
    /// </summary>
    /// <exception cref="ArgumentException">The pattern is empty or names a folder.</exception>
    public string Pattern { get; init => field = CheckPattern(value); } = "*.csv";

    /// <summary>
    /// Whether the folders below are listed too. Default <see langword="false"/>. Folders that are symbolic links or whose names
    /// start with a dot, and the archive and quarantine folders are never listed.
    /// </summary>
    public bool Recursive { get; init; }

    /// <summary>
    /// How long a file must have been unchanged before it is offered, at most one day. Default 2 seconds for a folder
    /// and 5 seconds for a server. A listing that finds younger files waits for them at its end; then it offers
    /// those that did not change and defers those that did. With zero, files are offered at once, also half-written ones.
    /// With a <see cref="DoneMarker"/> this has no effect.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or above a day.</exception>
    public TimeSpan SettleTime { get; init => field = CheckSettleTime(value); }

    /// <summary>
    /// Whether a symbolic link to a file is imported as that file, if it leads to something below the source's folder. Default
    /// <see langword="false"/>: links are listed as deferred. Whoever may write to the folder could otherwise have the import read
    /// what only the import may read. Links that lead out of the folder are never followed, nor are links to folders. A server is asked
    /// where a link leads when it is listed (REALPATH), and follows by itself what is put in the place of a file later: give its login no
    /// more rights than the import needs.
    /// </summary>
    public bool FollowLinks { get; init; }

    /// <summary>
    /// The ending of marker files, such as <c>.done</c>: <c>x.csv</c> is offered once <c>x.csv.done</c> exists and is not older
    /// than <c>x.csv</c>. Default <see langword="null"/>: no markers. The marker is kept, archived, deleted or quarantined
    /// together with its file. With markers, an SFTP source holds all names of one folder in memory.
    /// </summary>
    /// <exception cref="ArgumentException">The marker is empty or names a folder.</exception>
    public string? DoneMarker { get; init => field = CheckMarker(value); }

    /// <summary>
    /// What happens to loaded files at the source. Default <see cref="AfterCommit.Keep"/>. With <see cref="AfterCommit.Keep"/>,
    /// bad files are copied to the <see cref="QuarantineFolder"/>; otherwise they are moved there.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the enumeration.</exception>
    public AfterCommit AfterCommit { get; init => field = CheckAfterCommit(value); } = AfterCommit.Keep;

    /// <summary>
    /// The folder at the source to which loaded files go with <see cref="AfterCommit.Archive"/>. A relative path starts at
    /// the source's folder. <c>{yyyy}</c>, <c>{MM}</c> and <c>{dd}</c> stand for the UTC day on which a file is archived. The part before
    /// the first folder with one of them is the archive's root, which is never listed. Without them, all files go to one folder, which
    /// becomes slow to list with hundreds of thousands of files. Default <c>archive/{yyyy}/{MM}/{dd}</c>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The path is empty or contains a NUL, or has another placeholder, a month without its year or a day without its month, or no folder
    /// before the first placeholder.
    /// </exception>
    public string ArchiveFolder { get; init => field = CheckArchive(value); } = "archive/{yyyy}/{MM}/{dd}";

    /// <summary>
    /// The folder at the source to which bad files go, each with a <c>.reason.json</c>. A relative path starts at the
    /// source's folder. Default <c>quarantine</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The path is empty or contains a NUL.</exception>
    public string QuarantineFolder { get; init => field = CheckFolder(value); } = "quarantine";

    /// <summary>The clock for settle times, deadlines and back-off. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>Characters that a file name at this source cannot contain.</summary>
    private protected virtual string NotInNames => "/\0";

    private string CheckPattern(string value, [CallerMemberName] string name = "")
    {
        if (string.IsNullOrWhiteSpace(value?.Replace(";", "", StringComparison.Ordinal)))
            throw new ArgumentException($"{name} is empty; expected something like *.csv", name);
        if (value.AsSpan().IndexOfAny(NotInNames) >= 0)
            throw new ArgumentException(
                $"{name} is '{value}', but it matches names, not paths; leave the folder out "
                + $"and set {OptionName.Of(nameof(FileSourceOptions.Recursive))}", name);
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

    private static string CheckArchive(string value, [CallerMemberName] string name = "")
    {
        _ = ArchivePattern.Parse(CheckFolder(value, name), name);
        return value;
    }

    private static string CheckFolder(string value, [CallerMemberName] string name = "") =>
        string.IsNullOrWhiteSpace(value) || value.Contains('\0')
            ? throw new ArgumentException($"{name} is empty or contains a NUL; expected a folder", name)
            : value;
}
