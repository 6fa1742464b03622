using System.Collections.Concurrent;

namespace Dynamo.Pipeline.Sftp;

/// <summary>Makes the folders that files are put aside in, each once. Thread-safe.</summary>
internal sealed class SftpFolders(string source, SftpPlace place)
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _made = new(StringComparer.Ordinal);

    /// <summary>Makes a folder and those above it, unless they are there.</summary>
    public async Task EnsureAsync(SftpConnection connection, string folder)
    {
        Lazy<Task> made = _made.GetOrAdd(folder, path => new Lazy<Task>(() => MakeAsync(connection, path)));
        try
        {
            await made.Value.ConfigureAwait(false);
        }
        catch
        {
            _made.TryRemove(new KeyValuePair<string, Lazy<Task>>(folder, made));
            throw;
        }
    }

    /// <summary>Whether somebody removed it since it was made.</summary>
    public async Task<bool> IsGoneAsync(SftpConnection connection, string folder)
    {
        if (await connection.StatAsync(place.Encode(folder)).ConfigureAwait(false) is not null) return false;
        _made.Clear();
        return true;
    }

    private async Task MakeAsync(SftpConnection connection, string folder)
    {
        byte[] path = place.Encode(folder);
        if (folder.Length == 0 || await connection.StatAsync(path).ConfigureAwait(false) is not null) return;
        // The root is the user's: where it is missing, it is not for us to make.
        if (folder != place.Root && folder.Contains('/')) await EnsureAsync(connection, SftpPlace.FolderOfPath(folder)).ConfigureAwait(false);
        SftpStatus status = await connection.MakeFolderAsync(path).ConfigureAwait(false);
        // "Exists" has no code of its own in version 3.
        if (status.IsOk || await connection.StatAsync(path).ConfigureAwait(false) is not null) return;
        throw SftpFaults.Completing(source, "made", folder, status);
    }
}
