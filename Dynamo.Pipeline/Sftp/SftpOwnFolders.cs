namespace Dynamo.Pipeline.Sftp;

/// <summary>Where a source puts files itself, as the server knows these folders: a listing leaves them out by whatever path or link they are named.</summary>
internal sealed class SftpOwnFolders(SftpPlace place, ReconnectingConnection line)
{
    private string? _root;
    private string?[] _own = [];

    /// <summary>Asks the server. What it does not know is told by its path alone.</summary>
    public async Task FindAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            SftpConnection connection = await line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                string?[] real = await Task.WhenAll(RealAsync(connection, place.Root), RealAsync(connection, place.Archive), RealAsync(connection, place.Quarantine))
                    .WaitAsync(cancellationToken).ConfigureAwait(false);
                (_root, _own) = (real[0], real[1..]);
                return;
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
        }
    }

    public bool Contains(string below) => place.IsOwnFolder(below) || (_root is not null && _own.Contains(SftpPlace.Join(_root, below)));

    private async Task<string?> RealAsync(SftpConnection connection, string path)
    {
        try
        {
            return place.Names.TryDecode(await connection.RealPathAsync(place.Encode(path)).ConfigureAwait(false), out string? real) ? real : null;
        }
        catch (SftpStatusException)
        {
            return null;
        }
    }
}
