namespace Dynamo.Pipeline.Host;

/// <summary>Whether two series of measurements can be told apart. Pure functions.</summary>
internal static class Statistics
{
    /// <summary>
    /// Welch's t-test, for two series whose spreads need not be equal (B. L. Welch, Biometrika 34, 1947, with Satterthwaite's degrees of
    /// freedom).
    /// </summary>
    /// <returns>
    /// The probability of means at least this far apart if the true means were equal. 1 if a series has fewer than two measurements: then
    /// nothing can be said.
    /// </returns>
    public static double Welch(Summary a, Summary b)
    {
        if (a.Count < 2 || b.Count < 2) return 1;
        double va = a.StandardError * a.StandardError, vb = b.StandardError * b.StandardError, both = va + vb;
        if (both == 0) return a.Mean == b.Mean ? 1 : 0;
        double degrees = both * both / ((va * va / (a.Count - 1)) + (vb * vb / (b.Count - 1)));
        return StudentT.TwoSided((a.Mean - b.Mean) / Math.Sqrt(both), degrees);
    }

    /// <summary>
    /// Corrects probabilities for the number of tests: one test in twenty errs, and in a large table some do (Y. Benjamini and Y.
    /// Hochberg, Journal of the Royal Statistical Society B 57, 1995). Of all corrected probabilities below 0.05,
    /// one in twenty is there by chance.
    /// </summary>
    /// <returns>In the same order: the i-th smallest of n is multiplied by n / i, but never becomes greater than a larger one.</returns>
    public static double[] BenjaminiHochberg(IReadOnlyList<double> probabilities)
    {
        double[] corrected = new double[probabilities.Count];
        double most = 1;
        int rank = probabilities.Count;
        foreach (int i in Enumerable.Range(0, probabilities.Count).OrderByDescending(i => probabilities[i]))
        {
            most = Math.Min(most, probabilities[i] * probabilities.Count / rank--);
            corrected[i] = most;
        }
        return corrected;
    }
}

/// <summary>Several measurements of the same thing, summed up.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Median">Their median; of an even number, the mean of the two in the middle.</param>
/// <param name="StandardDeviation">Their spread, with n − 1 in the denominator; 0 for a single one.</param>
/// <param name="Min">The smallest.</param>
/// <param name="Max">The largest.</param>
internal readonly record struct Summary(int Count, double Mean, double Median, double StandardDeviation, double Min, double Max)
{
    /// <summary>Sums up measurements in two passes, so that a small spread keeps its digits beside a large mean.</summary>
    /// <exception cref="ArgumentException">There are no measurements, or one is not a finite number.</exception>
    public static Summary Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) throw new ArgumentException("There is nothing to sum up.", nameof(values));
        if (!sorted.All(double.IsFinite)) throw new ArgumentException("A measurement is not a finite number.", nameof(values));
        double mean = sorted.Average();
        double squares = sorted.Sum(value => (value - mean) * (value - mean));
        int half = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[half] : sorted[half - 1] + ((sorted[half] - sorted[half - 1]) / 2);
        double deviation = sorted.Length == 1 ? 0 : Math.Sqrt(squares / (sorted.Length - 1));
        return new Summary(sorted.Length, mean, median, deviation, sorted[0], sorted[^1]);
    }

    /// <summary>The standard error of the mean: how far the mean would move if everything were measured again.</summary>
    public double StandardError => StandardDeviation / Math.Sqrt(Count);

    /// <summary>
    /// Half the width of the interval that holds the true mean with 95 % confidence (Student's t). Not a number for a single measurement.
    /// </summary>
    public double Confidence95 => Count < 2 ? double.NaN : StudentT.Quantile(0.975, Count - 1) * StandardError;
}

/// <summary>
/// Student's t distribution, from the regularized incomplete beta function (NIST Digital Library of Mathematical Functions, §8.17; the
/// continued fraction is 8.17.22). At least ten digits are right for the degrees of freedom that measurements have.
/// </summary>
internal static class StudentT
{
    private const int MostSteps = 10_000;
    private const double Smallest = 1e-300;

    /// <summary>Lanczos' coefficients for g = 7 and nine terms (C. Lanczos, SIAM J. Numer. Anal. B 1, 1964).</summary>
    private static readonly double[] s_lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>
    /// The probability of a value at least this far from 0, on either side. Degrees of freedom are above 0 and need not be whole.
    /// </summary>
    public static double TwoSided(double t, double degrees)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degrees);
        return double.IsInfinity(t) ? 0 : IncompleteBeta(degrees / (degrees + (t * t)), degrees / 2, 0.5);
    }

    /// <summary>The probability of a value up to this one.</summary>
    public static double Cumulative(double t, double degrees) => t < 0 ? TwoSided(t, degrees) / 2 : 1 - (TwoSided(t, degrees) / 2);

    /// <summary>The value below which a share of all values lies.</summary>
    public static double Quantile(double share, double degrees)
    {
        if (share is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "A share is above 0 and below 1.");
        if (share < 0.5) return -Quantile(1 - share, degrees);
        double low = 0, high = 1;
        while (Cumulative(high, degrees) < share) high *= 2;
        while (high - low > 1e-12 * high)
        {
            double middle = low + ((high - low) / 2);
            if (middle <= low || middle >= high) break;
            if (Cumulative(middle, degrees) < share) low = middle;
            else high = middle;
        }
        return high;
    }

    private static double IncompleteBeta(double x, double a, double b)
    {
        if (x is 0 or 1) return x;
        double front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + (a * Math.Log(x)) + (b * Math.Log(1 - x)));
        // The fraction converges fast on this side of its mean.
        return x < (a + 1) / (a + b + 2) ? front * Fraction(x, a, b) / a : 1 - (front * Fraction(1 - x, b, a) / b);
    }

    /// <summary>The continued fraction by Lentz' method (W. J. Lentz, Applied Optics 15, 1976).</summary>
    private static double Fraction(double x, double a, double b)
    {
        double c = 1, d = 1 / NotZero(1 - ((a + b) * x / (a + 1))), result = d;
        for (int m = 1; m < MostSteps; m++)
        {
            double even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            double odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / NotZero(1 + (even * d));
            c = NotZero(1 + (even / c));
            result *= d * c;
            d = 1 / NotZero(1 + (odd * d));
            c = NotZero(1 + (odd / c));
            double step = d * c;
            result *= step;
            if (Math.Abs(step - 1) < 1e-15) break;
        }
        return result;
    }

    private static double NotZero(double value) => Math.Abs(value) < Smallest ? Smallest : value;

    private static double LogGamma(double x)
    {
        if (x < 0.5) return Math.Log(Math.PI / Math.Sin(Math.PI * x)) - LogGamma(1 - x);
        double sum = s_lanczos[0], t = x + 6.5;
        for (int i = 1; i < s_lanczos.Length; i++) sum += s_lanczos[i] / (x - 1 + i);
        return (0.5 * Math.Log(2 * Math.PI)) + ((x - 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }
}
