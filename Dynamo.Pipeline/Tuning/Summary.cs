namespace Dynamo.Pipeline;

/// <summary>What several measurements of the same thing say together.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Median">Their median: half are below, half above; of an even number, the middle between the two in the middle.</param>
/// <param name="StandardDeviation">Their spread, with n − 1 in the denominator; 0 for a single one.</param>
/// <param name="Min">The smallest.</param>
/// <param name="Max">The largest.</param>
public readonly record struct Summary(int Count, double Mean, double Median, double StandardDeviation, double Min, double Max)
{
    /// <summary>Sums up measurements, in two passes, so that a large mean costs a small spread no digits.</summary>
    /// <param name="values">At least one, all finite.</param>
    /// <returns>The summary.</returns>
    /// <exception cref="ArgumentException">There are none, or one is not a number.</exception>
    public static Summary Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) throw new ArgumentException("There is nothing to sum up.", nameof(values));
        if (!sorted.All(double.IsFinite)) throw new ArgumentException("A measurement is not a finite number.", nameof(values));
        double mean = sorted.Average();
        double squares = sorted.Sum(value => (value - mean) * (value - mean));
        int half = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[half] : sorted[half - 1] + ((sorted[half] - sorted[half - 1]) / 2);
        return new Summary(sorted.Length, mean, median, sorted.Length == 1 ? 0 : Math.Sqrt(squares / (sorted.Length - 1)), sorted[0], sorted[^1]);
    }

    /// <summary>The standard error of the mean: how far it would move if everything were measured again.</summary>
    public double StandardError => StandardDeviation / Math.Sqrt(Count);

    /// <summary>Half the width of the interval that holds the true mean with 95 % confidence (Student's t); not a number for a single measurement.</summary>
    public double Confidence95 => Count < 2 ? double.NaN : StudentT.Quantile(0.975, Count - 1) * StandardError;
}
