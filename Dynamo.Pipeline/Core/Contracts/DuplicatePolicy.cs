namespace Dynamo.Pipeline;

/// <summary>
/// What happens to a row whose key is already there. Which of two rows comes last is a fact of their files: the time of the last change,
/// then the path (in ordinal order), and within a file the line. It does not matter which was imported first, by which batch, writer, run or
/// machine. For a table without a column for each row's file it does: there, the row that is written later comes last.
/// </summary>
public enum DuplicatePolicy
{
    /// <summary>The last row stays, so a corrected file corrects the table, and a late delivery of an old file does not.</summary>
    LastWins,

    /// <summary>The first row stays.</summary>
    FirstWins,

    /// <summary>
    /// The row that is there stays, and the new one is rejected with its line. If a file is sent again with more rows than before,
    /// its old rows are among the rejects.
    /// </summary>
    Reject,
}
