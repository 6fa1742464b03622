using System.Globalization;
using System.Text.Json;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// What dispatcher and workers write to each other: JSON with a version. Whoever reaches the broker can write such messages, so all of them
/// are checked when they are read.
/// </summary>
internal static class QueueMessage
{
    public const int Version = 1;

    /// <summary>No message of ours is larger: 5,000 files with long paths.</summary>
    public const int MostBytes = 32 << 20;

    public static ReadOnlyMemory<byte> Of(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("v", Version);
            members(json);
            json.WriteEndObject();
        }
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    /// <summary>Reads a message.</summary>
    /// <exception cref="FormatException">It is none of ours.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> body, Func<JsonElement, T> read)
    {
        try
        {
            if (body.Length > MostBytes) throw new FormatException($"the message has {body.Length:N0} bytes");
            using JsonDocument json = JsonDocument.Parse(body);
            int version = json.RootElement.GetProperty("v").GetInt32();
            if (version != Version) throw new FormatException($"the message is of version {version}, and this program reads {Version}");
            return read(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException
            or IndexOutOfRangeException or OverflowException)
        {
            throw new FormatException($"the message cannot be read: {error.Message}", error);
        }
    }

    /// <summary>A text that is there and not too long.</summary>
    public static string Text(JsonElement from, string name, int most = 1000) =>
        from.GetProperty(name).GetString() is { } text && text.Length <= most ? text : throw new FormatException($"{name} is no text");

    public static long Number(JsonElement from, string name) => from.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : 0;
}

/// <summary>Files that are handed out.</summary>
/// <param name="Id">Its name, which a report repeats.</param>
/// <param name="RunId">The run of the dispatcher.</param>
/// <param name="Source">The name of the source.</param>
/// <param name="Files">The files as they were listed.</param>
/// <param name="IsAgain">Whether it was handed out before, and may have been imported.</param>
internal sealed record ChunkMessage(string Id, long RunId, string Source, IReadOnlyList<SourceFile> Files, bool IsAgain)
{
    private const int LongestPath = 4_096;

