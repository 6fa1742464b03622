using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo lineage</c>: says for readings which file each is from, who imported it, and what it replaced.</summary>
internal sealed class LineageCommand : Command, ISettingsCommand, IExamples
{
    private readonly Argument<string> _logger = new("LOGGER") { Description = "The logger, as the table has it." };
    private readonly Option<string?> _channel = ValueOption.Named("--channel", "NAME", "Only this channel.");
    private readonly Option<string?> _at = ValueOption.Named(
        "--at", "TIME", "Only the reading at this time, such as 2026-01-31T12:00Z. Without an offset it is UTC.");
    private readonly Option<string?> _most = ValueOption.Named("--most", "N", "The most readings to show, the last ones. Default: 10.");
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public LineageCommand(CommandContext context)
        : base("lineage", "Says which file a reading is from, which run imported it, and what it replaced.")
    {
        Arguments.Add(_logger);
        Settings = new SettingOptions(this, "source", "sink");
        foreach (Option option in (Option[])[_channel, _at, _most, _json]) Options.Add(option);
        SetAction((parsed, _) => ShowAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo lineage L00007 --channel flow --at 2026-01-31T12:00Z --config dynamo.json
          dynamo lineage L00007 --sink sqlite:readings.db --most 100
        """;

    private async Task<int> ShowAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed);
        RowMap<Reading> table = Composition.Table(settings);
        ILineage ledger = Composition.Lineage(settings);
        var key = new Dictionary<string, string> { [settings.Table.Logger] = parsed.GetValue(_logger)! };
        if (parsed.GetValue(_channel) is { } channel) key[settings.Table.Channel] = channel;
        if (parsed.GetValue(_at) is { } at) key[settings.Table.Timestamp] = Stored(Moments.At("--at", at));
        IReadOnlyList<TracedRow> rows = await ledger.TraceAsync(table, key, ValueOption.Count(parsed, _most, 10), context.Stopping);
        var lines = new ReadingLines(settings);
        var traces = new List<ReadingTrace>();
        foreach (TracedRow row in rows)
            traces.Add(await ReadingTrace.OfAsync(row, ledger, lines, context.Stopping));
        if (parsed.GetValue(_json)) context.Out.WriteLine(JsonText.Of(json => WriteJson(json, traces)));
        else Write(context.Out, traces);
        return (int)ExitCode.Ok;
    }

    /// <summary>As the table has it: <c>yyyy-MM-dd HH:mm:ss[.FFFFFFF]</c>.</summary>
    private static string Stored(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    private static void Write(TextWriter to, List<ReadingTrace> traces)
    {
        if (traces.Count == 0) to.WriteLine("No such reading is in the table.");
        // Most readings were imported with the same settings, which are long.
        string? shown = null;
        foreach (ReadingTrace trace in traces)
        {
            to.WriteLine($"{Shown.Name(trace.Logger)}  {Shown.Name(trace.Channel)}  {trace.Time}  {trace.Value}");
            if (trace.File is not { } file)
            {
                to.WriteLine(trace.FileId is { } id
                    ? $"  from file {Shown.Count(id)}: its file is no longer in the ledger"
                    : "  from an unknown file: it was imported before readings kept their file");
                continue;
            }
            to.WriteLine($"  from      {Place(trace.Delivery!)}, last changed {Shown.Utc(file.File.ModifiedUtc)}");
            string run = file.Version is null ? "" : $" on {Shown.Name(file.Host ?? "")}, version {file.Version}";
            to.WriteLine($"  imported  {Shown.Utc(file.ImportedUtc)} by run {file.RunId}{run}");
            if (file.Settings is { Length: > 0 } settings)
            {
                string text = settings == shown ? "as above" : Shown.Name(settings.Replace("\n", "; ", StringComparison.Ordinal));
                to.WriteLine($"  settings  {text}");
                shown = settings;
            }
            foreach (Delivery older in trace.Replaced)
            {
                // Two files that met need not have this very reading in common.
                string value = older.Line is null ? ", perhaps: the file cannot be read here any more" : $": {older.Value}";
                to.WriteLine($"  replaced  {Place(older)}{value}");
            }
        }
    }

    private static string Place(Delivery delivery) =>
        Shown.Name(delivery.File.File.Path) + (delivery.Line is { } line ? $", line {Shown.Count(line)}" : "");

    private static void WriteJson(Utf8JsonWriter json, List<ReadingTrace> traces)
    {
        json.WriteStartArray("readings");
        foreach (ReadingTrace trace in traces)
        {
            json.WriteStartObject();
            json.WriteString("logger", trace.Logger);
            json.WriteString("channel", trace.Channel);
            json.WriteString("time", trace.Time);
            json.WriteString("value", trace.Value);
            if (trace.Delivery is { } delivery) WriteJson(json, "from", delivery);
            else if (trace.FileId is { } id) json.WriteNumber("fromFileNoLongerInTheLedger", id);
            json.WriteStartArray("replaced");
            foreach (Delivery older in trace.Replaced) WriteJson(json, null, older);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteJson(Utf8JsonWriter json, string? name, Delivery delivery)
    {
        if (name is null) json.WriteStartObject();
        else json.WriteStartObject(name);
        json.WriteNumber("fileId", delivery.File.FileId);
        json.WriteString("source", delivery.File.Source);
        json.WriteString("file", delivery.File.File.Path);
        if (delivery.Line is { } line) json.WriteNumber("line", line);
        JsonText.Optional(json, "value", delivery.Value);
        json.WriteString("modifiedUtc", delivery.File.File.ModifiedUtc);
        json.WriteString("importedUtc", delivery.File.ImportedUtc);
        json.WriteNumber("run", delivery.File.RunId);
        JsonText.Optional(json, "host", delivery.File.Host);
        JsonText.Optional(json, "version", delivery.File.Version);
        JsonText.Optional(json, "settings", delivery.File.Settings);
        json.WriteEndObject();
    }
}
