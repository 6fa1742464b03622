namespace Dynamo.Pipeline;

/// <summary>A row on its way into the database.</summary>
/// <param name="Work">Its file.</param>
/// <param name="Row">The row.</param>
/// <param name="Line">Its line in the file.</param>
/// <param name="Ordinal">Its number among the rows of its file.</param>
internal readonly record struct PendingRow<TRow>(FileWork<TRow> Work, TRow Row, long Line, long Ordinal);
