using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>Passes completion on between blocks that send messages by <c>SendAsync</c> and have no link.</summary>
internal static class BlockLinks
{
    /// <summary>Completes a block when another one has completed; faults it, and drops what it has, when the other one failed.</summary>
    public static void CompletesInto(this IDataflowBlock from, IDataflowBlock into) => from.Completion.ContinueWith(
        done =>
        {
            if (done.IsFaulted) into.Fault(done.Exception);
            else into.Complete();
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    public static void EndsInto(this IDataflowBlock from, IDataflowBlock into) => EndInto([from], into);

    /// <summary>
    /// Completes <paramref name="into"/> when all blocks of <paramref name="from"/> have ended, also when one of them failed: what it has
    /// is committed.
    /// </summary>
    public static void EndInto(this IEnumerable<IDataflowBlock> from, IDataflowBlock into) =>
        Task.WhenAll(from.Select(block => block.Completion)).ContinueWith(
            _ => into.Complete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
