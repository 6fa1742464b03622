using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>The bulk copy's source, through the real SqlBulkCopy.</summary>
public sealed class StagedRowReaderTests
{
    private sealed record Sample(
        string Name, long Number, double Value, DateTime At, string? Note, long? Count, double? Level, DateTime? Seen);

    private static readonly RowMap<Sample> s_map = RowMap<Sample>.Table("Sample").Key("Name", s => s.Name).Column("Number", s => s.Number)
        .Column("Value", s => s.Value)
        .Column("At", s => s.At).Column("Note", s => s.Note).Column("Count", s => s.Count).Column("Level", s => s.Level)
            .Column("Seen", s => s.Seen);

    private static StagedPiece<Sample> Piece(int file, long before, params Sample[] rows)
    {
        var batch = new RowBatch<Sample>();
        for (int i = 0; i < rows.Length; i++) batch.Add(rows[i], i + 2);
        return new(file, batch, before);
    }

    [Test, CancelAfter(60_000)]
    public async Task Rows_of_all_portions_arrive_with_their_file_line_and_place(CancellationToken cancellationToken)
    {
        await using var endpoint = new TdsEndpoint();
        await using var connection = new SqlConnection(endpoint.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await connection.ExecuteAsync("""
            CREATE TABLE #Stage (Name nvarchar(64) NOT NULL, Number bigint NOT NULL, Value float NOT NULL, [At] datetime2(7) NOT NULL,
                Note nvarchar(max) NULL, [Count] bigint NULL,
                Level float NULL, Seen datetime2(7) NULL, StagedSequence bigint NOT NULL, StagedLine bigint NOT NULL,
                    StagedFile int NOT NULL)
            """);
        var noon = new DateTime(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
        Sample full = new("flöw 😀", long.MaxValue, -1e300, noon.AddTicks(7), new string('n', 10_000), 5, 0.1, noon);
        Sample sparse = new("b", -1, 0, noon, null, null, null, null);
        using var reader = new StagedRowReader<Sample>(
            s_map.Columns, [Piece(0, 0, full, sparse), Piece(1, 0), Piece(2, 0, sparse), Piece(2, 1, full)], (_, _, _) => true);
        using var copy = new SqlBulkCopy(connection) { DestinationTableName = "#Stage" };
        copy.WriteToServer(reader);

        var stored = await connection.QueryAsync<(string, long, double, DateTime, string?, long?, double?)>(
            "SELECT Name, Number, Value, [At], Note, [Count], Level FROM #Stage ORDER BY StagedSequence");
        Assert.That(
            stored,
            Is.EqualTo(new[] { full, sparse, sparse, full }.Select(s => (s.Name, s.Number, s.Value, s.At, s.Note, s.Count, s.Level))));
        var places = await connection.QueryAsync<(int, long, long, DateTime?)>(
            "SELECT StagedFile, StagedLine, StagedSequence, Seen FROM #Stage ORDER BY StagedSequence");
        Assert.That(places, Is.EqualTo(new (int, long, long, DateTime?)[]
        {
            (0, 2, StagedPlace.Of(0, 0),
                noon), (0, 3, StagedPlace.Of(0, 1), null), (2, 2, StagedPlace.Of(2, 0), null), (2, 2, StagedPlace.Of(2, 1), noon),
        }));
        Assert.That((StagedPlace.FileOf(StagedPlace.Of(4_000, 7)), StagedPlace.RowOf(StagedPlace.Of(4_000, 7))), Is.EqualTo((4_000, 7)));
        Assert.That(reader.RowsRead, Is.EqualTo(4));
    }
}
