using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dynamo.Pipeline.Ledger;

/// <summary>A defect as JSON: the ledger's reason, and what a <c>.reason.json</c> is made of. Generated, so that it starts fast and survives trimming.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Defect))]
internal sealed partial class DefectJson : JsonSerializerContext
{
    public static string Write(Defect defect) => JsonSerializer.Serialize(defect, Default.Defect);

    /// <summary>Reads what <see cref="Write"/> wrote; a text that somebody else put there becomes the problem itself.</summary>
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
