using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>The result of a sweep as settings, and as the JSON object of <c>--json</c>.</summary>
internal static class TuneJson
{
    /// <summary>The advice, for <c>dynamo run --settings</c>.</summary>
    public static string Settings(TuningResult result) => JsonText.ForFile(json => WriteSettings(json, result));

    public static string Of(TuningResult result, TuneFolder folder, ExitCode code) => JsonText.Of(json =>
    {
        json.WriteString("outcome", result.WasCancelled ? "cancelled" : "completed");
        json.WriteNumber("exitCode", (int)code);
        json.WriteNumber("files", result.Files.Files);
        json.WriteNumber("badFiles", result.BadFiles);
        json.WriteNumber("deferred", result.Files.Deferred);
        json.WriteNumber("measurements", result.Samples.Count);
        if (result.Read is not { } read) return;
        json.WriteString("advice", result.Advice!.Value.Kind switch
        {
            TuningAdviceKind.TooFew => "tooFew",
            TuningAdviceKind.Leave => "leave",
            _ => "set",
        });
        json.WriteString("report", folder.Report);
        json.WriteStartObject("settings");
        WriteSettings(json, result);
        json.WriteEndObject();
        if (result.FilesPerSecond is { } rate) json.WriteNumber("filesPerSecond", Math.Round(rate));
        if (result.Loggers is { } loggers) json.WriteNumber("loggers", Math.Floor(loggers));
        WriteCell(json, "best", read.Best);
        WriteCell(json, "recommended", read.Recommended);
        WriteCell(json, "worst", read.Worst);
        json.WriteStartArray("cells");
        foreach (TuningVerdict cell in read.Cells.Concat(result.Whole?.Cells ?? [])) WriteCell(json, null, cell);
        json.WriteEndArray();
    });

    private static void WriteSettings(Utf8JsonWriter json, TuningResult result)
    {
        if (result.Advice?.Cell is not { } cell) return;
        if (cell.Readers is { } readers) json.WriteNumber("readers", readers);
        else json.WriteString("readers", cell.ReadersText);
        json.WriteNumber("chunk", cell.FilesPerMessage);
        if (result.Whole is not { Cells.Count: > 1 } whole) return;
        json.WriteNumber("batchRows", whole.Recommended.Cell.BatchRows);
        json.WriteNumber("writers", whole.Recommended.Cell.Writers);
    }

    private static void WriteCell(Utf8JsonWriter json, string? name, TuningVerdict cell)
    {
        if (name is null) json.WriteStartObject();
        else json.WriteStartObject(name);
        json.WriteString("stage", cell.Cell.Stage == TuningStage.Read ? "read" : "whole");
        json.WriteString("readers", cell.Cell.ReadersText);
        json.WriteNumber("chunk", cell.Cell.FilesPerMessage);
        json.WriteNumber("batchRows", cell.Cell.BatchRows);
        json.WriteNumber("writers", cell.Cell.Writers);
        json.WriteNumber("measurements", cell.Seconds.Count);
        json.WriteNumber("meanSeconds", Math.Round(cell.Seconds.Mean, 6));
        json.WriteNumber("medianSeconds", Math.Round(cell.Seconds.Median, 6));
        json.WriteNumber("standardDeviation", Math.Round(cell.Seconds.StandardDeviation, 6));
        json.WriteBoolean("likeBest", cell.IsLikeBest);
        json.WriteEndObject();
    }
}
