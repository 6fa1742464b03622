namespace Dynamo.Pipeline;

/// <summary>What happens to a row whose key is already in the table, or came earlier in the same batch.</summary>
public enum DuplicatePolicy
{
    /// <summary>
    /// The new row replaces the old one, so a corrected file corrects the table. Within a batch, the order of files is that of
    /// their time, then their path.
    /// </summary>
    LastWins,

    /// <summary>The old row stays, and the new one counts as unchanged.</summary>
    FirstWins,

    /// <summary>
    /// The old row stays, and the new one is rejected with its line. If a file is sent again with more rows than before,
    /// its old rows are among the rejects.
    /// </summary>
    Reject,
}
