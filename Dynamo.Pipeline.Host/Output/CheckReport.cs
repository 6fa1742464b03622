using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>What <c>dynamo check</c> found.</summary>
internal static class CheckReport
{
    private const int ShownRows = 3;
    private const int ShownDefects = 5;

    public static void Write(
        TextWriter to, HostSettings settings, IStore store, StoreTrial database, ServerTrial? trial, BrokerTrial? broker,
        AreaTrial? areas, FirstFiles first, IReadOnlyList<string> open)
    {
        to.WriteLine("settings  fine");
        string files = $"{Shown.Count(first.Listed, "file")}{(first.HasMore ? " or more" : "")}";
        to.WriteLine($"source    {settings.ShownSource}: {files} like {settings.Folder.Pattern}");
        trial?.Write(to);
        string tables = database.IsReady ? "its tables fit"
            : settings.UsesSqlServer ? "has no tables yet, the first run creates them"
            : "does not exist yet, the first run creates it";
        to.WriteLine($"sink      {store.Shown}: {tables}");
        if (database.ToCreate.Count > 0)
            to.WriteLine($"          missing, the first run creates: {string.Join(", ", database.ToCreate.Select(Shown.Name))}");
        if (database.Missing is { } missing) to.WriteLine($"          {missing}");
        foreach (string reason in database.Plan?.Reasons ?? []) to.WriteLine($"          {reason}");
        broker?.Write(to);
        areas?.Write(to);
        foreach ((int index, string line) in open.Index()) to.WriteLine($"{(index == 0 ? "at risk   " : "          ")}{line}");
        foreach (CheckedFile file in first.Files) Write(to, file);
        to.WriteLine();
        to.WriteLine("Nothing was changed.");
    }

    public static void WriteJson(
        Utf8JsonWriter json, HostSettings settings, IStore store, StoreTrial database, ServerTrial? trial, BrokerTrial? broker,
        AreaTrial? areas, FirstFiles first, IReadOnlyList<string> open)
    {
        json.WriteString("source", settings.SourceName);
        trial?.WriteJson(json);
        json.WriteNumber("listed", first.Listed);
        json.WriteBoolean("listedAll", !first.HasMore);
        json.WriteString("sink", store.Name);
        json.WriteBoolean("sinkExists", database.IsReady);
        JsonText.Optional(json, "sinkMissing", database.Missing);
        if (database.ToCreate.Count > 0) JsonText.List(json, "sinkCreates", database.ToCreate);
        if (database.Plan is { } plan) Write(json, plan);
        broker?.WriteJson(json);
        areas?.WriteJson(json);
        JsonText.List(json, "open", open);
        json.WriteStartArray("files");
        foreach (CheckedFile file in first.Files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.Path);
            json.WriteNumber("rows", file.Rows.Rows.Count);
            json.WriteNumber("rejected", file.Rows.Rejects.Count);
            if (file.Collided > 0) json.WriteNumber("collided", file.Collided);
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
        JsonText.List(json, "reasons", plan.Reasons);
        json.WriteEndObject();
    }

    private static void Write(TextWriter to, CheckedFile file)
    {
        to.WriteLine();
        string rows = file.Defect is null ? Shown.Count(file.Rows.Rows.Count, "row") : "would not be loaded";
        to.WriteLine($"{Shown.Name(file.Path)}: {rows}");
        foreach (Reading row in file.Rows.Rows.Take(ShownRows))
            to.WriteLine($"    {Shown.Row(row)}");
        if (file.Defect is not null) to.WriteLine($"    {file.Defect}");
        if (file.Collided > 0)
            to.WriteLine(
                $"    {Shown.Count(file.Collided)} of {Shown.Count(file.Rows.Rows.Count)} rows would replace each other: they have the "
                    + $"same logger, "
                + "channel and time. A format that takes the wrong columns looks like that.");
        foreach (Defect reject in file.Rows.Rejects.Take(ShownDefects))
            to.WriteLine($"    rejected: {reject}");
    }
}
