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

    /// <summary>The median of the values that are there; changes their order. <see cref="double.NaN"/> of none.</summary>
    public static double Median(Span<double> values)
    {
        int count = 0;
        for (int i = 0; i < values.Length; i++)
            if (!double.IsNaN(values[i])) (values[count++], values[i]) = (values[i], values[count - 1]);
        if (count == 0) return double.NaN;
        values = values[..count];
        int half = count / 2;
        Select(values, half);
        if (count % 2 == 1) return values[half];
        double below = double.NegativeInfinity;
        foreach (double value in values[..half]) below = Math.Max(below, value);
        return (below + values[half]) / 2;
    }

    /// <summary>
    /// Puts that value at a place which is there when all are sorted, none that is larger before it and none that is smaller behind it
    /// (C. A. R. Hoare, Algorithm 65: Find, Communications of the ACM 4, 1961; the middle of three parts).
    /// </summary>
    private static void Select(Span<double> values, int place)
    {
        int low = 0, high = values.Length - 1;
        while (high - low > 16)
        {
            double a = values[low], b = values[(low + high) / 2], c = values[high];
            double middle = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
            int i = low, j = high;
            while (i <= j)
            {
                while (values[i] < middle) i++;
                while (values[j] > middle) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }
            if (place <= j) high = j;
            else if (place >= i) low = i;
            else return;
        }
        values[low..(high + 1)].Sort();
    }

    /// <summary>The standard deviation of the normal distribution that has the median absolute deviation of these values; changes
    /// their order.</summary>
    public static double Deviation(Span<double> values)
    {
        double median = Median(values);
        for (int i = 0; i < values.Length; i++) values[i] = Math.Abs(values[i] - median);
        return Median(values) / MadOfNormal;
    }
}
