namespace Dynamo.Pipeline.Analysis;

/// <summary>Statistics that a few wild values do not move.</summary>
internal static class Robust
{
    /// <summary>The median absolute deviation of a normal distribution is this part of its standard deviation.</summary>
    public const double MadOfNormal = 0.67449;

    /// <summary>A quantile of sorted values, interpolated; <see cref="double.NaN"/> of none.</summary>
    public static double Quantile(ReadOnlySpan<float> sorted, double quantile)
    {
        if (sorted.IsEmpty) return double.NaN;
        double at = quantile * (sorted.Length - 1);
        int below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    /// <summary>The median of the values that are there; sorts them. <see cref="double.NaN"/> of none.</summary>
    public static double Median(Span<double> values)
    {
        // NaN sorts first.
        values.Sort();
        int missing = 0;
        while (missing < values.Length && double.IsNaN(values[missing])) missing++;
        values = values[missing..];
        return values.IsEmpty ? double.NaN
            : values.Length % 2 == 1 ? values[values.Length / 2] : (values[values.Length / 2 - 1] + values[values.Length / 2]) / 2;
    }

    /// <summary>The standard deviation of the normal distribution that has the median absolute deviation of these values; sorts
    /// them.</summary>
    public static double Deviation(Span<double> values)
    {
        double median = Median(values);
        for (int i = 0; i < values.Length; i++) values[i] = Math.Abs(values[i] - median);
        return Median(values) / MadOfNormal;
    }
}
