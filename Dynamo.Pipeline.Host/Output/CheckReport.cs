using System.Globalization;
using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo check</c> found.</summary>
internal static class CheckReport
{
    private const int ShownRows = 3;
    private const int ShownDefects = 5;

    public static void Write(TextWriter to, HostSettings settings, IStore store, StoreTrial database, ServerTrial? trial, FirstFiles first)
    {
        to.WriteLine("settings  fine");
        to.WriteLine($"source    {settings.ShownSource}: {Shown.Count(first.Listed, "file")}{(first.HasMore ? " or more" : "")} like {settings.Folder.Pattern}");
        trial?.Write(to);
        to.WriteLine($"sink      {store.Shown}: {(database.IsReady ? "its tables fit" : settings.UsesSqlServer ? "has no tables yet, the first run creates them" : "does not exist yet, the first run creates it")}");
        foreach (string reason in database.Plan?.Reasons ?? []) to.WriteLine($"          {reason}");
        foreach (CheckedFile file in first.Files) Write(to, file);
        to.WriteLine();
        to.WriteLine("Nothing was changed.");
    }

    public static void WriteJson(Utf8JsonWriter json, HostSettings settings, IStore store, StoreTrial database, ServerTrial? trial, FirstFiles first)
    {
        json.WriteString("source", settings.SourceName);
        trial?.WriteJson(json);
        json.WriteNumber("listed", first.Listed);
        json.WriteBoolean("listedAll", !first.HasMore);
        json.WriteString("sink", store.Name);
        json.WriteBoolean("sinkExists", database.IsReady);
        if (database.Plan is { } plan) Write(json, plan);
        json.WriteStartArray("files");
        foreach (CheckedFile file in first.Files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.Path);
            json.WriteNumber("rows", file.Rows.Rows.Count);
            json.WriteNumber("rejected", file.Rows.Rejects.Count);
            JsonText.Defect(json, file.Defect ?? (file.Rows.Rejects.Count > 0 ? file.Rows.Rejects[0] : null));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, SqlServerPlan plan)
    {
        json.WriteStartObject("sinkPlan");
        json.WriteNumber("writers", plan.Writers);
        json.WriteBoolean("mergesSideBySide", plan.MergesSideBySide);
        json.WriteBoolean("locksTable", plan.LocksTable);
        json.WriteNumber("batchRows", plan.BatchRows);
        json.WriteStartArray("reasons");
        foreach (string reason in plan.Reasons) json.WriteStringValue(reason);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(TextWriter to, CheckedFile file)
    {
        to.WriteLine();
        to.WriteLine($"{Shown.Name(file.Path)}: {(file.Defect is null ? Shown.Count(file.Rows.Rows.Count, "row") : "would not be loaded")}");
        foreach (Reading row in file.Rows.Rows.Take(ShownRows))
            to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {Shown.Name(row.Logger)}  {Shown.Name(row.Channel)}  {Shown.Utc(row.TimestampUtc)}  {row.Value}"));
        if (file.Defect is not null) to.WriteLine($"    {file.Defect}");
        foreach (Defect reject in file.Rows.Rejects.Take(ShownDefects))
            to.WriteLine($"    rejected: {reject}");
    }
}
