using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>A folder with an inbox in which a test runs <c>dynamo</c>.</summary>
internal sealed class DynamoFolder : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public DynamoFolder() => Directory.CreateDirectory(this["inbox"]);

    public string Path => _folder.Path;

    public string this[string relative] => _folder[relative];

    /// <summary>A file that is old enough to be imported at once.</summary>
    public void Put(string name, params string[] rows) =>
        PutText(name, string.Join('\n', ["logger,channel,timestamp,value", .. rows]) + "\n");

    public void PutText(string name, string text)
    {
        string path = this[System.IO.Path.Join("inbox", name)];
        File.WriteAllText(path, text);
        File.SetLastWriteTimeUtc(path, new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    public Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        DynamoProcess.RunAsync(arguments, Path, null, token);

    public Task<DynamoResult> RunAsync(
        IReadOnlyDictionary<string, string?> environment, CancellationToken token, params string[] arguments) =>
        DynamoProcess.RunAsync(arguments, Path, environment, token);

    /// <summary>Imports the inbox and returns the JSON.</summary>
    public async Task<JsonElement> ImportAsync(CancellationToken token, params string[] more) =>
        Json(await RunAsync(token, ["run", "--source", "inbox", "--sink", "sqlite:readings.db", "--json", .. more]));

    /// <summary>The one object on stdout; anything else there fails the test.</summary>
    public static JsonElement Json(DynamoResult result)
    {
        using JsonDocument json = JsonDocument.Parse(result.StandardOutput);
        return json.RootElement.Clone();
    }

    public void Dispose() => _folder.Dispose();
}
