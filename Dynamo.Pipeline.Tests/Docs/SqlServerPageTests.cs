namespace Dynamo.Pipeline.Tests;

/// <summary>The code of the pages about SQL Server.</summary>
internal sealed class SqlServerPageTests
{
    [Test, CancelAfter(60_000)]
    public async Task A_folder_goes_into_SQL_Server(CancellationToken token)
    {
        using var folder = new DynamoFolder();
        folder.Put("a.csv", "L1,flow,2025-01-01T00:00:00Z,1.5");
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        string connectionString = database.ConnectionString;

        await using var sink = new SqlServerSink<Reading>(connectionString, ReadingTable.Default);
        PipelineResult result = await FilePipeline.From(new FolderSource(folder["inbox"])).Read(
            new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync(cancellationToken: token);

        Assert.That(result.Books.RowsInserted, Is.EqualTo(1));
    }
}
