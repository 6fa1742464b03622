namespace Dynamo.Pipeline;

/// <summary>
/// A transaction cannot go on: a row took it with it (<c>RAISE(ROLLBACK)</c>, which its file remembers), or its counts are in doubt. The batch is to be
/// written again with what was learnt.
/// </summary>
internal sealed class TransactionEndedException(SinkException fault) : Exception(fault.Message, fault);

/// <summary>What a database's refusal says about the row.</summary>
internal static class RefusedRow
{
    /// <summary>A missing value names its column in the message, "NOT NULL constraint failed: Reading.Value".</summary>
    public static Defect Of(string message, int code, Func<string, string?> columnNamed) => new($"the database refused the row: {message}")
    {
        Column = code == SqliteNative.NotNullConstraint ? columnNamed(message[(message.LastIndexOf('.') + 1)..]) : null,
        Remedy = "Correct the row, or the table's constraint, and retry the file",
    };
}
