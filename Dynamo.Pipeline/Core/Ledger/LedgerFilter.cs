namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// Remembers, in constant memory, which files may be in a ledger that was empty when the run began: a look-up that cannot find anything is spared.
/// May say "perhaps" of a file that is not there, never "no" of one that is. Written by one thread, read by others.
/// </summary>
internal sealed class LedgerFilter
{
    private const int Bits = 1 << 23;
    private readonly int[] _words = new int[Bits / 32];

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
