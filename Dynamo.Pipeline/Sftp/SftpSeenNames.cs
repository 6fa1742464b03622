namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The names of a folder that were taken, as 64-bit hashes: a million take 24 MB. Two names with one hash would leave the second one out of a run;
/// the seed is drawn anew for each listing, so that the next run takes it, and so that nobody can prepare such names.
/// </summary>
internal sealed class SftpSeenNames
{
    private readonly HashSet<ulong> _hashes = [];
    private readonly ulong _seed = (ulong)Random.Shared.NextInt64();

    public bool Add(ReadOnlySpan<byte> name)
    {
        // FNV-1a with a final mix.
        ulong hash = 14695981039346656037 ^ _seed;
        foreach (byte b in name) hash = (hash ^ b) * 1099511628211;
        hash ^= hash >> 32;
        return _hashes.Add(hash * 0x9E3779B97F4A7C15);
    }
}
