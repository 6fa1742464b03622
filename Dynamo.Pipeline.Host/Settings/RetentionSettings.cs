namespace Dynamo.Pipeline.Host;

/// <summary>How long records and archived files are kept; <see langword="null"/>: for ever.</summary>
internal sealed record Retention
{
    public TimeSpan? Ledger { get; init; }

    public TimeSpan? Rejects { get; init; }

    public TimeSpan? Runs { get; init; }

    public TimeSpan? Archive { get; init; }

    /// <summary>Whether an entry of the ledger stays as long as a reading in the table is from its file. Default true.</summary>
    public bool KeepsLineage { get; init; } = true;

    /// <summary>Whether anything is removed at all.</summary>
    public bool IsSet => Ledger is not null || Rejects is not null || Runs is not null || Archive is not null;
}

/// <summary>What <c>dynamo prune</c> and <c>dynamo watch</c> remove, and when.</summary>
internal static class RetentionSettings
{
    // A day is the shortest that the folders of an archive tell apart, and no run should meet what it has just written.
    private static readonly TimeSpan s_least = TimeSpan.FromDays(1), s_most = TimeSpan.FromDays(36_500);

    private static readonly (string, bool)[] s_lineage = [("keep", true), ("drop", false)];

    public static IReadOnlyList<Setting> All { get; } =
    [
        One("retention:ledger", (r, age) => r with { Ledger = age }),
        One("retention:rejects", (r, age) => r with { Rejects = age }),
        One("retention:runs", (r, age) => r with { Runs = age }),
        One("retention:archive", (r, age) => r with { Archive = age }),
        Setting.Choice("retention:lineage", s_lineage, (s, keeps) => s with { Retention = s.Retention with { KeepsLineage = keeps } }),
    ];

    private static Setting One(string key, Func<Retention, TimeSpan, Retention> apply) => Setting.One(
        key, "a duration from 1d to 36500d, such as 400d", (s, text) => s with { Retention = apply(s.Retention, Age(text)) });

    private static TimeSpan Age(string text) =>
        SettingText.Duration(text) is var age && age >= s_least && age <= s_most ? age : throw new FormatException();
}
