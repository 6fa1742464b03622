namespace Dynamo.Pipeline.Host;

/// <summary>One file to be written: its logger, its time, and its rows.</summary>
/// <param name="Logger">The logger's number, from 1.</param>
/// <param name="Step">When it arrives: the step in its name, from 0.</param>
/// <param name="LastStep">
/// The step of its latest reading: <paramref name="Step"/>, except in a <see cref="BadKind.SameAsOtherFile"/>.
/// </param>
/// <param name="Timestamps">How many steps it holds, up to <paramref name="LastStep"/>.</param>
/// <param name="Channels">How many readings each step has.</param>
/// <param name="Bad">What is unusual about it, or <see langword="null"/> for a good file.</param>
/// <param name="BadRow">The row that is changed or doubled, from 0, if <paramref name="Bad"/> concerns a row.</param>
internal readonly record struct LoggerFile(int Logger, int Step, int LastStep, int Timestamps, int Channels, BadKind? Bad, int BadRow)
{
    public int Rows => Timestamps * Channels;

    public int FirstStep => LastStep - Timestamps + 1;

    public FileOutcome Outcome => Bad is { } bad ? BadKinds.Verdict(bad).Outcome : FileOutcome.Loaded;

    /// <summary>Rows that are rejected although the file is loaded.</summary>
    public int RejectedRows => Bad is { } bad ? BadKinds.Verdict(bad).RejectedRows : 0;

    /// <summary>Rows that are loaded. A doubled row counts twice.</summary>
    public int LoadedRows => Outcome != FileOutcome.Loaded ? 0 : Rows - RejectedRows + (Bad == BadKind.ReadingTwice ? 1 : 0);

    /// <summary>Whether the reading of this row is loaded.</summary>
    public bool Loads(int row) => Outcome == FileOutcome.Loaded && (RejectedRows == 0 || row != BadRow);
}
