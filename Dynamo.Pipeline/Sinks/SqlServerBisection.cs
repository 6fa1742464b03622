using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline;

/// <summary>
/// Finds the rows that the server refuses: it tells which constraint, but not which row. The rows are staged already, so each probe is one merge that is undone. A stretch that
/// fails is halved; two halves that pass alone and fail together have a row that meets one of the other half, which the shortest failing beginning ends with.
/// </summary>
internal sealed class SqlServerBisection<TRow>(SqlServerMerge<TRow> merge, SqlServerWriting<TRow> writing)
{
    private readonly Dictionary<int, int> _foundBy = [];

    /// <summary>The places of the refused rows, with the refusal.</summary>
    public Dictionary<long, SqlException> Found { get; } = [];

    /// <param name="rows">The places of all staged rows, in order.</param>
    /// <param name="error">Why they are refused as a whole.</param>
    public async Task SearchAsync(IReadOnlyList<long> rows, SqlException error)
    {
        if (rows.Count == 0 || IsLost(rows)) return;
        if (rows.Count == 1)
        {
            Add(rows[0], error);
            return;
        }
        int half = rows.Count / 2;
        var left = rows.Take(half).ToArray();
        var right = rows.Skip(half).ToArray();
        SqlException? leftError = await TryAsync(left).ConfigureAwait(false);
        if (leftError is not null) await SearchAsync(left, leftError).ConfigureAwait(false);
        SqlException? rightError = IsLost(right) ? null : await TryAsync(right).ConfigureAwait(false);
        if (rightError is not null) await SearchAsync(right, rightError).ConfigureAwait(false);
        if (leftError is null && rightError is null && !IsLost(right)) await SearchTogetherAsync(rows, half, error).ConfigureAwait(false);
    }

    private async Task SearchTogetherAsync(IReadOnlyList<long> rows, int passes, SqlException error)
    {
        int least = passes, most = rows.Count - 1;
        while (least < most)
        {
            int middle = (least + most) / 2;
            SqlException? refused = await merge.TryAsync(writing, rows[0], rows[middle]).ConfigureAwait(false);
            if (refused is null) least = middle + 1;
            else (most, error) = (middle, refused);
        }
        Add(rows[most], error);
    }

    private Task<SqlException?> TryAsync(long[] rows) => merge.TryAsync(writing, rows[0], rows[^1]);

    /// <summary>A file with more refused rows than it may have is lost anyhow.</summary>
    private bool IsLost(IReadOnlyList<long> rows) =>
        StagedPlace.FileOf(rows[0]) == StagedPlace.FileOf(rows[^1]) && _foundBy.GetValueOrDefault(StagedPlace.FileOf(rows[0])) > writing.MaxBadRows;

    private void Add(long row, SqlException error)
    {
        Found[row] = error;
        _foundBy[StagedPlace.FileOf(row)] = _foundBy.GetValueOrDefault(StagedPlace.FileOf(row)) + 1;
    }
}
