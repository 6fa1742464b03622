using System.Data.Common;

namespace Dynamo.Pipeline.Host;

/// <summary>How a SQL Server database is reached and filled.</summary>
internal static class SqlServerSettings
{
    private const string DurationAllowed = "a duration above zero, such as 30s or 5min, up to a day";
    private const string NameAllowed = "a name of up to 128 characters";

    public static IReadOnlyList<Setting> All { get; } =
    [
        // Not an option: every user of the machine can read command lines.
        Setting.One(
            "sqlserver:connection",
            "a connection string, such as Server=db1;Database=Water;Integrated Security=true",
            (s, text) => s with { SqlServerConnection = Checked(text) }) with { IsSecret = true },
        Setting.One(
            "sqlserver:password",
            "the password of the connection string's user",
            (s, text) => s with { SqlServerPassword = text }) with { IsSecret = true },
        // Not relative to the configuration file: a bare name is looked for on the path.
        new(
            "sqlserver:accessTokenCommand",
            "a list: a program, and its arguments",
            (s, texts) => s with { AccessTokenCommand = Program(texts) }) { IsList = true },
        Setting.One("sqlserver:accessTokenFile", "a file's path", (s, text) => s with { AccessTokenFile = Program([text])[0] }) with
        {
            Rebase = (text, folder) => string.IsNullOrWhiteSpace(text) ? text : Path.Combine(folder, text),
        },
        One("schema", NameAllowed, (q, text) => q with { Schema = text }),
        One("append", "true or false", (q, text) => q with { Append = SettingText.Flag(text) }),
        One("procedure", NameAllowed, (q, text) => q with { Procedure = text }),
        new(
            "sqlserver:constants",
            "a list of COLUMN=VALUE, such as Site=North",
            (s, texts) => s with { SqlServer = s.SqlServer with { Constants = Constants(texts) } }) { IsList = true },
        One("commandTimeout", DurationAllowed, (q, text) => q with { CommandTimeout = SettingText.Duration(text) }),
        One("stallTimeout", DurationAllowed, (q, text) => q with { StallTimeout = SettingText.Duration(text) }),
    ];

    private static Setting One(string name, string allowed, Func<SqlServerSinkOptions, string, SqlServerSinkOptions> apply) =>
        Setting.One("sqlserver:" + name, allowed, (s, text) => s with { SqlServer = apply(s.SqlServer, text) });

    private static string Checked(string text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new FormatException();
        _ = new DbConnectionStringBuilder { ConnectionString = text };
        return text;
    }

    private static IReadOnlyList<string> Program(IReadOnlyList<string> texts) =>
        string.IsNullOrWhiteSpace(texts[0]) ? throw new FormatException() : texts;

    private static Dictionary<string, string> Constants(IReadOnlyList<string> texts)
    {
        var constants = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string text in texts)
        {
            int sign = text.IndexOf('=', StringComparison.Ordinal);
            if (sign < 1 || !constants.TryAdd(text[..sign].Trim(), text[(sign + 1)..])) throw new FormatException();
        }
        return constants;
    }
}

/// <summary>The connection string from all the places it may come from.</summary>
internal static class SqlServerConnection
{
    /// <summary>A short name for the variable. The setting's own variable, <c>DYNAMO__SQLSERVER__CONNECTION</c>, wins.</summary>
    private const string Variable = "DYNAMO_SINK";

    private const string WithoutAzure =
        "found Authentication=Active Directory …, but dynamo has no Azure library in it. Leave it out, and set "
        + "sqlserver:accessTokenCommand or sqlserver:accessTokenFile to what yields a token; docs/sqlserver.md has the commands.";

    /// <exception cref="SettingsException">
    /// There is no connection string, it cannot be read, there are two passwords, or it needs Azure's libraries.
    /// </exception>
    public static string Of(HostSettings settings)
    {
        string text = settings.SqlServerConnection ?? Environment.GetEnvironmentVariable(Variable)
            ?? throw new SettingsException(
                "sink",
                "found sqlserver, but no connection string. Put it into sqlserver:connection of the configuration, "
                + $"or into {Variable} or DYNAMO__SQLSERVER__CONNECTION in the environment.");
        if (string.IsNullOrWhiteSpace(text))
            throw new SettingsException(
                "sink", $"found sqlserver, and {Variable} in the environment is empty. Put the connection string into it, such as "
                + "Server=db1;Database=Water;Integrated Security=true.");
        try
        {
            var connection = new DbConnectionStringBuilder { ConnectionString = text };
            if (AsksForAzure(connection)) throw new SettingsException("sqlserver:connection", WithoutAzure);
            if (settings.SqlServerPassword is not { } password) return text;
            if (connection.ContainsKey("Password") || connection.ContainsKey("Pwd"))
                throw new SettingsException("sqlserver:password", "the connection string has a password as well. Keep one of them.");
            connection["Password"] = password;
            return connection.ConnectionString;
        }
        catch (ArgumentException)
        {
            throw new SettingsException(
                "sqlserver:connection",
                "the connection string cannot be read. Check its keywords, and put values that hold a semicolon or quotes into quotes.");
        }
    }

    private static bool AsksForAzure(DbConnectionStringBuilder connection) =>
        connection.TryGetValue("Authentication", out object? way)
        && way.ToString()!.Replace(" ", "", StringComparison.Ordinal).StartsWith("ActiveDirectory", StringComparison.OrdinalIgnoreCase);
}
