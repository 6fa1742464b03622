using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// Writes and reads a defect as JSON, for the reason in the ledger. The serializer is generated at compile time,
/// so that it starts fast and works in a trimmed program. Thread-safe.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Defect))]
internal sealed partial class DefectJson : JsonSerializerContext
{
    public static string Write(Defect defect) => JsonSerializer.Serialize(defect, Default.Defect);

    /// <summary>Reads a defect that <see cref="Write"/> wrote. A text that is not JSON becomes the problem of the defect.</summary>
    public static Defect Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, Default.Defect) ?? new Defect(json);
        }
        catch (JsonException)
        {
            return new Defect(json);
        }
    }
}