    public ReadOnlyMemory<byte> ToBytes() => QueueMessage.Of(json =>
    {
        json.WriteString("id", Id);
        json.WriteNumber("run", RunId);
        json.WriteString("source", Source);
        if (IsAgain) json.WriteBoolean("again", true);
        json.WriteStartArray("files");
        foreach (SourceFile file in Files)
        {
            json.WriteStartArray();
            json.WriteStringValue(file.Path);
            json.WriteNumberValue(file.Size);
            json.WriteNumberValue(file.ModifiedUtc.Ticks);
            if (file.HasNewContent) json.WriteNumberValue(1);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    });

    /// <exception cref="FormatException">It is no such message, or names a file outside of the source.</exception>
    public static ChunkMessage Of(ReadOnlyMemory<byte> body) => QueueMessage.Read(body, json => new ChunkMessage(
        QueueMessage.Text(json, "id"),
        QueueMessage.Number(json, "run") is > 0 and var run ? run : throw new FormatException("run is no number of a run"),
        QueueMessage.Text(json, "source"),
        [.. json.GetProperty("files").EnumerateArray().Select(File)],
        json.TryGetProperty("again", out JsonElement again) && again.GetBoolean()));

    private static SourceFile File(JsonElement json)
    {
        string path = json[0].GetString() ?? throw new FormatException("a file has no path");
        long size = json[1].GetInt64(), ticks = json[2].GetInt64();
        bool isBelow = path.Length is > 0 and <= LongestPath && !path.Contains('\0', StringComparison.Ordinal)
            && !(OperatingSystem.IsWindows()
                && (path.Contains('\\', StringComparison.Ordinal) || path.Contains(':', StringComparison.Ordinal)))
            && path.Split('/').All(part => part is not ("" or "." or ".."));
        if (!isBelow || size < 0 || ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            throw new FormatException($"it names a file that no source lists: {Shown.Name(path)}");
        return new SourceFile(path, size, new DateTime(ticks, DateTimeKind.Utc)) { HasNewContent = json.GetArrayLength() > 3 };
    }
}

internal enum ReportKind
{
    /// <summary>A worker is there.</summary>
    Alive,

    /// <summary>A worker begins with a file that it imports alone.</summary>
    Begins,

    /// <summary>A chunk is imported.</summary>
    Imported,

    /// <summary>A chunk ended the import of its worker, which begins anew.</summary>
    Failed,
}

/// <summary>What a worker tells the dispatcher.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Worker">The worker.</param>
internal sealed record WorkerReport(ReportKind Kind, WorkerId Worker)
{
    /// <summary>The chunk; empty for a sign of life.</summary>
    public string Chunk { get; init; } = "";

    /// <summary>What became of the files of the chunk.</summary>
    public IReadOnlyList<FileResult> Results { get; init; } = [];

    /// <summary>What is wrong, of a chunk that failed, or of a worker in an outage.</summary>
    public string? Reason { get; init; }

    /// <summary>All chunks that the worker has, begun or not.</summary>
    public IReadOnlyList<string> Held { get; init; } = [];

    public long Files { get; init; }

    public long Rows { get; init; }

    /// <summary>How many chunks came to it that had been handed out before.</summary>
    public long Redelivered { get; init; }

    public ReadOnlyMemory<byte> ToBytes() => QueueMessage.Of(json =>
    {
        json.WriteNumber("kind", (int)Kind);
        json.WriteString("host", Worker.Host);
        json.WriteNumber("process", Worker.Process);
        json.WriteNumber("started", Worker.Started);
        json.WriteString("version", Worker.Version);
        if (Chunk.Length > 0) json.WriteString("chunk", Chunk);
        JsonText.Optional(json, "reason", Reason);
        if (Held.Count > 0) JsonText.List(json, "held", Held);
        Count(json, "files", Files);
        Count(json, "rows", Rows);
        Count(json, "redelivered", Redelivered);
        if (Results.Count == 0) return;
        json.WriteStartArray("results");
        foreach (FileResult result in Results) Write(json, result);
        json.WriteEndArray();
    });

    /// <exception cref="FormatException">It is no such message.</exception>
    public static WorkerReport Of(ReadOnlyMemory<byte> body) => QueueMessage.Read(body, json => new WorkerReport(
        (ReportKind)json.GetProperty("kind").GetInt32(),
        new WorkerId(
            QueueMessage.Text(json, "host"), json.GetProperty("process").GetInt32(), json.GetProperty("started").GetInt64(),
            QueueMessage.Text(json, "version")))
    {
        Chunk = json.TryGetProperty("chunk", out _) ? QueueMessage.Text(json, "chunk") : "",
        Reason = json.TryGetProperty("reason", out _) ? QueueMessage.Text(json, "reason", 10_000) : null,
        Held = json.TryGetProperty("held", out JsonElement held) ? [.. held.EnumerateArray().Select(id => id.GetString() ?? "")] : [],
        Files = QueueMessage.Number(json, "files"),
        Rows = QueueMessage.Number(json, "rows"),
        Redelivered = QueueMessage.Number(json, "redelivered"),
        Results = json.TryGetProperty("results", out JsonElement results) ? [.. results.EnumerateArray().Select(Result)] : [],
    });

    private static void Write(Utf8JsonWriter json, FileResult result)
    {
        json.WriteStartObject();
        json.WriteString("path", result.File.Path);
        json.WriteNumber("size", result.File.Size);
        json.WriteNumber("modified", result.File.ModifiedUtc.Ticks);
        json.WriteNumber("outcome", (int)result.Outcome);
        Count(json, "inserted", result.Inserted);
        Count(json, "updated", result.Updated);
        Count(json, "unchanged", result.Unchanged);
        Count(json, "rejected", result.Rejected);
        Count(json, "collided", result.Collided);
        Count(json, "skipped", result.Skipped);
        Count(json, "flagged", result.Flagged);
        if (result.ImportedUtc is { } imported) json.WriteNumber("imported", imported.Ticks);
        if (result.Defect is { } defect) json.WriteString("defect", DefectJson.Write(defect));
        Defects(json, "rejects", result.Rejects);
        Defects(json, "flags", result.Flags);
        json.WriteEndObject();
    }

    private static FileResult Result(JsonElement json)
    {
        var outcome = (FileOutcome)json.GetProperty("outcome").GetInt32();
        if (!Enum.IsDefined(outcome)) throw new FormatException("a result has no known outcome");
        var file = new SourceFile(
            QueueMessage.Text(json, "path", 10_000), json.GetProperty("size").GetInt64(),
            new DateTime(json.GetProperty("modified").GetInt64(), DateTimeKind.Utc));
        return new FileResult(file, outcome)
        {
            Inserted = QueueMessage.Number(json, "inserted"),
            Updated = QueueMessage.Number(json, "updated"),
            Unchanged = QueueMessage.Number(json, "unchanged"),
            Rejected = QueueMessage.Number(json, "rejected"),
            Collided = QueueMessage.Number(json, "collided"),
            Skipped = QueueMessage.Number(json, "skipped"),
            Flagged = QueueMessage.Number(json, "flagged"),
            ImportedUtc = QueueMessage.Number(json, "imported") is > 0 and var ticks ? new DateTime(ticks, DateTimeKind.Utc) : null,
            Defect = json.TryGetProperty("defect", out JsonElement defect) ? DefectJson.Read(defect.GetString() ?? "") : null,
            Rejects = Defects(json, "rejects"),
            Flags = Defects(json, "flags"),
        };
    }

    private static void Defects(Utf8JsonWriter json, string name, IReadOnlyList<Defect> defects)
    {
        if (defects.Count > 0) JsonText.List(json, name, defects.Select(DefectJson.Write));
    }

    private static Defect[] Defects(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement defects)
            ? [.. defects.EnumerateArray().Select(one => DefectJson.Read(one.GetString() ?? ""))] : [];

    private static void Count(Utf8JsonWriter json, string name, long count)
    {
        if (count != 0) json.WriteNumber(name, count);
    }
}

/// <summary>A worker's process. One that was started again is another one.</summary>
/// <param name="Host">The name of the machine.</param>
/// <param name="Process">The number of the process.</param>
/// <param name="Started">When it began, in ticks.</param>
/// <param name="Version">The version of the program.</param>
internal sealed record WorkerId(string Host, int Process, long Started, string Version)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Shown.Name(Host)}, process {Process}");
}
