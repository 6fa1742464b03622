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

    /// <exception cref="SettingsException">There is no connection string, it cannot be read, or there are two passwords.</exception>
    public static string Of(HostSettings settings)
    {
        string text = settings.SqlServerConnection ?? Environment.GetEnvironmentVariable(Variable)
            ?? throw new SettingsException(
                "sink",
                "found sqlserver, but no connection string. Put it into sqlserver:connection of the configuration, "
                + $"or into {Variable} or DYNAMO__SQLSERVER__CONNECTION in the environment.");
        if (settings.SqlServerPassword is not { } password) return text;
        try
        {
            var connection = new DbConnectionStringBuilder { ConnectionString = text };
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
}
