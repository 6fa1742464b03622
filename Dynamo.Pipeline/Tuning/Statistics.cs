namespace Dynamo.Pipeline;

/// <summary>Whether two series of measurements can be told apart. Pure functions.</summary>
public static class Statistics
{
    /// <summary>
    /// Welch's t-test, for two series whose spreads need not be equal (B. L. Welch, Biometrika 34, 1947, with Satterthwaite's degrees of freedom).
    /// </summary>
    /// <param name="a">One series.</param>
    /// <param name="b">The other one.</param>
    /// <returns>
    /// The probability of means at least this far apart if the true means were equal. 1 when one series has fewer than two measurements: nothing can be said then.
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
    /// Corrects probabilities for having been asked many times, as the one in twenty that errs would show up in every large table
    /// (Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995): of all that are then below 0.05, one in twenty is so by chance.
    /// </summary>
    /// <param name="probabilities">From as many tests.</param>
    /// <returns>In step with them: the i-th smallest of n counts n / i-fold, and none more than a larger one.</returns>
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
