namespace Dynamo.Pipeline.SqlServer;

/// <summary>
/// The numbers of files in the ledger. A batch takes as many as it has files, before its transaction and in a statement that commits by
/// itself: so nobody waits until a batch is written, and the numbers of a batch that is not written are lost. A file that was imported
/// before and is imported again keeps its number.
/// </summary>
internal static class SqlServerFileNumbers
{
    /// <param name="db">The database.</param>
    /// <param name="writing">The batch. Its files have their numbers then.</param>
    /// <param name="before">Statements to send together with it.</param>
    public static async Task TakeAsync<TRow>(SqlServerDb db, SqlServerWriting<TRow> writing, string? before = null)
    {
        string table = SqlServerText.Quote(db.Options.Schema, db.Options.SchemaTable);
        string sql = FormattableString.Invariant(
            $"{before}\nUPDATE {table} SET LastFileId = LastFileId + {writing.Ordered.Length} OUTPUT inserted.LastFileId");
        List<int> last = await db.QueryAsync(
            writing.Connection, null, sql, row => row.GetInt32(0), writing.Cancellation).ConfigureAwait(false);
        if (last.Count != 1)
            throw new SinkException(
                $"The table {table} of {db.Name} has {last.Count} rows, expected one. If it is empty, the next run puts it right.");
        writing.FirstFileId = last[0] - writing.Ordered.Length + 1;
    }
}
