using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// Lists one folder with many READDIRs under way on one handle: a server answers about 100 names each, so that one at a time a large folder takes
/// hundreds of round trips. Surplus requests are answered with the end. Entries come as they arrive; what nobody took yet is bounded by the depth.
/// </summary>
internal static class SftpListing
{
    private const int Depth = 32;

    /// <summary>Lists a folder.</summary>
    /// <param name="connection">The session.</param>
    /// <param name="path">The folder, encoded.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The server's answers, a batch of entries each, with <c>.</c> and <c>..</c> among them.</returns>
    /// <exception cref="SftpStatusException">The folder cannot be opened or read.</exception>
    /// <exception cref="SftpConnectionException">The session ended.</exception>
    public static async IAsyncEnumerable<SftpEntry[]> ListAsync(
        SftpConnection connection, byte[] path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] handle = await connection.OpenFolderAsync(path).WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var underway = new Queue<Task<SftpEntry[]?>>();
            bool isEnd = false;
            for (int i = 0; i < Depth; i++) underway.Enqueue(connection.ReadFolderAsync(handle));
            while (underway.TryDequeue(out Task<SftpEntry[]?>? next))
            {
                SftpEntry[]? entries = await next.WaitAsync(cancellationToken).ConfigureAwait(false);
                isEnd |= entries is null;
                if (entries is null) continue;
                if (!isEnd) underway.Enqueue(connection.ReadFolderAsync(handle));
                yield return entries;
            }
        }
        finally
        {
            connection.SendClose(handle);
        }
    }
}
