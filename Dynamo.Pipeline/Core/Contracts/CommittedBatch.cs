namespace Dynamo.Pipeline;

/// <summary>A batch whose transaction is committed and whose files are settled at the source: what blocks linked after commit receive.</summary>
/// <typeparam name="TRow">The row.</typeparam>
/// <param name="Files">The files with their rows. A streamed file has none any more: read them from the sink.</param>
/// <param name="Results">What became of each file, in step with <paramref name="Files"/>. Rows of a file that is not <see cref="FileOutcome.Loaded"/> are not in the sink.</param>
public sealed record CommittedBatch<TRow>(IReadOnlyList<FileRows<TRow>> Files, IReadOnlyList<FileResult> Results);
