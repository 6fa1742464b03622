namespace Dynamo.Pipeline.Tests;

/// <summary>An error as the server reports it in an ERROR token.</summary>
internal sealed class ServerError(int number, string message, byte severity = 16, byte state = 1) : Exception(message)
{
    public int Number { get; } = number;

    public byte Severity { get; } = severity;

    public byte State { get; } = state;

    /// <summary>Severities from 20 on end the connection.</summary>
    public bool EndsConnection => Severity >= 20;

    /// <summary>The errors after which the server undoes the whole transaction, whatever XACT_ABORT says.</summary>
    public bool EndsTransaction => Number is 1205 or 3930 || Severity >= 17;

    /// <summary>A broken constraint ends its statement only; the batch goes on, as on the real server.</summary>
    public bool EndsStatementOnly => Number is 515 or 547 or 2601 or 2627 or 2628;

    public static ServerError Syntax(string near) => new(102, $"Incorrect syntax near '{near}'.", 15);

    public static ServerError NotSupported(string what) => new(40517, $"The TDS endpoint of the tests does not know {what}.");

    public static ServerError InvalidObject(string name) => new(208, $"Invalid object name '{name}'.");

    /// <summary>The errors a sink has to tell apart, with the severity and the text of the real server.</summary>
    public static ServerError Known(int number) => number switch
    {
        1205 =>
            new(1205,
                "Transaction (Process ID 51) was deadlocked on lock resources with another process and has been chosen as the deadlock "
                    + "victim. Rerun the transaction.",
                13, 45),
        2627 =>
            new(2627,
                "Violation of PRIMARY KEY constraint 'PK_Reading'. Cannot insert duplicate key in object 'dbo.Reading'. The duplicate "
                    + "key value is (1).",
                14),
        4815 => new(4815, "Received an invalid column length from the bcp client for colid 1."),
        10928 => new(10928, "Resource ID : 1. The request limit for the database is 30 and has been reached.", 16),
        40501 => new(40501, "The service is currently busy. Retry the request after 10 seconds.", 20),
        40613 => new(40613, "Database 'test' on server 'endpoint' is not currently available. Please retry the connection later.", 20),
        _ => new(number, $"Error {number}, as ordered."),
    };
}
