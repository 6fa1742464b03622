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
    /// (S. Holm, Scandinavian Journal of Statistics 6, 1979): the smallest counts n-fold, the next n − 1-fold, and so on, never falling.
    /// </summary>
    /// <param name="probabilities">From as many tests.</param>
    /// <returns>In step with them, none smaller than it was, and none above 1.</returns>
    public static double[] Holm(IReadOnlyList<double> probabilities)
    {
        double[] corrected = new double[probabilities.Count];
        double least = 0;
        int rank = 0;
        foreach (int i in Enumerable.Range(0, probabilities.Count).OrderBy(i => probabilities[i]))
        {
            least = Math.Max(least, Math.Min(1, probabilities[i] * (probabilities.Count - rank++)));
            corrected[i] = least;
        }
        return corrected;
    }
}
