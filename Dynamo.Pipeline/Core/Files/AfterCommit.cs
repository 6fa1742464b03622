namespace Dynamo.Pipeline;

/// <summary>What happens to a file at its source once its rows and its ledger entry are committed.</summary>
public enum AfterCommit
{
    /// <summary>The file stays where it is. The ledger prevents a second import, but each run lists the file again.</summary>
    Keep,

    /// <summary>The file moves to the same path below the archive folder.</summary>
    Archive,

    /// <summary>The file is deleted.</summary>
    Delete,
}
