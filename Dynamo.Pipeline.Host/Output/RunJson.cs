using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>The JSON of <c>dynamo run --json</c>. Members are only ever added.</summary>
internal static class RunJson
{
    public static string Of(RunReport report, PipelineResult result, ExitCode code, string? error) => JsonText.Of(json =>
    {
        json.WriteString("outcome", error is not null ? "failed" : result.WasCancelled ? "cancelled" : "completed");
        json.WriteNumber("exitCode", (int)code);
        JsonText.Optional(json, "error", error is null ? null : Secret.Free(error));
        json.WriteBoolean("dryRun", report.IsDryRun);
        json.WriteString("source", report.SourceName);
        json.WriteString("sink", "sqlite:" + report.Database);
        Files(json, result.Books);
        Rows(json, result.Books);
        json.WriteNumber("bytes", result.Books.Bytes);
        json.WriteNumber("elapsedSeconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        Notable(json, result.Notable);
    });

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
        json.WriteEndObject();
    }

    private static void Notable(Utf8JsonWriter json, IReadOnlyList<FileResult> files)
    {
        json.WriteStartArray("notable");
        foreach (FileResult file in files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.File.Path);
            json.WriteString("outcome", file.Outcome switch { FileOutcome.Quarantined => "quarantined", FileOutcome.Deferred => "deferred", _ => "loaded" });
            json.WriteNumber("rejected", file.Rejected);
            JsonText.Defect(json, file.Defect);
            if (file.Rejects.Count > 0) Rejects(json, file.Rejects);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Rejects(Utf8JsonWriter json, IReadOnlyList<Defect> rejects)
    {
        json.WriteStartArray("rejects");
        foreach (Defect defect in rejects)
        {
            json.WriteStartObject();
            JsonText.Defect(json, defect);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
