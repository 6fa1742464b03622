using System.Text.Encodings.Web;
using System.Text.Json;
using Dynamo.Pipeline.Files;

namespace Dynamo.Pipeline.Ledger;

/// <summary>The <c>.reason.json</c> file beside a quarantined file, which tells why that file is in quarantine. Immutable.</summary>
internal sealed record ReasonFile(string FileName, string Source, SourceFile File, DateTime QuarantinedUtc, Defect Defect)
{
    public const string Ending = ".reason.json";
    internal const long LongestRead = 1024 * 1024;

    // The file is for people and programs, not for web pages. So names and values are not escaped for HTML.
    private static readonly JsonWriterOptions Layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The path of the reason for a quarantined file.</summary>
    public static string For(string quarantined) => FileNames.Append(quarantined, Ending);

    /// <summary>Whether it is the reason for this version of a file.</summary>
    public bool IsAbout(SourceFile file) => File.Path == file.Path && File.Size == file.Size && File.ModifiedUtc == file.ModifiedUtc;

    /// <summary>
    /// Whether a file at this path below the quarantine can be the one that the reason tells of. A file keeps its path there, and gets its
    /// time into its name if that is taken. Anything else was not written by us, and is not a way back.
    /// </summary>
    public bool BelongsTo(string quarantined)
    {
        if (FileNames.FolderOf(quarantined) != FileNames.FolderOf(File.Path)) return false;
        string name = FileNames.NameOf(quarantined), own = FileNames.NameOf(File.Path);
        return name == own || FileNames.IsWithTime(name, own, File.ModifiedUtc);
    }

    /// <summary>The content of the reason file, as JSON in UTF-8.</summary>
    public byte[] ToBytes()
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, Layout))
            Write(json);
        return text.ToArray();
    }

    /// <summary>Reads the content of a reason file. Returns <see langword="null"/> if it is damaged.</summary>
    public static ReasonFile? TryParse(ReadOnlyMemory<byte> text)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            return Read(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("file", FileName);
        json.WriteString("source", Source);
        json.WriteString("path", File.Path);
        json.WriteNumber("size", File.Size);
        json.WriteString("modified", File.ModifiedUtc);
        json.WriteString("quarantinedAt", QuarantinedUtc);
        json.WriteString("problem", Defect.Problem);
        if (Defect.Line is { } line) json.WriteNumber("line", line);
        WriteIfThere(json, "column", Defect.Column);
        WriteIfThere(json, "found", Defect.Found);
        WriteIfThere(json, "expected", Defect.Expected);
        WriteIfThere(json, "remedy", Defect.Remedy);
        WriteIfThere(json, "row", Defect.RawText);
        json.WriteString("text", Defect.ToString());
        json.WriteEndObject();
    }

    private static void WriteIfThere(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null) json.WriteString(name, value);
    }

    private static ReasonFile? Read(JsonElement json)
    {
        string? fileName = Text(json, "file"), path = Text(json, "path"), source = Text(json, "source"), problem = Text(json, "problem");
        if (fileName is null || path is null || source is null || problem is null) return null;
        if (!FileNames.IsBelow(path) || !FileNames.IsBelow(fileName) || fileName.Contains('/')) return null;
        var file = new SourceFile(path, json.GetProperty("size").GetInt64(), json.GetProperty("modified").GetDateTime().ToUniversalTime());
        return new ReasonFile(fileName, source, file, json.GetProperty("quarantinedAt").GetDateTime().ToUniversalTime(),
            new Defect(problem)
            {
                Line = json.TryGetProperty("line", out JsonElement line) ? line.GetInt64() : null,
                Column = Text(json, "column"),
                Found = Text(json, "found"),
                Expected = Text(json, "expected"),
                Remedy = Text(json, "remedy"),
                RawText = Text(json, "row"),
            });
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
}
