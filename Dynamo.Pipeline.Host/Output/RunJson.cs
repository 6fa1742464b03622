using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>The JSON of <c>dynamo run --json</c>. Members may be added, but none is renamed or removed.</summary>
internal static class RunJson
{
    public static string Of(RunReport report, PipelineResult result, ExitCode code, string? error) =>
        JsonText.Of(json => Write(json, report, result, code, error));

    /// <summary>The members of one source.</summary>
    public static void Write(Utf8JsonWriter json, RunReport report, PipelineResult result, ExitCode code, string? error)
    {
        json.WriteString("outcome", error is not null ? "failed" : result.WasCancelled ? "cancelled" : "completed");
        json.WriteNumber("exitCode", (int)code);
        JsonText.Optional(json, "error", error is null ? null : Secret.Free(error));
        json.WriteBoolean("dryRun", report.IsDryRun);
        json.WriteString("source", report.SourceName);
        json.WriteString("sink", report.SinkName);
        Books(json, result.Books);
        if (report.InQuarantine is { } inQuarantine) json.WriteNumber("inQuarantine", inQuarantine);
        json.WriteNumber("retries", result.Retries);
        JsonText.Optional(json, "lastRetry", result.LastRetry is { } why ? Secret.Free(why) : null);
        json.WriteNumber("bytes", result.Books.Bytes);
        json.WriteNumber("elapsedSeconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        Notable(json, result.Notable);
        if (report.Bursts.Count > 0) EventText.Write(json, "events", report.Bursts);
    }

    /// <summary>The counts, in the members <c>files</c> and <c>rows</c>.</summary>
    public static void Books(Utf8JsonWriter json, RunBooks books)
    {
        Files(json, books);
        Rows(json, books);
    }

    private static void Files(Utf8JsonWriter json, RunBooks books)
    {
        json.WriteStartObject("files");
        json.WriteNumber("listed", books.Listed);
        json.WriteNumber("loaded", books.Loaded);
        json.WriteNumber("alreadyLoaded", books.AlreadyLoaded);
        json.WriteNumber("alreadyQuarantined", books.AlreadyQuarantined); // Counted in alreadyLoaded.
        json.WriteNumber("quarantined", books.Quarantined);
        json.WriteNumber("deferred", books.Deferred);
        json.WriteEndObject();
    }

    private static void Rows(Utf8JsonWriter json, RunBooks books)
    {
        json.WriteStartObject("rows");
        json.WriteNumber("read", books.RowsRead);
        json.WriteNumber("inserted", books.RowsInserted);
        json.WriteNumber("updated", books.RowsUpdated);
        json.WriteNumber("unchanged", books.RowsUnchanged);
        json.WriteNumber("rejected", books.RowsRejected);
        json.WriteNumber("skipped", books.RowsSkipped); // Readings without a value. They are not counted in read.
        json.WriteNumber("flagged", books.RowsFlagged); // Loaded, but doubtful. They are counted above as well.
        json.WriteNumber("collided", books.RowsCollided); // With the key of an earlier row of their file. Counted above as well.
        json.WriteEndObject();
    }

    public static void Notable(Utf8JsonWriter json, IReadOnlyList<FileResult> files)
    {
        json.WriteStartArray("notable");
        foreach (FileResult file in files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.File.Path);
            json.WriteString("outcome", file.Outcome switch
            {
                FileOutcome.Quarantined => "quarantined",
                FileOutcome.Deferred => "deferred",
                _ => "loaded",
            });
            json.WriteNumber("rejected", file.Rejected);
            JsonText.Defect(json, file.Defect);
            if (file.Collided > 0) json.WriteNumber("collided", file.Collided);
            if (file.Flagged > 0) json.WriteNumber("flagged", file.Flagged);
            Defects(json, "rejects", file.Rejects);
            Defects(json, "flags", file.Flags);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Defects(Utf8JsonWriter json, string name, IReadOnlyList<Defect> defects)
    {
        if (defects.Count == 0) return;
        json.WriteStartArray(name);
        foreach (Defect defect in defects)
        {
            json.WriteStartObject();
            JsonText.Defect(json, defect);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
