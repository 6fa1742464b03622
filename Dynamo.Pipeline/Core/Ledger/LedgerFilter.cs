namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// Remembers in constant memory which files may be in a ledger that was empty when the run began, to avoid look-ups that
/// cannot find anything. It may return true for a file that is not in the ledger, but never false for one that is.
/// Thread-safe.
/// </summary>
internal sealed class LedgerFilter
{
    private const int Bits = 1 << 23;

    /// <summary>A megabyte, pinned so that no collection copies it.</summary>
    private readonly int[] _words = GC.AllocateArray<int>(Bits / 32, pinned: true);

    public void Add(SourceFile file)
    {
        int bit = BitOf(file);
        Interlocked.Or(ref _words[bit >> 5], 1 << (bit & 31));
    }

    public bool MayHold(SourceFile file)
    {
        int bit = BitOf(file);
        return (Volatile.Read(ref _words[bit >> 5]) & (1 << (bit & 31))) != 0;
    }

    private static int BitOf(SourceFile file) => file.Path.GetHashCode(StringComparison.Ordinal) & (Bits - 1);
}
