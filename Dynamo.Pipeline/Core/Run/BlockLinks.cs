using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>Passes completion and faults on between blocks that send messages by <c>SendAsync</c> and have no link.</summary>
internal static class BlockLinks
{
    public static void CompletesInto(this IDataflowBlock from, IDataflowBlock into) => CompleteInto([from], into);

    /// <summary>
    /// Completes <paramref name="into"/> when all blocks of
    /// <paramref name="from"/> have completed; faults it when one of them failed.
    /// </summary>
    public static void CompleteInto(this IEnumerable<IDataflowBlock> from, IDataflowBlock into) =>
        Task.WhenAll(from.Select(block => block.Completion)).ContinueWith(
            done =>
            {
                if (done.IsFaulted) into.Fault(done.Exception);
                else into.Complete();
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
