namespace Dynamo.Pipeline.Host;

/// <summary>
/// Random numbers that depend only on the arguments: the finalizer of SplitMix64 (Steele, Lea, Flood 2014), applied to them in turn.
/// Any thread can draw any value in any order. Only integers are used, so the values are the same on every machine.
/// </summary>
internal static class SplitMix
{
    public static ulong Hash(ulong seed, ulong stream, ulong a, ulong b = 0) => Mix(Mix(Mix(seed, stream), a), b);

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    public static long Between(ulong hash, long least, long most) => least + (long)(hash % (ulong)(most - least + 1));

    /// <summary>Whether something of this share happens. 53 bits, so that the product is exact.</summary>
    public static bool Happens(ulong hash, double share) => hash >> 11 < (ulong)(share * (1UL << 53));

    private static ulong Mix(ulong state, ulong value)
    {
        ulong z = (state ^ value) + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
