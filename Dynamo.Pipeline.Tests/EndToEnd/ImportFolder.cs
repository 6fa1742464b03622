using System.Text;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>An inbox and a database, and the pipeline between them as the host builds it.</summary>
internal sealed class ImportFolder : IDisposable
{
    public const string Header = "logger,channel,timestamp,value\n";
    private static readonly DateTime s_old = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private readonly ScratchFolder _folder = new();
    private int _seconds;

    public ImportFolder() => Directory.CreateDirectory(this["inbox"]);

    public FolderSourceOptions Folder { get; init; } = new();

    public SqliteSinkOptions Sink { get; init; } = new();

    public PipelineOptions Options { get; init; } = new();

    public string Inbox => this["inbox"];

    public string Database => this["readings.db"];

    public string this[string relative] => _folder[relative];

    /// <summary>A file old enough to be imported at once, younger than all put before.</summary>
    public string Put(string name, byte[] bytes)
    {
        string path = Path.Join(Inbox, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, s_old.AddSeconds(_seconds++));
        return path;
    }

    public string Put(string name, string text) => Put(name, Encoding.UTF8.GetBytes(text));

    public string PutRows(string name, params string[] rows) => Put(name, Header + string.Join('\n', rows) + '\n');

    public async Task<PipelineResult> RunAsync(CancellationToken token, Func<IFileSource, IFileSource>? wrap = null)
    {
        await using var folder = new FolderSource(Inbox, Folder);
        await using var sink = new SqliteSink<Reading>(Database, ReadingTable.Default, Sink);
        PipelineResult result = await FilePipeline.From(wrap is null ? folder : wrap(folder)).Read(
            new CsvFormat<Reading>(ReadingFormat.Default))
            .WriteTo(sink, Options).RunAsync(null, token);
        result.Books.Check();
        return result;
    }

    public string[] Query(string sql) => Sql.Rows(Database, sql);

    /// <summary>The text in the <c>.reason.json</c> of a quarantined file.</summary>
    public JsonElement Reason(string name)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Join(Inbox, "quarantine", name + ".reason.json")));
        return json.RootElement.Clone();
    }

    public void Dispose() => _folder.Dispose();
}
