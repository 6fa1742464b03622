namespace Dynamo.Pipeline;

/// <summary>What happens to a file at its source once its rows and its ledger entry are committed.</summary>
public enum AfterCommit
{
    /// <summary>It stays where it is. The ledger keeps it from being imported again, but each run lists it.</summary>
    Keep,

    /// <summary>It is moved into the archive folder, under its path.</summary>
    Archive,

    /// <summary>It is deleted.</summary>
    Delete,
}
