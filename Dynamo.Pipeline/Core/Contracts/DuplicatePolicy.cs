namespace Dynamo.Pipeline;

/// <summary>What happens to a row whose key is in the table already, or came earlier in the same batch.</summary>
public enum DuplicatePolicy
{
    /// <summary>The new row replaces the old one: a corrected file corrects the table. Files of one batch go in the order of their time, then path.</summary>
    LastWins,

    /// <summary>The old row stays, the new one counts as unchanged.</summary>
    FirstWins,

    /// <summary>The old row stays, the new one is rejected by name. A file sent again with more rows than before loses its old rows to the rejects.</summary>
    Reject,
}
