namespace Dynamo.Pipeline;

/// <summary>The number of a staged row: the place of its file in the batch, and its own in the file, so that neither needs a column of its own on the wire.</summary>
internal static class StagedPlace
{
    private const int RowBits = 40;

    public static long Of(int file, long row) => ((long)file << RowBits) + row;

    public static int FileOf(long place) => (int)(place >> RowBits);

    public static long RowOf(long place) => place & ((1L << RowBits) - 1);

    /// <summary>The file's place, of a number in this column.</summary>
    public static string FileSql(string column) => FormattableString.Invariant($"CAST({column} / CAST({1L << RowBits} AS bigint) AS int)");
}
