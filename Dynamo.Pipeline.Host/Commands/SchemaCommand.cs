using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo schema</c>: prints the statements that create the sink's tables.</summary>
internal sealed class SchemaCommand : Command, ISettingsCommand, IExamples
{
    public SchemaCommand(CommandContext context) : base("schema", "Prints the statements that create the sink's tables.")
    {
        Settings = new SettingOptions(this, "sink");
        SetAction(parsed =>
        {
            HostSettings settings = Settings.Read(parsed);
            context.Out.Write(Composition.Schema(settings));
            return (int)ExitCode.Ok;
        });
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo schema | sqlite3 readings.db
          dynamo schema --config dynamo.json     with the table's and columns' names from the settings
        """;
}
