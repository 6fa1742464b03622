using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The published colours: green for fast, through yellow, to red for slow. They are light enough for black text. The best cell stands out
/// with bold white text on dark green.
/// </summary>
/// <param name="R">Red, 0 to 255.</param>
/// <param name="G">Green, 0 to 255.</param>
/// <param name="B">Blue, 0 to 255.</param>
internal readonly record struct HeatColor(byte R, byte G, byte B)
{
    private static readonly HeatColor[] s_scale =
        [new(99, 190, 123), new(177, 212, 127), new(255, 235, 132), new(250, 170, 119), new(248, 105, 107)];

    /// <summary>The colour of the best cell.</summary>
    public static HeatColor Best { get; } = new(11, 93, 46);

    /// <summary>The colour of a cell.</summary>
    public static HeatColor Of(TuningVerdict cell, TuningAnalysis analysis) =>
        cell == analysis.Best ? Best : Of(cell.Seconds.Mean, analysis.Best.Seconds.Mean, analysis.Worst.Seconds.Mean);

    /// <summary>A colour of the scale, which is logarithmic: from once to twice the time is as far as from twice to four times.</summary>
    public static HeatColor Of(double seconds, double fastest, double slowest)
    {
        double share = slowest > fastest && fastest > 0 ? Math.Log(seconds / fastest) / Math.Log(slowest / fastest) : 0;
        double place = Math.Clamp(share, 0, 1) * (s_scale.Length - 1);
        int below = Math.Min((int)place, s_scale.Length - 2);
        return Mix(s_scale[below], s_scale[below + 1], place - below);
    }

    /// <summary>As CSS writes it: <c>#63be7b</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"#{R:x2}{G:x2}{B:x2}");

    private static HeatColor Mix(HeatColor a, HeatColor b, double share) =>
        new(Mix(a.R, b.R, share), Mix(a.G, b.G, share), Mix(a.B, b.B, share));

    private static byte Mix(byte a, byte b, double share) => (byte)Math.Round(a + ((b - a) * share));
}
