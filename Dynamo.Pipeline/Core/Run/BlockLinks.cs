using System.Threading.Tasks.Dataflow;

namespace Dynamo.Pipeline.Run;

/// <summary>Completion between blocks that pass messages by <c>SendAsync</c> instead of a link.</summary>
internal static class BlockLinks
{
    public static void CompletesInto(this IDataflowBlock from, IDataflowBlock into) => CompleteInto([from], into);

    /// <summary>When all of them have completed.</summary>
    public static void CompleteInto(this IEnumerable<IDataflowBlock> from, IDataflowBlock into) =>
        Task.WhenAll(from.Select(block => block.Completion)).ContinueWith(
            done =>
            {
                if (done.IsFaulted) into.Fault(done.Exception);
                else into.Complete();
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
